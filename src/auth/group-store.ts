import type { GrantOnObject } from './object-grant-store.ts'

/** Who declared a permission first: the configuration, an administrator, or nobody yet, but somebody granted it. */
export type PermissionOrigin = 'configuration' | 'administration' | 'grant'

/** A named set of users that carries permissions. */
export interface Group {
  /** UUIDv7, lower case. */
  readonly id: string
  readonly name: string
  /** Sorted. */
  readonly permissions: readonly string[]
  /** Epoch milliseconds, as all times here. */
  readonly createdAt: number
  readonly updatedAt: number
  /** Another one after each write. */
  readonly version: number
}

/** The origin of the memberships that administrators make; a backend's are known by another. */
export const ownOrigin = 'local'

/** Somebody in a group. */
export interface Member {
  readonly userId: string
  readonly email: string
  readonly origins: readonly string[]
}

/** A permission of the registry. */
export interface RegisteredPermission {
  readonly name: string
  readonly description: string
  /** The configuration names it now. */
  readonly declared: boolean
  readonly origin: PermissionOrigin
}

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[]
  /** The cursor of the next page, or null. */
  readonly next: string | null
}

/** Which page of a list: the prefix of a name, and how many (1 to 1000). */
export interface PageQuery {
  readonly search?: string
  readonly cursor?: string
  readonly limit: number
}

/** The groups, to be read. Throws `TemporarilyUnavailable` where the database can't answer. */
export interface GroupStore {
  byId(id: string): Promise<Group | undefined>
  byName(name: string): Promise<Group | undefined>
  /** In the order of their names. */
  list(query: PageQuery): Promise<Page<Group>>
  /** In the order of the users' ids, or of their e-mails where there is something to search for: the beginning of these. */
  members(groupId: string, query: PageQuery): Promise<Page<Member>>
}

/** The registry of permissions, to be read. */
export interface PermissionList {
  byName(name: string): Promise<RegisteredPermission | undefined>
  /** In the order of their names. */
  list(query: PageQuery): Promise<Page<RegisteredPermission>>
}

/**
 * What is stored with us for somebody: the names of groups, whoever put them there, what was granted directly, and login
 * names; sorted.
 */
export interface Holdings {
  readonly groups: readonly string[]
  readonly permissions: readonly string[]
  readonly loginNames: readonly string[]
}

/** The holdings of many at once, in three statements. */
export interface UserHoldings {
  of(userIds: readonly string[]): Promise<ReadonlyMap<string, Holdings>>
}

/** What an export has of a user beside the user itself: groups of the origin `local` alone, for backends mirror theirs again. */
export interface ExportedHoldings extends Holdings {
  readonly passwordHash: string | null
  readonly objectGrants: readonly GrantOnObject[]
}

/** The same for many at once, in a statement a table. */
export interface UserExport {
  of(userIds: readonly string[]): Promise<ReadonlyMap<string, ExportedHoldings>>
}
