import { createPublicKey } from 'node:crypto'
import type { Log } from '../auth/ports.ts'
import type { Algorithm, StoredKey } from './key-store.ts'
import { type PrivateKey, type PublicJwk, publicJwkOf } from './new-key.ts'
import { applyOwnKeys } from './own-keys.ts'
import { advanceKeys, type CommitKeyAct, keyIn, type RotationTimes, type RotationTools } from './rotation.ts'
import type { Seal } from './seal.ts'
import { createSigner } from './sign.ts'

/** The header `typ` of an access token: RFC 9068 2.1, or what decoders that know only RFC 7519 accept. */
export type TokenType = 'at+jwt' | 'JWT'

/** The header `typ` of what we sign; RFC 9701 5 for an answer of `/introspect`. */
export type SignedType = TokenType | 'token-introspection+jwt'

/** A key that verifies tokens of ours. */
export interface VerificationKey {
  readonly algorithm: Algorithm
  /** SPKI in PEM. */
  readonly pem: string
}

/** The service's signing keys, as the database had them a moment ago. */
export interface KeyRing {
  /** Signs claims with the current key of the algorithm, as a compact JWS (RFC 7515 7.1). */
  sign(claims: object, algorithm: Algorithm, typ: SignedType): Promise<string>
  verificationKey(kid: string): VerificationKey | undefined
  /** The same; an unknown key is looked for in the database, once a second at most. */
  findKey(kid: string): Promise<VerificationKey | undefined>
  /** The key set (RFC 7517 5): every key that a token may still be signed with, or soon will be. */
  jwks(): { readonly keys: readonly PublicJwk[] }
  /** Does what is due and reads the keys again; keeps those that it has where the database does not answer. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** What a key ring is opened with. */
export interface KeyRingOptions extends RotationTools {
  /** Keys from files of the configuration, one an algorithm at most. */
  readonly own: readonly PrivateKey[]
  readonly times: RotationTimes
  /** How often the keys are read again. */
  readonly rereadMs: number
  readonly log: Log
  /** Writes each change that nobody asked for. */
  readonly commit: CommitKeyAct
}

/** The sealed keys in the database can't be opened: the service's secret is not the one that they were sealed with. */
export class WrongSecret extends Error {
  constructor() {
    super('the signing keys in the database were sealed with another secret (LATCHKEY_SECRET)')
    this.name = 'WrongSecret'
  }
}

type Sign = ReturnType<typeof createSigner>

interface SigningKey {
  readonly kid: string
  readonly signers: Readonly<Record<SignedType, Sign>>
}

/** What a reading of the database came to. */
interface Reading {
  readonly published: readonly PublicJwk[]
  readonly byKid: ReadonlyMap<string, VerificationKey>
  readonly signing: ReadonlyMap<Algorithm, SigningKey>
}

const searchMs = 1000

/**
 * Reads the keys, brings in those of the configuration, seals all with the newest secret, and makes the first of each
 * algorithm that is needed where there is none. From then on it follows the database, and changes there what is due.
 * @throws {WrongSecret} before anything is issued with a key that the others could not open
 */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { store, seal, times, log, now, commit } = options
  const found = await store.all()
  checkSecret(found, seal)
  await reseal(found, options)
  await applyOwnKeys(found, options.own, options, { log, commit })
  let reading = readingOf(await advanced(), options)
  let isStale = false
  let underWay: Promise<void> | undefined
  let searchedAt = Number.NEGATIVE_INFINITY

  async function advanced(): Promise<readonly StoredKey[]> {
    const keys = await store.all()
    return (await advanceKeys(keys, times, options, commit)) ? store.all() : keys
  }
  const read = async (): Promise<void> => {
    try {
      reading = readingOf(await advanced(), options, reading)
      isStale = false
    } catch (err) {
      if (!isStale) log.warn({ event: 'keys_unread', err }, 'the signing keys could not be read again')
      isStale = true
    }
  }
  const refresh = (): Promise<void> => {
    underWay ??= read().finally(() => {
      underWay = undefined
    })
    return underWay
  }
  const timer = setInterval(refresh, options.rereadMs).unref()

  return {
    async sign(claims, algorithm, typ) {
      const key = reading.signing.get(algorithm)
      if (key === undefined) throw new Error(`there is no current signing key for ${algorithm}`)
      return key.signers[typ](claims)
    },
    verificationKey: (kid) => reading.byKid.get(kid),
    async findKey(kid) {
      if (!reading.byKid.has(kid) && now() - searchedAt >= searchMs) {
        searchedAt = now()
        await refresh()
      }
      return reading.byKid.get(kid)
    },
    jwks: () => ({ keys: reading.published }),
    refresh,
    async close() {
      clearInterval(timer)
      await underWay
    }
  }
}

/** @throws {WrongSecret} a key that signs, or will, can't be opened */
export function checkSecret(keys: readonly StoredKey[], seal: Seal): void {
  if (keys.some(({ sealed }) => sealed !== '' && seal.open(sealed) === undefined)) throw new WrongSecret()
}

/** Seals all keys with the newest secret, so that the old one can go. */
async function reseal(keys: readonly StoredKey[], { store, seal }: RotationTools): Promise<void> {
  for (const stored of keys) {
    const { sealed } = stored
    const key = sealed === '' || seal.isNewest(sealed) ? undefined : seal.open(sealed)
    if (key !== undefined) await store.reseal(stored, seal.seal(key))
  }
}

function readingOf(keys: readonly StoredKey[], { algorithms, seal, log }: KeyRingOptions, earlier?: Reading): Reading {
  const valid = keys.filter(({ state }) => state !== 'revoked')
  const signing = algorithms.flatMap((algorithm) => {
    const key = signingKeyOf(keyIn(keys, algorithm, 'current'), seal, log, earlier?.signing.get(algorithm))
    return key === undefined ? [] : [[algorithm, key] as const]
  })
  return {
    published: valid.map(publicJwkOf),
    byKid: new Map(valid.map((key) => [key.kid, earlier?.byKid.get(key.kid) ?? verificationKeyOf(key)])),
    signing: new Map(signing)
  }
}

/** A key that was sealed with a secret that only other replicas have can't be used: the one before is, which is published. */
function signingKeyOf(
  current: StoredKey | undefined,
  seal: Seal,
  log: Log,
  earlier: SigningKey | undefined
): SigningKey | undefined {
  if (current === undefined || current.kid === earlier?.kid) return earlier
  const key = seal.open(current.sealed)
  if (key === undefined) {
    log.error({ event: 'key_unopened', kid: current.kid }, 'the current signing key was sealed with another secret')
    return earlier
  }
  const { kid, algorithm } = current
  const signerFor = (typ: SignedType): Sign => createSigner({ key, algorithm, kid, typ })
  const introspection = 'token-introspection+jwt'
  return {
    kid,
    signers: {
      'at+jwt': signerFor('at+jwt'),
      JWT: signerFor('JWT'),
      [introspection]: signerFor(introspection)
    }
  }
}

function verificationKeyOf(key: StoredKey): VerificationKey {
  const publicKey = createPublicKey({ key: { ...publicJwkOf(key) }, format: 'jwk' })
  return { algorithm: key.algorithm, pem: publicKey.export({ format: 'pem', type: 'spki' }).toString() }
}
