import type { PasswordRefusedReason } from '../errors.ts'
import type { BreakerStatus } from './breaker.ts'
import type { Log } from './ports.ts'

/** A user name and a password, as they were typed; both are free of control characters and U+FFFD. */
export interface PasswordCredentials {
  readonly kind: 'password'
  readonly username: string
  readonly password: string
}

/** A token from elsewhere, with its type (RFC 8693 section 3). */
export interface TokenCredentials {
  readonly kind: 'token'
  readonly token: string
  readonly tokenType: string
}

/** The headers of a request, names in lower case, as often as they came, and the address of the socket's other end. */
export interface HeaderCredentials {
  readonly kind: 'header'
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly peer: string
}

/** What a caller presents. */
export type Credentials = PasswordCredentials | TokenCredentials | HeaderCredentials

/** A value of a user's field; dates are ISO 8601 strings. */
export type AttributeValue = string | number | boolean

/** A user's fields by their names (`firstName`, `lastName`, `displayName`, `initials`, `employeeNumber`, and one's own). */
export type Attributes = Readonly<Record<string, AttributeValue>>

/** The account as one backend knows it. */
export interface Identity {
  /** The backend's immutable id for the account, compared as bytes, at most 255 of them. */
  readonly subject: string
  /** The canonical login name, as the source writes it. */
  readonly username: string
  /** The addresses of the first e-mail attribute that has any, as the source writes them. Several that tie are refused. */
  readonly emails: readonly string[]
  /** What the source itself says of the address (OpenID Connect's `email_verified`). */
  readonly emailVerified?: boolean
  readonly attributes: Attributes
  /** This source makes the user a superuser, for as long as this identity says so. */
  readonly isSuperuser?: boolean
  /**
   * The local groups that this source puts the user into: its memberships become exactly these, and groups that are missing
   * are made. Absent: it touches none.
   */
  readonly mirroredGroups?: readonly string[]
  /** The source's own single-valued attributes, for templates such as `email.fallback`. */
  readonly source?: Readonly<Record<string, string>>
  /**
   * What the backend wants to know of the account when it is asked for permissions without a new proof: kept with the
   * identity as it stands here, in place of what was kept before. Text of 32 KiB at most, and no secret.
   */
  readonly remembered?: string
  /** Set by a backend over our own table alone: the user that this identity is, whatever the e-mail. */
  readonly userId?: string
  /** The backend's own handle (an entry, a row), given back to its `permissions` within the same login. */
  readonly native?: unknown
}

/** Why credentials were rejected, for the log; the caller never learns it. */
export type RejectedReason =
  | 'wrong-password'
  | 'empty-password'
  | 'ambiguous'
  | 'not-required'
  | 'expired'
  | 'malformed'
  | 'wrong-type'
  | 'wrong-algorithm'
  | 'unknown-key'
  | 'wrong-signature'
  | 'wrong-audience'
  | 'wrong-actor'
  | 'bound-to-a-key'
  | 'not-yet-valid'
  | 'too-old'
  | 'used-before'

/**
 * Why an account is refused although it exists, for the log. `password-expired` and `must-change-password` are for a
 * password that was right alone: these two reach the caller.
 */
export type DeniedReason =
  | 'disabled'
  | 'locked'
  | 'expired'
  | 'password-expired'
  | 'must-change-password'
  | 'not-allowed'

/** What a source says of a password that was right, and may soon be no more. */
export interface PasswordWarnings {
  readonly passwordExpiresInSeconds?: number
  /** How often the password will do although it has expired. */
  readonly graceLoginsLeft?: number
}

/** How long a proof holds, where the source can't be asked for the account again. Epoch milliseconds. */
export interface Proof {
  /** What follows from it ends no later. */
  readonly until: number
  /** When the credentials themselves expire, where they do. */
  readonly expiresAt?: number
}

/** An account that goes over to our own table: from its first right password on, `local` has it. */
export interface MoveToLocal {
  /** What the account logged in with so far. */
  readonly loginNames: readonly string[]
}

/** What a backend answers to credentials. That it could not tell is thrown: `BackendUnavailable`. */
export type Verdict =
  | {
      readonly outcome: 'accepted'
      readonly identity: Identity
      readonly warnings?: PasswordWarnings
      /** Absent: it holds for as long as `identity` says so, or for an hour where the backend has none. */
      readonly proof?: Proof
      /** The account is this backend's for the last time. It answers `unknown` for whom `MovedAccounts` knows. */
      readonly move?: MoveToLocal
    }
  | { readonly outcome: 'rejected'; readonly reason: RejectedReason }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'denied'; readonly reason: DeniedReason; readonly subject?: string }

/** What a backend answers to a new password: the old one is verified before. */
export type PasswordChange =
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'rejected'; readonly reason: RejectedReason }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'denied'; readonly reason: DeniedReason }
  | { readonly outcome: 'refused'; readonly reason: PasswordRefusedReason }

/** What a backend answers when it is asked for an account again: at a refresh, by a subject that it gave. */
export type IdentityAnswer =
  | { readonly state: 'present'; readonly identity: Identity }
  | { readonly state: 'gone' }
  | { readonly state: 'disabled'; readonly reason: DeniedReason }

/** An object that a permission may be held on. */
export interface PermissionObject {
  readonly type: string
  readonly id: string
}

