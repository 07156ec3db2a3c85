import type { StoredSecret } from './client-store.ts'

/** How a client proves who it is (OpenID Connect core 9); `none`: it does not. */
export type ClientAuthentication = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none'

/** Public keys (RFC 7517 5). */
export interface PublicKeys {
  readonly keys: ReadonlyArray<Readonly<Record<string, unknown>>>
}

/** So many requests in so long a time. */
export interface Rate {
  readonly max: number
  readonly windowMs: number
}

/** What a client is and may, wherever it is registered. */
export interface ClientDefinition {
  /** The ways that it may take. */
  readonly authentication: readonly ClientAuthentication[]
  readonly jwks?: PublicKeys
  /** Where its keys are, in place of `jwks`. */
  readonly jwksUri?: string
  readonly grants: readonly string[]
  /** Ids; never empty, its default first. */
  readonly audiences: readonly string[]
  /** The only backends that are asked for it. */
  readonly backends?: readonly string[]
  readonly chooseBackend: boolean
  /** Its own, for the grant `client_credentials`. */
  readonly permissions: readonly string[]
  readonly accessTtlSeconds?: number
  readonly refreshTtlSeconds?: number
  readonly limits?: Rate
  /** CIDRs of private addresses that `jwksUri` may have. */
  readonly allowPrivate: readonly string[]
  /** CIDRs, from which it is believed what it says of the end user's address. */
  readonly forwardedFor: readonly string[]
}

/** A registered service that calls us. */
export interface RegisteredClient extends ClientDefinition {
  readonly id: string
  readonly secrets: readonly StoredSecret[]
  /** Whether an address is in `forwardedFor`. */
  readonly handsOnFrom: (address: string) => boolean
  /** Whether an address is in `allowPrivate`. */
  readonly mayFetchFrom: (address: string) => boolean
}

/** What callers without client authentication are called. */
export const publicClientId = 'public'

/** Whether a client proves itself by a secret, as its definition is written: not by keys, and not at all. */
export const hasSecret = ({ authentication, jwks, jwksUri }: Readonly<Record<string, unknown>>): boolean =>
  (jwks ?? jwksUri) === undefined && authentication !== 'none' && authentication !== 'private_key_jwt'

/**
 * Whether an id is of the kind that users have (UUIDv7, RFC 9562 5.7): a client's own token has it as its subject, and must
 * not be mistaken for a user's (RFC 9700 4.15).
 */
export const isLikeUserId = (id: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)

/** RFC 8693 2.1. */
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Grants in which the client's own standing is what is trusted: for those alone that prove who they are. */
export const confidentialGrants: readonly string[] = [
  'password',
  'client_credentials',
  'urn:latchkey:params:oauth:grant-type:proxy'
]

/** Whether a client may use a grant at all: without a proof, neither people's passwords nor permissions of its own. */
export const mayUse = ({ grants, authentication }: ClientDefinition, grant: string): boolean =>
  grants.includes(grant) && !(authentication.includes('none') && confidentialGrants.includes(grant))
