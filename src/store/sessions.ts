import type { SessionStore } from '../tokens/session-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { forKeys, type Key } from './keyed.ts'
import type { Queries } from './kit.ts'
import { gathered } from './look-ups.ts'
import type { StoreOutbox } from './outbox.ts'
import { pending } from './pending.ts'
import { preparedOf, rowsOfTable } from './prepared.ts'
import { createSessionList } from './session-list.ts'
import { insertInto, updateOf } from './statement.ts'

const { desc, eq, inArray, lte } = orm

/** The sessions in the database, and the tokens that are dead before their time. */
export const createSessionStore = (db: Database, outbox: StoreOutbox): SessionStore => {
  const { sessions, revokedTokens } = db.tables
  const { queries } = db
  const sessionOf = rowsOfTable(sessions)
  const withIds = forKeys(['id'], (marks) => {
    const ids = marks.map(({ id }) => id)
    return preparedOf(queries, [queries.select().from(sessions).where(inArray(sessions.id, ids))], sessionOf)
  })
  const byId = gathered(async (keys: ReadonlyArray<Key<'id'>>) => {
    const found = await withIds(keys)
    return keys.map(({ id }) => found.find((session) => session.id === id))
  })
  const revokedAmong = forKeys(['jti', 'sid'], (marks) => {
    const ids = marks.flatMap(({ jti, sid }) => [jti, sid])
    const select = queries.select({ id: revokedTokens.id }).from(revokedTokens).where(inArray(revokedTokens.id, ids))
    return preparedOf(queries, [select], ([id]) => String(id))
  })
  const isRevoked = gathered(async (keys: ReadonlyArray<Key<'jti' | 'sid'>>) => {
    const found = await revokedAmong(keys)
    return keys.map(({ jti, sid }) => found.some((id) => id === jti || id === sid))
  })

  const insertion = insertInto(sessions)

  const tellOfEnd = async (tx: Queries, ids: readonly string[]): Promise<void> => {
    if (!outbox.wants('session.ended')) return
    const ended = await tx
      .select({ id: sessions.id, userId: sessions.userId })
      .from(sessions)
      .where(inArray(sessions.id, [...ids]))
    const events = ended.map(({ id: session, userId: id }) => ({ user: { id }, session, except: null }))
    await outbox.write(
      tx,
      events.map((data) => ({ type: 'session.ended', data }))
    )
  }

  return {
    creation: (session) => pending([insertion(session)]),
    byId: (id) => byId({ id }),
    ofUser: async (userId) =>
      queries.select().from(sessions).where(eq(sessions.userId, userId)).orderBy(desc(sessions.createdAt)),
    list: createSessionList(db),
    rotation: (id, counter, { at, idleExpiresAt }) =>
      pending([
        updateOf(
          {
            table: 'latchkey_sessions',
            key: [['id', id]],
            only: [['counter', counter]],
            set: [
              ['rotated_at', at],
              ['idle_expires_at', idleExpiresAt]
            ],
            also: 'counter = counter + 1'
          },
          { rows: 1 }
        )
      ]),
    async end(ids, deadUntil) {
      if (ids.length === 0) return
      await db.transaction(async (tx) => {
        await tellOfEnd(tx, ids)
        await tx.delete(sessions).where(inArray(sessions.id, [...ids]))
        await db.insertMissing(
          tx,
          revokedTokens,
          ids.map((id) => ({ id, expiresAt: deadUntil }))
        )
      })
    },
    async revoke(jti, expiresAt) {
      await db.insertMissing(queries, revokedTokens, [{ id: jti, expiresAt }])
    },
    isRevoked,
    async removeExpired(now, limit) {
      const old = await queries
        .select({ id: sessions.id })
        .from(sessions)
        .where(lte(sessions.idleExpiresAt, now))
        .limit(limit)
      const dead = await queries
        .select({ id: revokedTokens.id })
        .from(revokedTokens)
        .where(lte(revokedTokens.expiresAt, now))
        .limit(limit)
      const ids = (rows: ReadonlyArray<{ id: string }>): string[] => rows.map(({ id }) => id)
      if (old.length > 0) await queries.delete(sessions).where(inArray(sessions.id, ids(old)))
      if (dead.length > 0) await queries.delete(revokedTokens).where(inArray(revokedTokens.id, ids(dead)))
      return old.length + dead.length
    }
  }
}
