import { readFile } from 'node:fs/promises'
import { createServer as createPlainServer, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { Test } from 'tap'
import type { Certificates } from './certificates.ts'

/** A key of an issuer, with its public part as it is published. */
export interface IssuerKey {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

/** Makes a key. */
export async function issuerKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** An OpenID provider, as far as its tokens are verified: discovery and keys, which a test may change. */
export interface TestIssuer {
  readonly url: string
  /** What is published. */
  published: readonly object[]
  /** What is answered in place of the documents. */
  instead: RequestListener | undefined
  /** More of the discovery document. */
  metadata: Record<string, unknown>
  /** How often the keys were asked for. */
  readonly fetched: () => number
  /** A token with everything that a good one has, but for what is said otherwise; `undefined` leaves a claim out. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>, key?: IssuerKey): Promise<string>
  close(): Promise<void>
}

/** Starts an issuer on a port of its own; over TLS where there are certificates, below a path where it has one. */
export async function startIssuer(
  t: Test,
  key: IssuerKey,
  certificates?: Certificates,
  path = ''
): Promise<TestIssuer> {
  const pages = path.replace(/\/$/, '')
  let fetched = 0
  const listener: RequestListener = (request, response) => {
    const isKeys = request.url === `${pages}/keys`
    if (isKeys) fetched++
    if (issuer.instead) return issuer.instead(request, response)
    if (!isKeys && request.url !== `${pages}/.well-known/openid-configuration`) response.statusCode = 404
    const discovery = { issuer: issuer.url, jwks_uri: `${origin}${pages}/keys`, ...issuer.metadata }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(isKeys ? { keys: issuer.published } : discovery))
  }
  const server = certificates
    ? createServer({ cert: await readFile(certificates.cert), key: await readFile(certificates.key) }, listener)
    : createPlainServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.teardown(close)
  const { port } = server.address() as AddressInfo
  const origin = `${certificates ? 'https' : 'http'}://localhost:${port}`
  const issuer: TestIssuer = {
    url: `${origin}${path}`,
    published: [key.jwk],
    instead: undefined,
    metadata: { id_token_signing_alg_values_supported: ['HS256', 'none', 'ES256', 'RS256', 'EdDSA'] },
    fetched: () => fetched,
    token: (claims = {}, header = {}, by = key) => signed(by, goodClaims(issuer.url, claims), header),
    close
  }
  return issuer
}

/** Signs claims as they are. */
export const signed = (key: IssuerKey, claims: object, header: object = {}): Promise<string> =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg: key.alg, typ: 'JWT', ...(key.jwk.kid ? { kid: key.jwk.kid } : {}), ...header })
    .sign(key.privateKey)

/** The audience of the tokens. */
export const clientAtIssuer = 'latchkey-at-the-issuer'

function goodClaims(iss: string, claims: Record<string, unknown>): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return {
    ...{ iss, aud: clientAtIssuer, sub: 'subject-of-ann', iat: now, exp: now + 600, jti: `${Math.random()}` },
    ...{ email: 'ann@example.com', email_verified: true, given_name: 'Ann', preferred_username: 'ann' },
    ...claims
  }
}
