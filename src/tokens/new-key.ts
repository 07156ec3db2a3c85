import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm, StoredKey } from './key-store.ts'
import type { Seal } from './seal.ts'

/** A public key as the key set shows it (RFC 7517 4, RFC 7518 6). */
export interface PublicJwk {
  readonly kid: string
  readonly alg: Algorithm
  readonly use: 'sig'
  readonly kty: string
  readonly [parameter: string]: string
}

/** A private key that may become one of ours. */
export interface PrivateKey {
  readonly key: KeyObject
  readonly algorithm: Algorithm
  /** It came from a file of the configuration: nobody but its owner replaces it. */
  readonly own: boolean
}

const generate = promisify(generateKeyPair)

/** Makes a key; 2048 bits where it is for RSA. */
export async function generateKey(algorithm: Algorithm): Promise<PrivateKey> {
  const { privateKey: key } = await generatePair(algorithm)
  return { key, algorithm, own: false }
}

function generatePair(algorithm: Algorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  if (algorithm === 'RS256') return generate('rsa', { modulusLength: 2048 })
  if (algorithm === 'EdDSA') return generate('ed25519')
  return generate('ec', { namedCurve: 'P-256' })
}

/** A key as it is stored: the newest of its algorithm among the keys that there are. */
export function storedKeyOf(
  { key, algorithm, own }: PrivateKey,
  state: 'current' | 'next',
  { keys, seal, at }: { readonly keys: readonly StoredKey[]; readonly seal: Seal; readonly at: number }
): StoredKey {
  const parameters = createPublicKey(key).export({ format: 'jwk' }) as Record<string, string>
  const kid = thumbprint(parameters)
  const generations = keys.filter((other) => other.algorithm === algorithm).map(({ generation }) => generation)
  return {
    kid,
    algorithm,
    generation: Math.max(0, ...generations) + 1,
    state,
    publicJwk: JSON.stringify({ ...parameters, kid, alg: algorithm, use: 'sig', ...(own ? { own } : {}) }),
    sealed: seal.seal(key.export({ format: 'pem', type: 'pkcs8' }).toString()),
    createdAt: at,
    activatedAt: state === 'current' ? at : null,
    retiredAt: null
  }
}

/** The public half as anybody may see it. */
export function publicJwkOf({ publicJwk }: StoredKey): PublicJwk {
  const { own, ...jwk } = JSON.parse(publicJwk) as PublicJwk & { own?: true }
  return jwk as PublicJwk
}

/** Whether the key came from a file of the configuration. */
export const isOwn = ({ publicJwk }: StoredKey): boolean => 'own' in (JSON.parse(publicJwk) as object)

/** RFC 7638 3: SHA-256 over the required members in lexicographic order, base64url. */
export function thumbprint(jwk: Readonly<Record<string, string>>): string {
  const required =
    { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'], OKP: ['crv', 'kty', 'x'] }[jwk.kty ?? ''] ?? []
  const members = Object.fromEntries(required.map((name) => [name, jwk[name]]))
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
