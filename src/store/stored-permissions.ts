import type { Grant, PermissionObject } from '../auth/backend.ts'
import type { StoredPermissions } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { forKeys, type Key, type Mark } from './keyed.ts'
import type { Queries } from './kit.ts'
import type { LookUps } from './look-ups.ts'
import { preparedOf } from './prepared.ts'

const { and, eq, inArray, or, sql } = orm

/** A permission that somebody holds, or a group without any. */
export interface HeldRow {
  readonly permission: string | null
  /** The group that gives it; null: the user has it alone. */
  readonly group: string | null
  /** The object that it is for; null: it is held generally. */
  readonly objectType: string | null
  readonly objectId: string | null
}

interface Row extends HeldRow {
  readonly userId: string
}

/** The permissions stored for users, direct and by groups, in one statement. */
export const findStoredPermissions = (
  db: Database,
  queries = db.queries
): LookUps<Key<'userId'>, StoredPermissions> => {
  const rowsOf = forKeys(['userId'], (marks) => preparedOf(queries, generally(db, queries, marks), rowOf))
  return async (keys) => {
    const byUser = Map.groupBy(await rowsOf(keys), ({ userId }) => userId)
    return keys.map(({ userId }) => storedOf(byUser.get(userId) ?? []))
  }
}

/** The same with what each user holds on exactly one object, directly and by groups; in one statement as well. */
export const findStoredPermissionsOn = (db: Database): LookUps<Key<'userId' | 'type' | 'id'>, StoredPermissions> => {
  const rowsOf = forKeys(['userId', 'type', 'id'], (marks) =>
    preparedOf(
      db.queries,
      [...generally(db, db.queries, marks), onObjects(db, marks), ...marks.map((mark) => onObjectByGroups(db, mark))],
      rowOf
    )
  )
  const isOf = (row: Row, { type, id }: Pick<PermissionObject, 'type' | 'id'>): boolean =>
    row.objectType === null || (row.objectType === type && row.objectId === id)
  return async (keys) => {
    const byUser = Map.groupBy(await rowsOf(keys), ({ userId }) => userId)
    return keys.map((key) => storedOf((byUser.get(key.userId) ?? []).filter((row) => isOf(row, key))))
  }
}

const rowOf = (columns: readonly unknown[]): Row => {
  const [userId = '', permission = null, group = null, objectType = null, objectId = null] = textsOf(columns)
  return { userId: userId ?? '', permission, group, objectType, objectId }
}

/** MySQL answers bytes where bytes are compared. */
const textsOf = (columns: readonly unknown[]): Array<string | null> =>
  columns.map((column) => (column === null ? null : String(column)))

type Marks = ReadonlyArray<Mark<'userId'>>

/** A membership of two origins comes twice. */
const generally = ({ tables }: Database, queries: Queries, marks: Marks) => {
  const { groups, groupPermissions, userGroups, userPermissions } = tables
  const ids = marks.map(({ userId }) => userId)
  const byGroups = queries
    .select({ userId: userGroups.userId, permission: groupPermissions.permission, group: groups.name, ...everywhere })
    .from(userGroups)
    .innerJoin(groups, eq(groups.id, userGroups.groupId))
    .leftJoin(groupPermissions, eq(groupPermissions.groupId, groups.id))
    .where(inArray(userGroups.userId, ids))
  const { userId, permission } = userPermissions
  const direct = queries
    .select({ userId, permission, group: alone, ...everywhere })
    .from(userPermissions)
    .where(inArray(userId, ids))
  return [byGroups, direct]
}

const alone = sql`null`
const everywhere = { objectType: sql`null`, objectId: sql`null` }

type ObjectMark = Mark<'userId' | 'type' | 'id'>

const onObjects = ({ queries, tables: { userObjectGrants } }: Database, marks: readonly ObjectMark[]) => {
  const { userId, permission, objectType, objectId } = userObjectGrants
  const those = marks.map((mark) => and(eq(userId, mark.userId), eq(objectType, mark.type), eq(objectId, mark.id)))
  return queries
    .select({ userId, permission, group: alone, objectType, objectId })
    .from(userObjectGrants)
    .where(or(...those))
}

/** For one key: of several, MySQL would read all grants of the groups. */
const onObjectByGroups = ({ queries, tables }: Database, mark: ObjectMark) => {
  const { groups, userGroups, groupObjectGrants: shared } = tables
  const { permission, objectType, objectId } = shared
  return queries
    .select({ userId: userGroups.userId, permission, group: groups.name, objectType, objectId })
    .from(userGroups)
    .innerJoin(shared, eq(shared.groupId, userGroups.groupId))
    .innerJoin(groups, eq(groups.id, userGroups.groupId))
    .where(and(eq(userGroups.userId, mark.userId), eq(objectType, mark.type), eq(objectId, mark.id)))
}

/** What somebody holds, each in words of where it comes from. */
export function storedOf(rows: readonly HeldRow[]): StoredPermissions {
  const grants = new Map<string, Grant>()
  const groups = new Set<string>()
  for (const { permission, group, objectType, objectId } of rows) {
    if (group !== null) groups.add(group)
    if (permission === null) continue
    const holder = group === null ? 'the user itself' : `group ${group}`
    const origin = objectType === null ? holder : `${holder}, on ${objectType} ${objectId}`
    grants.set(`${permission}\n${origin}`, { permission, origin })
  }
  return { grants: [...grants.values()], groups: [...groups].sort() }
}
