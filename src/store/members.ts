import type { GroupStore, Member, Page } from '../auth/group-store.ts'
import { hasMore } from './count.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { prefixed } from './prefix.ts'
import { emailBegins, unindexed } from './user-filters.ts'

const { and, asc, eq, gt, inArray, sql } = orm

type Found = ReadonlyArray<{ readonly id: string; readonly email: string }>

/** So many members are fetched and sorted within some ten milliseconds; of a larger group the e-mails that fit are gone through. */
const few = 10_000

/** Lists who is in a group, by id, or by e-mail where its beginning is asked for. */
export const createMemberList = (db: Database): GroupStore['members'] => {
  const { users, userGroups } = db.tables
  const { queries } = db

  // a member has a row for each origin, so that one page of users may be more rows
  const byId = async (groupId: string, after: string, limit: number): Promise<ReadonlyArray<{ id: string }>> =>
    queries
      .select({ id: userGroups.userId })
      .from(userGroups)
      .where(and(eq(userGroups.groupId, groupId), gt(userGroups.userId, after)))
      .groupBy(userGroups.userId)
      .orderBy(asc(userGroups.userId))
      .limit(limit)

  const amongMembers = async (groupId: string, prefix: string, after: string, limit: number): Promise<Found> => {
    const email = unindexed.text(users.email)
    return queries
      .selectDistinct({ id: users.id, email: users.email })
      .from(userGroups)
      .innerJoin(users, eq(users.id, userGroups.userId))
      .where(and(eq(userGroups.groupId, groupId), emailBegins(users.email, prefix), gt(email, after)))
      .orderBy(asc(email))
      .limit(limit)
  }

  const amongEmails = async (groupId: string, prefix: string, after: string, limit: number): Promise<Found> => {
    // no join: either database would begin one at the group
    const isMember = sql`coalesce((select 1 from ${userGroups} where ${and(eq(userGroups.userId, users.id), eq(userGroups.groupId, groupId))} limit 1), 0) = 1`
    return queries
      .select({ id: users.id, email: users.email })
      .from(users)
      .where(and(...prefixed(users.email, prefix), gt(users.email, after), isMember))
      .orderBy(asc(users.email))
      .limit(limit)
  }

  const membersAmong = async (groupId: string, ids: readonly string[]): Promise<Member[]> => {
    if (ids.length === 0) return []
    const rows = await queries
      .select({ userId: users.id, email: users.email, origin: userGroups.origin })
      .from(userGroups)
      .innerJoin(users, eq(users.id, userGroups.userId))
      .where(and(eq(userGroups.groupId, groupId), inArray(userGroups.userId, [...ids])))
      .orderBy(asc(userGroups.userId), asc(userGroups.origin))
    const members = membersOf(rows)
    return ids.flatMap((id) => members.get(id) ?? [])
  }

  const pageOf = async (groupId: string, ids: readonly string[], next: string | null): Promise<Page<Member>> => ({
    items: await membersAmong(groupId, ids),
    next
  })

  return async (groupId, { search = '', cursor, limit }) => {
    if (search === '') {
      const after = cursor === undefined ? '' : readCursor(cursor, 'member').id
      const rows = await byId(groupId, after, limit + 1)
      const ids = rows.slice(0, limit).map(({ id }) => id)
      const last = rows.length > limit ? ids.at(-1) : undefined
      return pageOf(groupId, ids, last === undefined ? null : writeCursor({ order: 'member', value: null, id: last }))
    }
    const after = cursor === undefined ? '' : String(readCursor(cursor, 'member-email').value)
    const isLarge = await hasMore(queries, { table: userGroups, where: eq(userGroups.groupId, groupId) }, few)
    const found = await (isLarge ? amongEmails : amongMembers)(groupId, search, after, limit + 1)
    const shown = found.slice(0, limit)
    const last = found.length > limit ? shown.at(-1) : undefined
    const next = last ? writeCursor({ order: 'member-email', value: last.email, id: last.id }) : null
    return pageOf(
      groupId,
      shown.map(({ id }) => id),
      next
    )
  }
}

const membersOf = (rows: ReadonlyArray<{ userId: string; email: string; origin: string }>): Map<string, Member> => {
  const members = new Map<string, { userId: string; email: string; origins: string[] }>()
  for (const { userId, email, origin } of rows) {
    const member = members.get(userId) ?? { userId, email, origins: [] }
    members.set(userId, member)
    member.origins.push(origin)
  }
  return members
}
