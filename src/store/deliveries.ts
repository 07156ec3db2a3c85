import { randomUUID } from 'node:crypto'
import type { DeliveryList, DeliveryQueue } from '../webhooks/delivery-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { pending, writeTogether } from './pending.ts'
import { prefixed } from './prefix.ts'
import { updateOf } from './statement.ts'

const { and, asc, eq, gt, inArray, lte, lt, ne, sql } = orm

/** What is on its way to webhooks, in the database. */
export const createDeliveryStore = (db: Database): DeliveryQueue & DeliveryList => {
  const { queries } = db
  const { webhookDeliveries: deliveries, disabledWebhooks } = db.tables

  return {
    async claim(endpoint, { now, until, limit }) {
      const due = and(eq(deliveries.endpoint, endpoint), eq(deliveries.state, 'waiting'), lte(deliveries.dueAt, now))
      const found = await queries
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(due)
        .orderBy(asc(deliveries.dueAt))
        .limit(limit)
      if (found.length === 0) return []
      const ids = found.map(({ id }) => id)
      const claim = randomUUID()
      await queries
        .update(deliveries)
        .set({ claim, dueAt: until, attempts: sql`${deliveries.attempts} + 1`, lastAttemptAt: now })
        .where(and(inArray(deliveries.id, ids), due))
      return queries
        .select()
        .from(deliveries)
        .where(and(inArray(deliveries.id, ids), eq(deliveries.claim, claim)))
    },
    async settle({ id, claim, attempts }, { counts = true, ...settlement }, at) {
      const { state, dueAt, lastStatus, lastError } = settlement
      const change = updateOf(
        {
          table: 'latchkey_webhook_deliveries',
          key: [['id', id]],
          only: [['claim', claim ?? '']],
          set: [
            ['state', state],
            ['due_at', dueAt],
            ['last_status', lastStatus],
            ['last_error', lastError],
            ['claim', null],
            ['last_attempt_at', at],
            ['attempts', counts ? attempts : attempts - 1]
          ]
        },
        { rows: 1 }
      )
      return (await writeTogether(db, [pending([change])])) === undefined
    },
    async disabled() {
      const rows = await queries.select().from(disabledWebhooks)
      return new Map(rows.map(({ id, url }) => [id, url]))
    },
    async disable(endpoint, url, at) {
      await db.transaction(async (tx) => {
        await tx.delete(disabledWebhooks).where(eq(disabledWebhooks.id, endpoint))
        await tx.insert(disabledWebhooks).values({ id: endpoint, url, at })
        const waiting = and(eq(deliveries.endpoint, endpoint), eq(deliveries.state, 'waiting'))
        await tx.update(deliveries).set({ state: 'dead', lastError: 'disabled', claim: null }).where(waiting)
      })
    },
    async removeBefore(endpoint, state, at, limit) {
      const old = await queries
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(and(eq(deliveries.endpoint, endpoint), eq(deliveries.state, state), lt(deliveries.dueAt, at)))
        .limit(limit)
      const ids = old.map(({ id }) => id)
      if (ids.length > 0) await queries.delete(deliveries).where(inArray(deliveries.id, ids))
      return ids.length
    },

    async byId(id) {
      const [row] = await queries.select().from(deliveries).where(eq(deliveries.id, id))
      return row?.id === id ? row : undefined
    },
    list: async ({ endpoint, state, search, cursor = '', limit }) =>
      queries
        .select()
        .from(deliveries)
        .where(
          and(
            gt(deliveries.id, cursor),
            endpoint === undefined ? undefined : eq(deliveries.endpoint, endpoint),
            state === undefined ? undefined : eq(deliveries.state, state),
            ...prefixed(deliveries.type, search)
          )
        )
        .orderBy(asc(deliveries.id))
        .limit(limit),
    async counts() {
      const { endpoint, state } = deliveries
      const rows = await queries
        .select({ endpoint, state, count: sql<number>`count(*)` })
        .from(deliveries)
        .groupBy(endpoint, state)
        .orderBy(asc(endpoint), asc(state))
      return rows.map((row) => ({ ...row, count: Number(row.count) }))
    },
    async retry(ids, at) {
      if (ids.length === 0) return 0
      const [{ affectedRows }] = await queries
        .update(deliveries)
        .set({ state: 'waiting', attempts: 0, dueAt: at, claim: null })
        .where(and(inArray(deliveries.id, [...ids]), ne(deliveries.state, 'waiting')))
      return affectedRows
    },
    async delete(ids) {
      if (ids.length === 0) return 0
      const [{ affectedRows }] = await queries.delete(deliveries).where(inArray(deliveries.id, [...ids]))
      return affectedRows
    },
    async enable(endpoint) {
      const [{ affectedRows }] = await queries.delete(disabledWebhooks).where(eq(disabledWebhooks.id, endpoint))
      return affectedRows > 0
    }
  }
}
