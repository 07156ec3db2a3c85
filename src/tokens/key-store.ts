/** JWS algorithms that we sign with (RFC 7518 3.1, RFC 8037 3.1). */
export type Algorithm = 'ES256' | 'RS256' | 'EdDSA'

/** A signing key as it rests in the database. */
export interface StoredKey {
  /** RFC 7638 thumbprint, base64url. */
  readonly kid: string
  readonly algorithm: Algorithm
  /** Counts the keys of one algorithm from 1; unique with it, so that of two replicas one makes the next key. */
  readonly generation: number
  readonly state: 'current' | 'next' | 'retired'
  /** The public half as a JWK (RFC 7517), JSON. */
  readonly publicJwk: string
  /** The private half, sealed with the service's secret. */
  readonly sealed: string
  /** Epoch milliseconds. */
  readonly createdAt: number
}

/** The signing keys in the database. Throws `TemporarilyUnavailable` where it can't answer. */
export interface KeyStore {
  /** All keys, oldest first. */
  all(): Promise<readonly StoredKey[]>
  /** `taken` where that generation of that algorithm is there already: read it instead. */
  add(key: StoredKey): Promise<'added' | 'taken'>
}
