import type { Grant, PermissionObject } from '../auth/backend.ts'
import type { UserStore } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'

const { and, eq, inArray } = orm

/** What would be stored for somebody after their groups were mirrored. */
export const createPermissionsIfMirrored = (db: Database): UserStore['permissionsIfMirrored'] => {
  const { groups, groupPermissions, userGroups, userPermissions } = db.tables
  const { userObjectGrants: own, groupObjectGrants: shared } = db.tables
  const { queries } = db

  const ofUser = async (userId: string, object: PermissionObject | undefined): Promise<Grant[]> => {
    const rows = await queries
      .select({ permission: userPermissions.permission })
      .from(userPermissions)
      .where(eq(userPermissions.userId, userId))
    const there = object
      ? await queries
          .select({ permission: own.permission })
          .from(own)
          .where(and(eq(own.userId, userId), eq(own.objectType, object.type), eq(own.objectId, object.id)))
      : []
    return granted(rows, there, object, () => 'the user itself')
  }

  const ofGroups = async (names: string[], object: PermissionObject | undefined): Promise<Grant[]> => {
    if (names.length === 0) return []
    const rows = await queries
      .select({ permission: groupPermissions.permission, group: groups.name })
      .from(groups)
      .innerJoin(groupPermissions, eq(groupPermissions.groupId, groups.id))
      .where(inArray(groups.name, names))
    const there = object
      ? await queries
          .select({ permission: shared.permission, group: groups.name })
          .from(groups)
          .innerJoin(shared, eq(shared.groupId, groups.id))
          .where(and(inArray(groups.name, names), eq(shared.objectType, object.type), eq(shared.objectId, object.id)))
      : []
    return granted(rows, there, object, ({ group }) => `group ${group}`)
  }

  return async (userId, mirrored, object) => {
    const memberships = await queries
      .select({ name: groups.name, origin: userGroups.origin })
      .from(userGroups)
      .innerJoin(groups, eq(groups.id, userGroups.groupId))
      .where(eq(userGroups.userId, userId))
    const staying = memberships.filter(({ origin }) => origin !== mirrored.origin).map(({ name }) => name)
    const names = [...new Set([...staying, ...mirrored.groups])].sort()
    const grants = await Promise.all([ofGroups(names, object), ofUser(userId, object)])
    return { grants: grants.flat(), groups: names }
  }
}

/** In the words of what is stored. */
function granted<Row extends { readonly permission: string }>(
  generally: readonly Row[],
  there: readonly Row[],
  object: PermissionObject | undefined,
  holder: (row: Row) => string
): Grant[] {
  const where = object ? `, on ${object.type} ${object.id}` : ''
  return [
    ...generally.map((row) => ({ permission: row.permission, origin: holder(row) })),
    ...there.map((row) => ({ permission: row.permission, origin: `${holder(row)}${where}` }))
  ]
}
