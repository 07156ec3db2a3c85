import type { SessionQuery, SessionStore } from '../tokens/session-store.ts'
import { hasMore } from './count.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { prefixed } from './prefix.ts'
import { emailBegins, unindexed } from './user-filters.ts'

const { and, asc, eq, gt, inArray, sql } = orm

/** So many users' sessions are fetched and sorted; where more e-mails fit, the sessions are gone through in their order. */
const few = 10_000

/** Lists sessions by any filter, page by page. */
export const createSessionList = (db: Database): SessionStore['list'] => {
  const { sessions, users } = db.tables
  const { queries } = db

  const inOrder = async ({ cursor = '', limit, userId, clientId, backends, liveAt, search = '' }: SessionQuery) => {
    // no join: either database may begin one at the users, whom nothing has in the order of the sessions
    const fits = sql`coalesce((select 1 from ${users} where ${and(eq(users.id, sessions.userId), emailBegins(users.email, search))}), 0) = 1`
    return queries
      .select()
      .from(sessions)
      .where(
        and(
          gt(sessions.id, cursor),
          userId === undefined ? undefined : eq(sessions.userId, userId),
          clientId === undefined ? undefined : eq(sessions.clientId, clientId),
          backends && inArray(sessions.backend, [...backends]),
          liveAt === undefined ? undefined : gt(sessions.idleExpiresAt, liveAt),
          search === '' ? undefined : fits
        )
      )
      .orderBy(asc(sessions.id))
      .limit(limit)
  }

  /** From the users whose e-mail fits: no other index may lead elsewhere. */
  const ofThose = async ({ cursor = '', limit, clientId, backends, liveAt, search }: SessionQuery) => {
    const { text, number } = unindexed
    return queries
      .select(orm.getTableColumns(sessions))
      .from(users)
      .innerJoin(sessions, eq(sessions.userId, text(users.id)))
      .where(
        and(
          ...prefixed(users.email, search),
          gt(text(sessions.id), cursor),
          clientId === undefined ? undefined : eq(text(sessions.clientId), clientId),
          backends && inArray(sessions.backend, [...backends]),
          liveAt === undefined ? undefined : gt(number(sessions.idleExpiresAt), liveAt)
        )
      )
      .orderBy(asc(text(sessions.id)))
      .limit(limit)
  }

  return async (query) => {
    const { search = '', userId } = query
    const isOrdered = search === '' || userId !== undefined
    if (isOrdered || (await hasMore(queries, { table: users, where: and(...prefixed(users.email, search)) }, few)))
      return inOrder(query)
    return ofThose(query)
  }
}
