import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { createLocalJWKSet, JSONWebKeySet } from 'jose'
import { fetchJson, isTrustworthyUrl } from '../../remote/fetch-json.ts'
import { fetchKeySet, keySetLimits, keySetOf, type PublishedKeys } from '../../remote/key-set.ts'
import { type JwtOptions, algorithms as known } from './options.ts'

/** The keys of one issuer and what they may be used with. */
export interface IssuerKeys {
  readonly find: ReturnType<typeof createLocalJWKSet>
  readonly algorithms: readonly string[]
}

/** Where keys come from: one try, bounded in time. @throws {Error} they can't be had */
export function keySource(options: JwtOptions, baseFolder: string): () => Promise<IssuerKeys> {
  const { issuer, jwks, algorithms = [], tls } = options
  const trusting = async () => (tls?.ca === undefined ? {} : { ca: await readFile(resolve(baseFolder, tls.ca)) })
  if (typeof jwks === 'object') return () => issuerKeys(jwks, algorithms)
  if (jwks === undefined) return async () => discover(issuer, options.algorithms, await trusting())
  if (/^https?:/i.test(jwks)) return async () => issuerKeys(await fetchKeySet(jwks, await trusting()), algorithms)
  const file = resolve(baseFolder, jwks.replace(/^file:/, ''))
  return async () => issuerKeys(await readKeySet(file), algorithms)
}

/**
 * OpenID Connect discovery 4: the document must be of this very issuer (4.3), and leads to its keys.
 */
async function discover(
  issuer: string,
  wanted: readonly string[] | undefined,
  tls: { readonly ca?: Buffer }
): Promise<IssuerKeys> {
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    ...{ accept: 'application/json', ...keySetLimits, ...tls }
  })
  const { issuer: named, jwks_uri: uri, id_token_signing_alg_values_supported: says } = Object(document)
  if (named !== issuer) throw new Error('the discovery document is of another issuer')
  if (typeof uri !== 'string' || !isAsSafe(uri, issuer))
    throw new Error('the discovery document names no usable jwks_uri')
  return issuerKeys(await fetchKeySet(uri, tls), wanted ?? usable(says))
}

/** An issuer that is reached by https has its keys behind https as well. */
const isAsSafe = (uri: string, issuer: string): boolean =>
  isTrustworthyUrl(uri) && (uri.startsWith('https:') || issuer.startsWith('http:'))

/** Nothing symmetric, whatever it says; RS256 must be among them, and is what it means where it says nothing. */
function usable(says: unknown): readonly string[] {
  const all = Array.isArray(says) ? says : ['RS256']
  return known.filter((algorithm) => all.includes(algorithm))
}

async function readKeySet(file: string): Promise<PublishedKeys> {
  if ((await stat(file)).size > keySetLimits.maxBytes) throw new Error('the key set is too large')
  return keySetOf(JSON.parse(await readFile(file, 'utf8')))
}

/** Public keys alone: no symmetric one is ever verified with, whatever else the set holds. */
async function issuerKeys({ keys }: PublishedKeys, algorithms: readonly string[]): Promise<IssuerKeys> {
  const { createLocalJWKSet } = await import('jose')
  const usable = keys.filter(({ kty, d }) => ['RSA', 'EC', 'OKP'].includes(String(kty)) && d === undefined)
  return { find: createLocalJWKSet({ keys: usable } as unknown as JSONWebKeySet), algorithms }
}
