import type { PendingWrite } from '../auth/audit.ts'

/** One login that can be refreshed. Times are epoch milliseconds. */
export interface Session {
  /** UUIDv7, lower case: the claim `sid` of its access tokens. */
  readonly id: string
  readonly userId: string
  /** The backend that authenticated, and its id for the account. */
  readonly backend: string
  readonly subject: string
  readonly clientId: string
  readonly audience: string
  /** What was granted where a scope was asked for. */
  readonly scope: string | null
  /** RFC 8176: how the user was authenticated. */
  readonly amr: readonly string[]
  /** How often its refresh token was rotated: the token with this number is the live one. */
  readonly counter: number
  readonly rotatedAt: number
  readonly authenticatedAt: number
  readonly createdAt: number
  /** The absolute end. */
  readonly expiresAt: number
  /** The end where nobody refreshes it before; never after the absolute one. */
  readonly idleExpiresAt: number
}

/** Which sessions are asked for. */
export interface SessionQuery {
  /** The last id of the page before. */
  readonly cursor?: string | undefined
  readonly limit: number
  readonly userId?: string | undefined
  readonly clientId?: string | undefined
  /** Those of users whose e-mail begins so. */
  readonly search?: string | undefined
  /** Those of one of these backends. */
  readonly backends?: readonly string[] | undefined
  /** Those alone that nothing has ended by then. */
  readonly liveAt?: number | undefined
}

/** A session as people see it. */
export const sessionAsJson = ({ id, userId, backend, subject, clientId, audience, scope, ...times }: Session) => ({
  ...{ id, user: userId, backend, subject, client: clientId, audience, scope },
  authenticatedAt: iso(times.authenticatedAt),
  refreshedAt: iso(times.rotatedAt),
  expiresAt: iso(times.idleExpiresAt)
})

const iso = (at: number): string => new Date(at).toISOString()

/** No access token lives longer (the limit of `tokens.accessTtl`, and clocks that differ). */
export const longestAccessTokenMs = 24 * 3_600_000 + 60_000

/** The sessions in the database, and the tokens that are dead before their time. Throws `TemporarilyUnavailable`. */
export interface SessionStore {
  /** Begins a session; refused where the user is gone. */
  creation(session: Session): PendingWrite
  byId(id: string): Promise<Session | undefined>
  /** Newest first. */
  ofUser(userId: string): Promise<readonly Session[]>
  /** By id, so that one that begins meanwhile comes last. */
  list(options: SessionQuery): Promise<readonly Session[]>
  /** Moves the counter from `counter` to the next; refused where somebody else did, or the session is gone. */
  rotation(id: string, counter: number, times: { at: number; idleExpiresAt: number }): PendingWrite
  /** Ends sessions: their rows go, and until `deadUntil` their access tokens are dead. */
  end(ids: readonly string[], deadUntil: number): Promise<void>
  /** Remembers an access token by its `jti` as dead until it has expired. */
  revoke(jti: string, expiresAt: number): Promise<void>
  /** Whether an access token or its session was revoked. */
  isRevoked(token: { jti: string; sid: string }): Promise<boolean>
  /** Removes up to `limit` sessions and as many remembered tokens that have expired; answers how many went. */
  removeExpired(now: number, limit: number): Promise<number>
}
