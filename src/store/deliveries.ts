import { randomUUID } from 'node:crypto'
import type { DeliveryList, DeliveryQueue } from '../webhooks/delivery-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { affectedRowsIn, runOf } from './kit.ts'
import { pending, writeTogether } from './pending.ts'
import { prefixed } from './prefix.ts'
import { preparedOf, rowsOfTable } from './prepared.ts'
import { updateOf } from './statement.ts'

const { and, asc, eq, gt, inArray, lte, lt, ne, sql } = orm

/** Takes those of an endpoint that are due still; another replica may have been faster. */
const claimText = (count: number): string =>
  `update latchkey_webhook_deliveries set claim = ?, due_at = ?, last_attempt_at = ?, attempts = attempts + 1
   where endpoint = ? and state = 'waiting' and due_at <= ? and id in (${Array(count).fill('?').join(', ')})`

/** What is on its way to webhooks, in the database. */
export const createDeliveryStore = (db: Database): DeliveryQueue & DeliveryList => {
  const { queries } = db
  const { webhookDeliveries: deliveries, disabledWebhooks } = db.tables
  const run = runOf(queries)
  const due = preparedOf(
    queries,
    [
      queries
        .select()
        .from(deliveries)
        .where(
          and(
            eq(deliveries.endpoint, sql.placeholder('endpoint')),
            eq(deliveries.state, 'waiting'),
            lte(deliveries.dueAt, sql.placeholder('now'))
          )
        )
        .orderBy(asc(deliveries.dueAt))
        .limit(sql.placeholder('limit'))
    ],
    rowsOfTable(deliveries)
  )

  const claim: DeliveryQueue['claim'] = async (endpoint, { now, until, limit }) => {
    const found = await due.execute({ endpoint, now, limit })
    if (found.length === 0) return []
    const ids = found.map(({ id }) => id)
    const mine = { claim: randomUUID(), dueAt: until, lastAttemptAt: now }
    const values = [mine.claim, mine.dueAt, mine.lastAttemptAt, endpoint, now, ...ids]
    const affectedRows = affectedRowsIn(await run(claimText(ids.length), values, true))
    if (affectedRows === found.length) return found.map((row) => ({ ...row, ...mine, attempts: row.attempts + 1 }))
    const left = await queries
      .select()
      .from(deliveries)
      .where(and(inArray(deliveries.id, ids), eq(deliveries.claim, mine.claim)))
    // there may be more behind what another replica took; what is taken is to be tried, whatever becomes of that
    const more = await claim(endpoint, { now, until, limit: limit - left.length }).catch(() => [])
    return [...left, ...more]
  }

  return {
    claim,
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
