import type { Group, GroupStore, Page } from '../auth/group-store.ts'
import { type Cursor, readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'
import { createMemberList } from './members.ts'
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
  const { groups } = db.tables
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
        .where(and(...prefixed(groups.name, search?.normalize('NFC')), ...after))
        .orderBy(asc(groups.name))
        .limit(limit + 1)
      const items = await withPermissions(db, queries, rows.slice(0, limit))
      return pageOf(rows, limit, ({ id, name }) => ({ order: 'name', value: name, id }), items)
    },

    members: createMemberList(db)
  }
}
