import type { PendingWrite } from './audit.ts'
import type { Attributes, Grant, PermissionObject } from './backend.ts'

/** One of a user's identities as it was last seen. */
export interface UserIdentity {
  readonly backend: string
  readonly subject: string
  readonly username: string
  /** The values that this backend gave, before any other backend's go before them. */
  readonly attributes: Attributes
  readonly isSuperuser: boolean
  /** What its backend asked to be remembered; see `Identity.remembered`. */
  readonly remembered?: string
  /** Epoch milliseconds, as all times here. */
  readonly lastSeenAt: number
}

/** The person in our table. */
export interface User {
  /** UUIDv7, lower case. */
  readonly id: string
  /** Canonical: see `canonicalEmail`. */
  readonly email: string
  /** The backend that brought the address vouched for it. */
  readonly emailVouched: boolean
  /** The merged attributes: each from its owner. */
  readonly attributes: Attributes
  /** The values that belong to our own table, set by an administrator or at the command line. */
  readonly ownAttributes: Attributes
  readonly isActive: boolean
  /** Our own flag or that of any identity. */
  readonly isSuperuser: boolean
  /** Our own flag alone. */
  readonly ownSuperuser: boolean
  readonly hasPassword: boolean
  readonly identities: readonly UserIdentity[]
  readonly createdAt: number
  readonly updatedAt: number
  readonly lastLoginAt: number | null
  /** Tokens issued before are dead; whole seconds in milliseconds. */
  readonly tokensValidFrom: number
  /** The session that lives on although its tokens are older: where the password was changed. */
  readonly sparedSession: string | null
  /** Another one after each write by administration; logins leave it alone. */
  readonly version: number
}

/** Whether what a session began or issued at this time is over: the user was logged out since, or got another password. */
export const isLoggedOut = (
  { tokensValidFrom, sparedSession }: Pick<User, 'tokensValidFrom' | 'sparedSession'>,
  at: number,
  session: string
): boolean => at < tokensValidFrom && session !== sparedSession

/** A user to be created. The id is made by the store. */
export interface NewUser {
  readonly email: string
  readonly emailVouched: boolean
  readonly attributes: Attributes
  readonly ownAttributes: Attributes
  readonly isSuperuser: boolean
  /** PHC string or null. */
  readonly passwordHash: string | null
  readonly lastLoginAt: number | null
  readonly at: number
}

/** What a login changes of a user and of the identity that logged in. */
export interface LoginRecord {
  readonly userId: string
  readonly identity: UserIdentity
  /** Nothing of the identity differs from what was read, but when it was seen. */
  readonly isSameAccount?: boolean
  /** Absent: the same as before. */
  readonly email?: { readonly value: string; readonly vouched: boolean }
  /** Absent: the same as before. */
  readonly attributes?: Attributes
  /** False: the account was seen, but nobody logged in. Default: true. */
  readonly isLogin?: boolean
  readonly at: number
  /** Nothing is written to a user who was administered or logged out since this was read. Absent: whatever is there. */
  readonly asRead?: Pick<User, 'version' | 'tokensValidFrom'>
  /** The user's e-mail afterwards and the names of the fields that change, where any does: for those who are told. */
  readonly changed?: { readonly email: string; readonly fields: readonly string[] }
}

/** A new password for somebody whose old one, or other knowledge, was proved against what was read. */
export interface PasswordReplacement {
  /** The hash that was read; null: none was set. */
  readonly from: string | null
  readonly to: string
  readonly at: number
  /** As for `logOut`. */
  readonly spare?: string
}

/** An account of another backend that goes over to our own table. */
export interface Move {
  readonly userId: string
  readonly backend: string
  readonly subject: string
  readonly passwordHash: string
  /** As `loginName` gives them; those that somebody has are left out. */
  readonly loginNames: readonly string[]
  readonly at: number
}

/** The permissions that are stored with us for one user, direct and by groups, and the names of these groups. */
export interface StoredPermissions {
  readonly grants: readonly Grant[]
  readonly groups: readonly string[]
}

/** What users can be listed in the order of; `id` is the order in which they were created. */
export const userOrders = ['id', 'email', 'createdAt', 'lastLoginAt'] as const

