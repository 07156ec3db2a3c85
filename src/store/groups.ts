import type { Group, GroupStore, Member, Page } from '../auth/group-store.ts'
import { type Cursor, readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'
import { prefixed } from './prefix.ts'
import type { Tables } from './tables.ts'

const { and, asc, eq, gt, inArray } = orm

type GroupRow = Tables['groups']['$inferSelect']

/** The groups of rows, each with what it carries. */
export const withPermissions = async (db: Database, queries: Queries, rows: readonly GroupRow[]): Promise<Group[]> => {
  if (rows.length === 0) return []
  const { groupPermissions } = db.tables
  const ids = rows.map(({ id }) => id)
  const carried = await queries.select().from(groupPermissions).where(inArray(groupPermissions.groupId, ids))
  const byGroup = new Map<string, string[]>(ids.map((id) => [id, []]))
  for (const { groupId, permission } of carried) byGroup.get(groupId)?.push(permission)
  return rows.map((row) => ({ ...row, permissions: (byGroup.get(row.id) ?? []).sort() }))
}

/** A page of what was asked for with one item more than fits. */
export const pageOf = <Row, Item = Row>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => Cursor,
  items: readonly Item[]
): Page<Item> => {
  const last = rows[limit - 1]
  const next = rows.length > limit && last !== undefined ? writeCursor(cursorOf(last)) : null
  return { items: items.slice(0, limit), next }
}

/** The groups in the database. */
export const createGroupStore = (db: Database): GroupStore => {
  const { groups, users, userGroups } = db.tables
  const { queries } = db
  const one = async (rows: readonly GroupRow[], isIt: (row: GroupRow) => boolean) => {
    const [group] = await withPermissions(db, queries, rows.filter(isIt))
    return group
  }
  return {
    byId: async (id) => one(await queries.select().from(groups).where(eq(groups.id, id)), (row) => row.id === id),
    byName: async (name) =>
      one(await queries.select().from(groups).where(eq(groups.name, name)), (row) => row.name === name),

    async list({ search, cursor, limit }) {
      const after = cursor === undefined ? [] : [gt(groups.name, String(readCursor(cursor, 'name').value))]
      const rows = await queries
        .select()
        .from(groups)
        .where(and(...prefixed(groups.name, search), ...after))
        .orderBy(asc(groups.name))
        .limit(limit + 1)
      const items = await withPermissions(db, queries, rows.slice(0, limit))
      return pageOf(rows, limit, ({ id, name }) => ({ order: 'name', value: name, id }), items)
    },

    async members(groupId, { cursor, limit }) {
      const after = cursor === undefined ? [] : [gt(userGroups.userId, readCursor(cursor, 'member').id)]
      // a member has a row for each origin, so that one page of users may be more rows
      const ids = await queries
        .select({ id: userGroups.userId })
        .from(userGroups)
        .where(and(eq(userGroups.groupId, groupId), ...after))
        .groupBy(userGroups.userId)
        .orderBy(asc(userGroups.userId))
        .limit(limit + 1)
      const wanted = ids.slice(0, limit).map(({ id }) => id)
      if (wanted.length === 0) return { items: [], next: null }
      const rows = await queries
        .select({ userId: users.id, email: users.email, origin: userGroups.origin })
        .from(userGroups)
        .innerJoin(users, eq(users.id, userGroups.userId))
        .where(and(eq(userGroups.groupId, groupId), inArray(userGroups.userId, wanted)))
        .orderBy(asc(userGroups.userId), asc(userGroups.origin))
      return pageOf(ids, limit, ({ id }) => ({ order: 'member', value: null, id }), membersOf(rows))
    }
  }
}

const membersOf = (rows: ReadonlyArray<{ userId: string; email: string; origin: string }>): Member[] => {
  const members = new Map<string, { userId: string; email: string; origins: string[] }>()
  for (const { userId, email, origin } of rows) {
    const member = members.get(userId) ?? { userId, email, origins: [] }
    members.set(userId, member)
    member.origins.push(origin)
  }
  return [...members.values()]
}
