import type { AuditEvent, AuditStore } from '../auth/audit.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { pending, writeTogether } from './pending.ts'
import { prefixedBytes } from './prefix.ts'
import { insertInto } from './statement.ts'

const { and, asc, desc, eq, gte, inArray, lt } = orm

/** The events in the database. Ids are UUIDv7, so that times are ranges of ids, and every index ends in one. */
export const createAuditStore = (db: Database): AuditStore => {
  const {
    queries,
    tables: { audit }
  } = db
  const insertion = insertInto(audit)

  return {
    append: async (events, along = []) =>
      writeTogether(db, [...along, ...events.map((event) => pending([insertion(event)]))]),
    async find({ user, actor, client, kind, outcome, search, since, until, cursor, limit }) {
      const wanted = [
        user === undefined ? undefined : eq(audit.user, user),
        // no index has actors: all else is passed over by that of kinds
        actor === undefined ? undefined : and(eq(audit.actor, actor), eq(audit.kind, 'administration')),
        client === undefined ? undefined : eq(audit.client, client),
        kind === undefined ? undefined : eq(audit.kind, kind),
        outcome === undefined ? undefined : eq(audit.outcome, outcome),
        ...prefixedBytes(audit.username, search),
        since === undefined ? undefined : gte(audit.id, firstIdAt(since)),
        until === undefined ? undefined : lt(audit.id, firstIdAt(until + 1)),
        cursor === undefined ? undefined : lt(audit.id, cursor)
      ]
      const rows: AuditEvent[] = await queries
        .select()
        .from(audit)
        .where(and(...wanted))
        .orderBy(desc(audit.id))
        .limit(limit + 1)
      const items = rows.slice(0, limit)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },
    async removeBefore(at, limit) {
      const old = await queries
        .select({ id: audit.id })
        .from(audit)
        .where(lt(audit.id, firstIdAt(at)))
        .orderBy(asc(audit.id))
        .limit(limit)
      const ids = old.map(({ id }) => id)
      if (ids.length > 0) await queries.delete(audit).where(inArray(audit.id, ids))
      return ids.length
    }
  }
}

/** What every UUIDv7 of a millisecond begins with (RFC 9562 5.7): no id of it stands before. */
const firstIdAt = (at: number): string => {
  const hex = Math.min(Math.max(0, Math.trunc(at)), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}