/** Which users, and which page of them. What is absent asks nothing. */
export interface UserQuery {
  /** Prefix of the e-mail, canonical. */
  readonly search?: string
  readonly isActive?: boolean
  /** By our own flag or by an identity. */
  readonly isSuperuser?: boolean
  /** The backends whose identities count for `isSuperuser`. Absent: any. */
  readonly superuserBackends?: readonly string[]
  /** The name of a group that they are in. */
  readonly group?: string
  /** A permission that is stored for them, direct or by a group. */
  readonly permission?: string
  /** The id of a backend where they have an identity; `local`: who has a password of ours. */
  readonly backend?: string
  /** Default: `id`, or `email` where there is something to search for. Those who never logged in are before all others. */
  readonly order?: (typeof userOrders)[number]
  readonly descending?: boolean
  readonly cursor?: string
  /** 1 to 1000. */
  readonly limit: number
}

/** A page of users. */
export interface UserPage {
  readonly items: readonly User[]
  /** The cursor of the next page, or null. */
  readonly next: string | null
}

/**
 * The users in the database. Two that act at once never both win: a write that meets a unique key answers `taken` and
 * has changed nothing. Every method throws `TemporarilyUnavailable` where the database can't answer.
 */
export interface UserStore {
  byId(id: string): Promise<User | undefined>
  /** @param email canonical */
  byEmail(email: string): Promise<User | undefined>
  byIdentity(backend: string, subject: string): Promise<User | undefined>
  /** Creates the user and, in the same transaction, the identity; `taken` where the e-mail or the identity is there already. */
  create(user: NewUser, identity?: UserIdentity): Promise<User | 'taken'>
  /** Adds an identity to a user; `taken` where somebody has that identity already, `gone` where the user is no longer there. */
  link(userId: string, identity: UserIdentity): Promise<'linked' | 'taken' | 'gone'>
  /**
   * Writes down a login; nothing where the new e-mail belongs to somebody else (`taken`), the user is no longer as read or,
   * where nothing else is written, has the identity no longer (`changed`), or is `gone`.
   */
  recordLogin(record: LoginRecord): Promise<'recorded' | 'taken' | 'changed' | 'gone'>
  /** The same, to be written with an event; where the e-mail stays as it is, which nobody else can have then. */
  loginWrite(record: LoginRecord): PendingWrite
  /**
   * Gives the user a password and login names, and remembers that the account has moved; logs nobody out. `has-password`,
   * with nothing written, where there is a password: its own, or that of the same move a moment before.
   */
  moveIn(move: Move): Promise<'moved' | 'has-password'>
  /**
   * What our own tables give the user, directly and by groups; in one statement.
   * @param object what is held on exactly this one comes along
   */
  storedPermissions(userId: string, object?: PermissionObject): Promise<StoredPermissions>
  /** The same as it would be if the user's memberships of one origin were exactly these; nothing is written. */
  permissionsIfMirrored(
    userId: string,
    mirrored: { readonly origin: string; readonly groups: readonly string[] },
    object?: PermissionObject
  ): Promise<StoredPermissions>
  /** What the groups of these names give, whoever is in them. */
  groupPermissions(groups: readonly string[]): Promise<readonly Grant[]>

  /** @throws {InvalidRequest} the cursor is none of ours, or of another order */
  list(query: UserQuery): Promise<UserPage>
  /**
   * Ends all of the user's sessions and tokens, as a new password and deactivation do; answers within a second whether the
   * user is there.
   * @param spare the session that lives on, with its tokens
   */
  logOut(userId: string, at: number, spare?: string): Promise<boolean>
  /** Puts a new hash in the place of the one that was read; false where another one is there by now, and nothing is changed. */
  replacePasswordHash(userId: string, change: PasswordReplacement): Promise<boolean>
  /**
   * Makes the user's memberships of this origin exactly these, with groups made that don't exist; those of other origins
   * stay. Answers the names joined and left.
   */
  mirrorGroups(
    userId: string,
    origin: string,
    groups: readonly string[],
    at: number
  ): Promise<{ readonly joined: readonly string[]; readonly left: readonly string[] }>
  count(): Promise<number>
}

/** The registry of permissions: what a superuser holds. */
export interface PermissionStore {
  /** Creates what is new and updates descriptions; what vanished from the configuration is kept, and marked. */
  declare(permissions: Readonly<Record<string, string>>): Promise<void>
  /** All names, sorted. */
  registered(): Promise<readonly string[]>
}
