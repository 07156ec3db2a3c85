import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm, KeyStore, StoredKey } from './key-store.ts'
import type { Seal } from './seal.ts'
import { createSigner } from './sign.ts'

/** The header `typ` of an access token: RFC 9068 2.1, or what decoders that know only RFC 7519 accept. */
export type TokenType = 'at+jwt' | 'JWT'

/** A public key as the key set shows it (RFC 7517 4, RFC 7518 6). */
export interface PublicJwk {
  readonly kid: string
  readonly alg: Algorithm
  readonly use: 'sig'
  readonly kty: string
  readonly [parameter: string]: string
}

/** A key that verifies tokens of ours. */
export interface VerificationKey {
  readonly algorithm: Algorithm
  /** SPKI in PEM. */
  readonly pem: string
}

/** The service's signing keys. */
export interface KeyRing {
  /** Signs claims with the current key of the algorithm, as a compact JWS (RFC 7515 7.1). */
  sign(claims: object, algorithm: Algorithm, typ: TokenType | 'token-introspection+jwt'): Promise<string>
  verificationKey(kid: string): VerificationKey | undefined
  /** The key set (RFC 7517 5): every key that a token may still be signed with. */
  jwks(): { readonly keys: readonly PublicJwk[] }
}

/** The sealed keys in the database can't be opened: the service's secret is not the one that they were sealed with. */
export class WrongSecret extends Error {
  constructor() {
    super('the signing keys in the database were sealed with another secret (LATCHKEY_SECRET)')
    this.name = 'WrongSecret'
  }
}

type Sign = ReturnType<typeof createSigner>

/**
 * Reads the keys, and makes the first of each algorithm that is needed where there is none; of replicas that start at once
 * one makes it.
 * @throws {WrongSecret} before anything is issued with a key that the others could not open
 */
export async function openKeyRing(options: {
  readonly store: KeyStore
  readonly seal: Seal
  readonly algorithms: readonly Algorithm[]
  /** Epoch milliseconds. */
  readonly now: () => number
}): Promise<KeyRing> {
  const keys = await readWithCurrent(options)
  const byKid = new Map(keys.map((key) => [key.kid, verificationKeyOf(key)]))
  const published = keys.map(({ publicJwk }) => JSON.parse(publicJwk) as PublicJwk)
  const signers = new Map<string, Sign>()

  const signerOf = (algorithm: Algorithm, typ: string): Sign => {
    const name = `${algorithm} ${typ}`
    const signer = signers.get(name) ?? createSignerOf(keys, algorithm, typ, options.seal)
    signers.set(name, signer)
    return signer
  }
  for (const algorithm of options.algorithms) signerOf(algorithm, 'at+jwt')

  return {
    sign: (claims, algorithm, typ) => signerOf(algorithm, typ)(claims),
    verificationKey: (kid) => byKid.get(kid),
    jwks: () => ({ keys: published })
  }
}

async function readWithCurrent(options: Parameters<typeof openKeyRing>[0]): Promise<readonly StoredKey[]> {
  const { store, seal, algorithms, now } = options
  const keys = await store.all()
  const missing = algorithms.filter((algorithm) => !keys.some((key) => key.algorithm === algorithm))
  if (missing.length === 0) return keys
  for (const algorithm of missing) await store.add(await createKey(algorithm, 1, seal, now()))
  return store.all()
}

function createSignerOf(keys: readonly StoredKey[], algorithm: Algorithm, typ: string, seal: Seal): Sign {
  const current = keys.filter((key) => key.algorithm === algorithm && key.state === 'current').at(-1)
  if (current === undefined) throw new Error(`there is no current signing key for ${algorithm}`)
  const key = seal.open(current.sealed)
  if (key === undefined) throw new WrongSecret()
  return createSigner({ key, algorithm, kid: current.kid, typ })
}

function verificationKeyOf({ algorithm, publicJwk }: StoredKey): VerificationKey {
  const key = createPublicKey({ key: JSON.parse(publicJwk), format: 'jwk' })
  return { algorithm, pem: key.export({ format: 'pem', type: 'spki' }).toString() }
}

const generate = promisify(generateKeyPair)

async function createKey(algorithm: Algorithm, generation: number, seal: Seal, at: number): Promise<StoredKey> {
  const { privateKey, publicKey } = await generatePair(algorithm)
  const parameters = publicKey.export({ format: 'jwk' }) as Record<string, string>
  const kid = thumbprint(parameters)
  return {
    kid,
    algorithm,
    generation,
    state: 'current',
    publicJwk: JSON.stringify({ ...parameters, kid, alg: algorithm, use: 'sig' }),
    sealed: seal.seal(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
    createdAt: at
  }
}

function generatePair(algorithm: Algorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  if (algorithm === 'RS256') return generate('rsa', { modulusLength: 2048 })
  if (algorithm === 'EdDSA') return generate('ed25519')
  return generate('ec', { namedCurve: 'P-256' })
}

/** RFC 7638 3: SHA-256 over the required members in lexicographic order, base64url. */
export function thumbprint(jwk: Readonly<Record<string, string>>): string {
  const required =
    { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'], OKP: ['crv', 'kty', 'x'] }[jwk.kty ?? ''] ?? []
  const members = Object.fromEntries(required.map((name) => [name, jwk[name]]))
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
