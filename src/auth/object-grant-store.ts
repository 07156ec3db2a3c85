import type { PermissionObject } from './backend.ts'
import type { User } from './user-store.ts'

/** Who holds a permission on an object: a user by id, or everybody in a group, by its name. */
export type GrantHolder = { readonly user: string } | { readonly group: string }

/** A permission on one object: the object's type (at most 128 bytes) and its id (at most 255), compared as bytes. */
export interface ObjectGrant {
  readonly holder: GrantHolder
  readonly permission: string
  readonly object: PermissionObject
}

/** The same without its holder. */
export type GrantOnObject = Omit<ObjectGrant, 'holder'>

/** Which grants are listed: all that fit everything that stands here. */
export interface GrantFilter {
  readonly holder?: GrantHolder
  readonly permission?: string
  /** Those whose permission's name begins so. */
  readonly search?: string
  readonly objectType?: string
  /** Alone it finds nothing: an id means something with its type. */
  readonly objectId?: string
}

/** What a search over many answers: a part of it, in an order that stays, and where to go on (`null`: that was all). */
export interface Found<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** Where a search goes on, and for how much; `limit` 1 to 1000. */
export interface Page {
  readonly after?: string
  readonly limit: number
}

/**
 * Permissions on objects. Two that act at once never both win, and nothing is ever kept twice. Every method throws
 * `TemporarilyUnavailable` where the database can't answer.
 */
export interface ObjectGrantStore {
  /** Declares a permission that nobody did. `no-holder`: there is no such user or group, and nothing was written. */
  grant(grant: ObjectGrant): Promise<'granted' | 'present' | 'no-holder'>
  /** Whether it was there. */
  revoke(grant: ObjectGrant): Promise<boolean>
  /** By index whatever the filter; the users' own come before the groups'. */
  list(filter: GrantFilter, page: Page): Promise<Found<ObjectGrant>>
}

/** Whom and what a permission reaches: searches over everything that is stored with us, and over nothing that backends say. */
export interface PermissionSearch {
  /**
   * Users who may hold a permission, by id: directly, by groups, as superusers, or on the object. A superset of those who do:
   * inactive ones are among them, and backends were not asked.
   */
  candidates(permission: string, object: PermissionObject | undefined, page: Page): Promise<Found<User>>
  /** Ids of the objects of a type on which a user holds a permission, directly or by groups. */
  objectsOf(userId: string, permission: string, objectType: string, page: Page): Promise<Found<string>>
  /** Ids of all objects of a type that any grant names. */
  objects(objectType: string, page: Page): Promise<Found<string>>
}