/** The question for somebody's permissions. */
export interface PermissionRequest {
  /** The backend's subject, or `null` for the anonymous user. */
  readonly subject: string | null
  /** The identity, where this backend gave it within the same login: saves a look-up. */
  readonly identity?: Identity
  /** What the backend gave to be remembered with this subject (`Identity.remembered`). */
  readonly remembered?: string
  /**
   * The canonical e-mail of a user who has no identity at this backend; `subject` is null then. Nobody but a backend with
   * `authorizesAll` is asked so, and only where the address is vouched for.
   */
  readonly email?: string
  /**
   * What is asked for is held on this object: generally is asked for besides, without it. Nobody with `ignoresObjects` is
   * asked so.
   */
  readonly object?: PermissionObject
}

/** A permission, and what it comes from in plain words: `group cn=editors,ou=groups,dc=example,dc=com`. */
export interface Grant {
  readonly permission: string
  readonly origin: string
}

/** What a backend says of somebody's permissions. */
export interface PermissionAnswer {
  readonly grants: readonly Grant[]
  /** False where the account is gone or disabled there: what the configuration grants to everyone it knows is left out. */
  readonly known?: boolean
  /** Patterns of permissions that this backend vetoes: a veto wins within the backend and over all later ones. */
  readonly vetoes?: readonly Grant[]
  /** Names of the groups that the account is in. */
  readonly groups?: readonly string[]
  /** Local groups whose permissions the account has as well, without being in them. */
  readonly localGroups?: readonly string[]
}

/** One thing that a backend did on its way to an answer, for `explain` and `check`. Never holds a secret. */
export interface TraceStep {
  /**
   * A short stable word: `dns`, `tcp`, `tls`, `bind`, `root-dse`, `search`, `entry`, `password`, `email`, `state`, `groups`,
   * `require`, `flags`, `permissions` …
   */
  readonly step: string
  readonly outcome: 'ok' | 'failed' | 'note'
  /** What happened, in plain words. */
  readonly text: string
  /** What to do about it, where it failed. */
  readonly remedy?: string
  readonly ms?: number
}

/** What goes along with each question to a backend. */
export interface BackendContext {
  /** Aborted when the backend's share of the time is used up; the chain waits no longer then. */
  readonly signal: AbortSignal
  /** Milliseconds that are left of that share. */
  remainingMs(): number
  readonly log: Log
  /** The id of the client that asks, and the end user's address. */
  readonly clientId: string
  readonly ip: string
  /** Headers for requests to other services (W3C Trace Context). Absent: the login is not traced. */
  readonly traceHeaders?: Readonly<Record<string, string>>
  /** Present while somebody wants to know how the answer came about. */
  readonly trace?: (step: TraceStep) => void
}

/** What goes along with credentials. */
export interface AuthenticateContext extends BackendContext {
  /** Somebody only wants to know how it would end: nothing may be used up, counted or written down. */
  readonly isRehearsal?: boolean
  /**
   * To be called between finding the account and trying its password; throws `SlowDown` while the account is locked.
   * The error passes through the backend.
   */
  found(subject: string): Promise<void>
  /**
   * Verifies a password against a stored hash of any kind that we know, in its turn, and remembers that this login has paid
   * for a hash.
   * @param options.weak takes digests without any salt too
   */
  verifyPassword(hash: string, password: string, options?: { readonly weak?: boolean }): Promise<boolean>
}

/** One configured source of identities. `open` makes it without I/O: a source that is down is met at the first question. */
export interface Backend {
  /** The kinds of credentials that it takes; for all others the chain skips it. */
  readonly takes: ReadonlyArray<Credentials['kind']>
  /** Whether its passwords are those of our own table, which are changed there. */
  readonly keepsOwnPasswords?: boolean
  /** Whether it lets users in whom an administrator made inactive (Django's AllowAllUsersModelBackend). */
  readonly allowsInactive?: boolean
  /** Whether it tells the permissions of users of other backends too, whom it finds by e-mail. */
  readonly authorizesAll?: boolean
  /** Whether its permissions are the same whatever the object: spares it the second question. */
  readonly ignoresObjects?: boolean
  /** @throws {BackendUnavailable} where it could not tell. */
  authenticate(credentials: Credentials, context: AuthenticateContext): Promise<Verdict>
  /**
   * As `authenticate` would end with the right password, without trying any: for `explain`. Absent: it can't tell.
   * @throws {BackendUnavailable}
   */
  lookUp?(username: string, context: BackendContext): Promise<Verdict>
  /** Django's get_user, past any cache. Absent: the source can't be asked. @throws {BackendUnavailable} */
  identity?(subject: string, context: BackendContext): Promise<IdentityAnswer>
  /**
   * Everybody whom it would let in, each once, for a sync in advance. Absent: the source can't be listed.
   * @throws {BackendUnavailable} at any point; then nothing follows from who was missing
   */
  identities?(context: BackendContext): AsyncIterable<Identity>
  /** Absent: the source knows no permissions. @throws {BackendUnavailable} */
  permissions?(request: PermissionRequest, context: BackendContext): Promise<PermissionAnswer>
  /** As the user, who knows the old password. Absent: the source takes no new ones. @throws {BackendUnavailable} */
  changePassword?(
    subject: string,
    oldPassword: string,
    newPassword: string,
    context: BackendContext
  ): Promise<PasswordChange>
  /** Asks the source whether it answers, for `check` and `/status`. @throws {BackendUnavailable} */
  probe?(context: BackendContext): Promise<void>
  /** For a backend that remembers by itself who is dead, and tries again by itself: the chain keeps no breaker for it. */
  availability?(): BreakerStatus
  close?(): Promise<void>
}
