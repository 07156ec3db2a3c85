import type { Found, Page, PermissionSearch } from '../auth/object-grant-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { toUsers } from './user-rows.ts'

const { and, asc, eq, gt, inArray } = orm

/**
 * Who may hold a permission, and on what. Each source is read in the order of an index and no further than the page goes; the
 * pages are put together here.
 */
export const createPermissionSearch = (db: Database): PermissionSearch => {
  const { users, identities, permissions, userPermissions, groupPermissions, userGroups } = db.tables
  const { userObjectGrants, groupObjectGrants } = db.tables
  const { queries } = db

  const isRegistered = async (permission: string): Promise<boolean> =>
    (await queries.select({ name: permissions.name }).from(permissions).where(eq(permissions.name, permission)))
      .length > 0

  const direct = (permission: string, { after = '', limit }: Page) =>
    queries
      .select({ id: userPermissions.userId })
      .from(userPermissions)
      .where(and(eq(userPermissions.permission, permission), gt(userPermissions.userId, after)))
      .orderBy(asc(userPermissions.userId))
      .limit(limit)

  const byGroups = (permission: string, { after = '', limit }: Page) =>
    queries
      .selectDistinct({ id: userGroups.userId })
      .from(groupPermissions)
      .innerJoin(userGroups, eq(userGroups.groupId, groupPermissions.groupId))
      .where(and(eq(groupPermissions.permission, permission), gt(userGroups.userId, after)))
      .orderBy(asc(userGroups.userId))
      .limit(limit)

  const superusers = ({ after = '', limit }: Page) => [
    queries
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.isSuperuser, true), gt(users.id, after)))
      .orderBy(asc(users.id))
      .limit(limit),
    queries
      .selectDistinct({ id: identities.userId })
      .from(identities)
      .where(and(eq(identities.isSuperuser, true), gt(identities.userId, after)))
      .orderBy(asc(identities.userId))
      .limit(limit)
  ]

  const onObject = (permission: string, object: { type: string; id: string }, { after = '', limit }: Page) => [
    queries
      .select({ id: userObjectGrants.userId })
      .from(userObjectGrants)
      .where(
        and(
          eq(userObjectGrants.objectType, object.type),
          eq(userObjectGrants.objectId, object.id),
          eq(userObjectGrants.permission, permission),
          gt(userObjectGrants.userId, after)
        )
      )
      .orderBy(asc(userObjectGrants.userId))
      .limit(limit),
    queries
      .selectDistinct({ id: userGroups.userId })
      .from(groupObjectGrants)
      .innerJoin(userGroups, eq(userGroups.groupId, groupObjectGrants.groupId))
      .where(
        and(
          eq(groupObjectGrants.objectType, object.type),
          eq(groupObjectGrants.objectId, object.id),
          eq(groupObjectGrants.permission, permission),
          gt(userGroups.userId, after)
        )
      )
      .orderBy(asc(userGroups.userId))
      .limit(limit)
  ]

  return {
    async candidates(permission, object, page) {
      const asked = { ...page, limit: page.limit + 1 }
      const pages = await Promise.all([
        direct(permission, asked),
        byGroups(permission, asked),
        ...((await isRegistered(permission)) ? superusers(asked) : []),
        ...(object ? onObject(permission, object, asked) : [])
      ])
      const { items, next } = merged(pages, page.limit)
      if (items.length === 0) return { items: [], next }
      const rows = await queries
        .select({ user: users, identity: identities })
        .from(users)
        .leftJoin(identities, eq(identities.userId, users.id))
        .where(inArray(users.id, [...items]))
        .orderBy(asc(users.id))
      return { items: toUsers(rows), next }
    },

    async objectsOf(userId, permission, objectType, { after = '', limit }) {
      const direct = queries
        .select({ id: userObjectGrants.objectId })
        .from(userObjectGrants)
        .where(
          and(
            eq(userObjectGrants.userId, userId),
            eq(userObjectGrants.objectType, objectType),
            gt(userObjectGrants.objectId, after),
            eq(userObjectGrants.permission, permission)
          )
        )
        .orderBy(asc(userObjectGrants.objectId))
        .limit(limit + 1)
      const byGroups = queries
        .selectDistinct({ id: groupObjectGrants.objectId })
        .from(userGroups)
        .innerJoin(groupObjectGrants, eq(groupObjectGrants.groupId, userGroups.groupId))
        .where(
          and(
            eq(userGroups.userId, userId),
            eq(groupObjectGrants.objectType, objectType),
            gt(groupObjectGrants.objectId, after),
            eq(groupObjectGrants.permission, permission)
          )
        )
        .orderBy(asc(groupObjectGrants.objectId))
        .limit(limit + 1)
      return merged(await Promise.all([direct, byGroups]), limit)
    },

    async objects(objectType, { after = '', limit }) {
      const pages = [userObjectGrants, groupObjectGrants].map((table) =>
        queries
          .selectDistinct({ id: table.objectId })
          .from(table)
          .where(and(eq(table.objectType, objectType), gt(table.objectId, after)))
          .orderBy(asc(table.objectId))
          .limit(limit + 1)
      )
      return merged(await Promise.all(pages), limit)
    }
  }
}

/** The first ids of several sorted lists, each once. Both dialects sort by bytes, and JavaScript would not. */
const merged = (pages: ReadonlyArray<ReadonlyArray<{ id: string }>>, limit: number): Found<string> => {
  const ids = new Set(pages.flatMap((page) => page.map(({ id }) => id)))
  const sorted = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const items = sorted.slice(0, limit)
  return { items, next: sorted.length > limit ? (items.at(-1) ?? null) : null }
}
