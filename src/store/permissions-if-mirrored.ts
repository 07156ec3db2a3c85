import type { PermissionObject } from '../auth/backend.ts'
import type { UserStore } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { type HeldRow, storedOf } from './stored-permissions.ts'

const { and, eq, inArray } = orm

/** What would be stored for somebody after their groups were mirrored. */
export const createPermissionsIfMirrored = (db: Database): UserStore['permissionsIfMirrored'] => {
  const { groups, groupPermissions, userGroups, userPermissions } = db.tables
  const { userObjectGrants: own, groupObjectGrants: shared } = db.tables
  const { queries } = db

  const ofUser = async (userId: string, object: PermissionObject | undefined): Promise<HeldRow[]> => {
    const rows = await queries
      .select({ permission: userPermissions.permission })
      .from(userPermissions)
      .where(eq(userPermissions.userId, userId))
    const there = object
      ? await queries
          .select({ permission: own.permission, objectType: own.objectType, objectId: own.objectId })
          .from(own)
          .where(and(eq(own.userId, userId), eq(own.objectType, object.type), eq(own.objectId, object.id)))
      : []
    return [...rows, ...there].map((row) => ({ ...nowhere, ...row, group: null }))
  }

  const ofGroups = async (names: string[], object: PermissionObject | undefined): Promise<HeldRow[]> => {
    if (names.length === 0) return []
    const rows = await queries
      .select({ permission: groupPermissions.permission, group: groups.name })
      .from(groups)
      .innerJoin(groupPermissions, eq(groupPermissions.groupId, groups.id))
      .where(inArray(groups.name, names))
    const there = object
      ? await queries
          .select({
            ...{ permission: shared.permission, group: groups.name },
            ...{ objectType: shared.objectType, objectId: shared.objectId }
          })
          .from(groups)
          .innerJoin(shared, eq(shared.groupId, groups.id))
          .where(and(inArray(groups.name, names), eq(shared.objectType, object.type), eq(shared.objectId, object.id)))
      : []
    const memberships = names.map((group) => ({ permission: null, group }))
    return [...memberships, ...rows, ...there].map((row) => ({ ...nowhere, ...row }))
  }

  return async (userId, mirrored, object) => {
    const memberships = await queries
      .select({ name: groups.name, origin: userGroups.origin })
      .from(userGroups)
      .innerJoin(groups, eq(groups.id, userGroups.groupId))
      .where(eq(userGroups.userId, userId))
    const staying = memberships.filter(({ origin }) => origin !== mirrored.origin).map(({ name }) => name)
    const names = [...new Set([...staying, ...mirrored.groups])]
    const rows = await Promise.all([ofGroups(names, object), ofUser(userId, object)])
    return storedOf(rows.flat())
  }
}

const nowhere = { objectType: null, objectId: null }
