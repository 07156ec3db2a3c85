import type { Grant, PermissionObject } from '../auth/backend.ts'
import type { StoredPermissions } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'

const { and, eq, sql } = orm

interface Row {
  readonly permission: string | null
  /** The group that gives it; null: the user has it alone. */
  readonly group: string | null
  /** Where it is for one object only; a database without booleans says 1. */
  readonly isThere: number
}

/** The permissions stored for a user, direct and by groups, in one statement. */
export const createStoredPermissions = (
  db: Database,
  queries = db.queries
): ((userId: string) => Promise<StoredPermissions>) => {
  const statement = generally(db, queries).prepare()
  return async (userId) => storedOf(await statement.execute({ userId }))
}

/** The same with what the user holds on exactly one object, directly and by groups; in one statement as well. */
export const createStoredPermissionsOn = (
  db: Database
): ((userId: string, object: PermissionObject) => Promise<StoredPermissions>) => {
  const { groups, userGroups, userObjectGrants: own, groupObjectGrants: shared } = db.tables
  const given = { userId: sql.placeholder('userId'), type: sql.placeholder('type'), id: sql.placeholder('id') }
  const isThere = sql<number>`1`
  const direct = db.queries
    .select({ permission: own.permission, group: sql<string>`null`, isThere })
    .from(own)
    .where(and(eq(own.userId, given.userId), eq(own.objectType, given.type), eq(own.objectId, given.id)))
  const byGroups = db.queries
    .select({ permission: shared.permission, group: groups.name, isThere })
    .from(userGroups)
    .innerJoin(shared, eq(shared.groupId, userGroups.groupId))
    .innerJoin(groups, eq(groups.id, userGroups.groupId))
    .where(and(eq(userGroups.userId, given.userId), eq(shared.objectType, given.type), eq(shared.objectId, given.id)))
  const statement = generally(db, db.queries).union(direct).union(byGroups).prepare()
  return async (userId, object) => storedOf(await statement.execute({ userId, ...object }), object)
}

/** A membership of two origins counts once: `union` leaves out what comes twice. */
const generally = (db: Database, queries: Database['queries']) => {
  const { groups, groupPermissions, userGroups, userPermissions } = db.tables
  const isThere = sql<number>`0`
  const byGroups = queries
    .select({ permission: groupPermissions.permission, group: groups.name, isThere })
    .from(userGroups)
    .innerJoin(groups, eq(groups.id, userGroups.groupId))
    .leftJoin(groupPermissions, eq(groupPermissions.groupId, groups.id))
    .where(eq(userGroups.userId, sql.placeholder('userId')))
  const direct = queries
    .select({ permission: userPermissions.permission, group: sql<string>`null`, isThere })
    .from(userPermissions)
    .where(eq(userPermissions.userId, sql.placeholder('userId')))
  return byGroups.union(direct)
}

function storedOf(rows: readonly Row[], object?: PermissionObject): StoredPermissions {
  const where = object && `, on ${object.type} ${object.id}`
  const grants = rows.flatMap(({ permission, group, isThere }): Grant[] => {
    if (permission === null) return []
    const holder = group === null ? 'the user itself' : `group ${group}`
    return [{ permission, origin: Number(isThere) === 1 ? `${holder}${where}` : holder }]
  })
  const names = rows.flatMap(({ group }) => (group === null ? [] : [group]))
  return { grants, groups: [...new Set(names)].sort() }
}
