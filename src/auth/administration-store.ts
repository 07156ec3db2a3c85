import type { Attributes } from './backend.ts'
import type { Group, RegisteredPermission } from './group-store.ts'
import type { GrantOnObject } from './object-grant-store.ts'
import type { NewUser, StoredPermissions, User, UserIdentity } from './user-store.ts'

/** What administration changes of a user; absent: the same as before. */
export interface UserChange {
  readonly email?: string
  /** With `email`; default: an administrator vouches for it. */
  readonly emailVouched?: boolean
  readonly attributes?: Attributes
  readonly ownAttributes?: Attributes
  readonly isActive?: boolean
  /** The user's own flag. */
  readonly isSuperuser?: boolean
  /** Null makes every password fail. */
  readonly passwordHash?: string | null
  /** Ends all of the user's sessions and tokens. */
  readonly endSessions?: boolean
}

/** A user to be created by administration. */
export interface CreatedUser extends Omit<NewUser, 'lastLoginAt'> {
  readonly isActive: boolean
}

/** The users within an administration's transaction. What names nobody changes nothing. */
export interface AdministeredUsers {
  byId(id: string): Promise<User | undefined>
  storedPermissions(userId: string): Promise<StoredPermissions>
  /** Names that are granted to the user directly. */
  directPermissions(userId: string): Promise<readonly string[]>
  /** Whether somebody else is an active superuser, by our own flag or by an identity at one of these backends. */
  hasOtherSuperuser(userId: string, backends: readonly string[]): Promise<boolean>
  create(user: CreatedUser): Promise<User>
  /** Counts the version up, whatever changes; so do the next ones. */
  update(userId: string, change: UserChange, at: number): Promise<void>
  delete(userId: string): Promise<void>
  loginNames(userId: string): Promise<readonly string[]>
  /** Makes them exactly these. */
  setLoginNames(userId: string, names: readonly string[], at: number): Promise<void>
  link(userId: string, identity: UserIdentity, at: number): Promise<void>
  unlink(userId: string, identity: Pick<UserIdentity, 'backend' | 'subject'>, at: number): Promise<void>
  /** Puts names that nobody declared into the registry. */
  grant(userId: string, permissions: readonly string[], at: number): Promise<void>
  revoke(userId: string, permissions: readonly string[], at: number): Promise<void>
}

/** The groups within an administration's transaction. */
export interface AdministeredGroups {
  byId(id: string): Promise<Group | undefined>
  byNames(names: readonly string[]): Promise<readonly Group[]>
  /** The names of permissions that the group carries on any object. */
  grantedOnObjects(groupId: string): Promise<readonly string[]>
  /** What it carries on objects, so many at most. */
  objectGrants(groupId: string, limit: number): Promise<readonly GrantOnObject[]>
  /** Puts names that nobody declared into the registry. The group holds none of them yet. */
  grantOnObjects(groupId: string, grants: readonly GrantOnObject[]): Promise<void>
  /** By the groups' names; one of two origins comes twice. */
  membershipsOf(userId: string): Promise<ReadonlyArray<{ readonly name: string; readonly origin: string }>>
  create(name: string, at: number): Promise<Group>
  rename(groupId: string, name: string, at: number): Promise<void>
  delete(groupId: string): Promise<void>
  /** Makes the permissions exactly these, and puts names that nobody declared into the registry. */
  setPermissions(groupId: string, permissions: readonly string[], at: number): Promise<void>
  /** Memberships of the origin `local`. Answers which of the users exist. */
  addMembers(groupId: string, userIds: readonly string[], at: number): Promise<readonly string[]>
  /** Memberships of all origins but these. Answers who left. */
  removeMembers(
    groupId: string,
    userIds: readonly string[],
    staying: readonly string[],
    at: number
  ): Promise<readonly string[]>
  /** Takes a user out of all groups where the membership is of this origin. */
  leaveAll(userId: string, origin: string, at: number): Promise<void>
}

/** The registry within an administration's transaction. */
export interface AdministeredPermissions {
  byName(name: string): Promise<RegisteredPermission | undefined>
  create(name: string, description: string): Promise<void>
  describe(name: string, description: string): Promise<void>
  /** With all grants of it. */
  delete(name: string): Promise<void>
}

/** A user of an import, with everything that comes along. */
export interface ImportedUser extends Omit<CreatedUser, 'at'> {
  /** Absent: now. */
  readonly createdAt?: number
  /** Absent: never. */
  readonly lastLoginAt?: number | null
  /** As `loginName` gives them. */
  readonly loginNames: readonly string[]
  readonly permissions: readonly string[]
  /** Names; those that are missing are made. */
  readonly groups: readonly string[]
  readonly identities: readonly UserIdentity[]
  /** Each once. */
  readonly objectGrants?: readonly GrantOnObject[]
}

/** Many users at once within an administration's transaction. */
export interface AdministeredImports {
  /** Which of these are ids of users. */
  takenIds(ids: readonly string[]): Promise<readonly string[]>
  /** Which of these somebody has. */
  takenEmails(emails: readonly string[]): Promise<readonly string[]>
  takenIdentities(
    keys: ReadonlyArray<Pick<UserIdentity, 'backend' | 'subject'>>
  ): Promise<ReadonlyArray<Pick<UserIdentity, 'backend' | 'subject'>>>
  /** Puts permissions that are missing into the registry. */
  register(permissions: ReadonlyArray<Pick<RegisteredPermission, 'name' | 'description'>>): Promise<void>
  takenLoginNames(names: readonly string[]): Promise<readonly string[]>
  create(users: readonly ImportedUser[], at: number): Promise<void>
}

/** What one change of administration reads and writes. */
export interface AdministrationTransaction {
  readonly users: AdministeredUsers
  readonly groups: AdministeredGroups
  readonly permissions: AdministeredPermissions
  readonly imports: AdministeredImports
}

/**
 * Changes by administration, one after the other over all replicas: what a change read stays true until it is written.
 * A change may be run again after a deadlock, so that it does nothing but ask this transaction.
 */
export interface Administration {
  /**
   * All or nothing; answers once tokens that a change ended are dead, within a second.
   * @throws {AlreadyExists} a write met a unique key
   * @throws what the work throws, with nothing written
   */
  change<Result>(work: (transaction: AdministrationTransaction) => Promise<Result>): Promise<Result>
}
