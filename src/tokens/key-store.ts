import type { PendingWrite } from '../auth/audit.ts'

/** JWS algorithms that we sign with (RFC 7518 3.1, RFC 8037 3.1). */
export type Algorithm = 'ES256' | 'RS256' | 'EdDSA'

/**
 * What a key is for: `next` is published and signs later, `current` signs, `retired` is published until its last token is
 * dead, `revoked` is neither published nor ever used again.
 */
export type KeyState = 'current' | 'next' | 'retired' | 'revoked'

/** A signing key as it rests in the database. */
export interface StoredKey {
  /** RFC 7638 thumbprint, base64url. */
  readonly kid: string
  readonly algorithm: Algorithm
  /** Counts the keys of one algorithm from 1; unique with it, so that of two replicas one makes the next key. */
  readonly generation: number
  readonly state: KeyState
  /** The public half as a JWK (RFC 7517), JSON; with `own: true`, which is not published, where it came from a file. */
  readonly publicJwk: string
  /** The private half, sealed with the service's secret; empty once nothing may be signed with it. */
  readonly sealed: string
  /** When it was made, and so published. Epoch milliseconds, as the others. */
  readonly createdAt: number
  readonly activatedAt: number | null
  readonly retiredAt: number | null
}

/** What becomes of a key, if it still is in the state that it was read in. */
export interface KeyChange {
  readonly key: Pick<StoredKey, 'kid' | 'algorithm' | 'state'>
  readonly set: Partial<Omit<StoredKey, 'kid' | 'algorithm'>>
}

/** What becomes of the keys at once: all of it or nothing. */
export interface KeyWrite {
  readonly changes?: readonly KeyChange[]
  readonly added?: readonly StoredKey[]
}

/** The signing keys in the database: none changes without its event. Throws `TemporarilyUnavailable` where it can't answer. */
export interface KeyStore {
  /** All keys, oldest first. */
  all(): Promise<readonly StoredKey[]>
  /**
   * A change of the keys, which is written with its event. It is refused where one key is no longer in the state that it is
   * changed from, or a generation is taken: somebody else was first.
   */
  pending(write: KeyWrite): PendingWrite
  /** Seals the private half anew, if the key is as it was; to everybody it is the same key. */
  reseal(key: Pick<StoredKey, 'kid' | 'state'>, sealed: string): Promise<void>
  /** Forgets a retired key. */
  remove(kid: string): Promise<void>
}
