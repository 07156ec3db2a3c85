import type { ClientStore, StoredClient, UsedAssertions } from '../clients/client-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { orTaken } from './failures.ts'
import { endOf } from './prefix.ts'

const { and, asc, eq, gt, gte, inArray, lt } = orm

/** The clients in the database. */
export const createClientStore = (db: Database): ClientStore => {
  const { clients } = db.tables
  return {
    async byId(wanted): Promise<StoredClient | undefined> {
      const [client] = await db.queries.select().from(clients).where(eq(clients.id, wanted))
      return client?.id === wanted ? client : undefined
    },
    all: async () => db.queries.select().from(clients).orderBy(asc(clients.id)),
    create: (client) =>
      orTaken(async () => {
        await db.queries.insert(clients).values({ ...client, definition: { ...client.definition } })
        return 'created' as const
      }),
    list: async ({ search, cursor, limit }) =>
      db.queries
        .select()
        .from(clients)
        .where(and(gt(clients.id, cursor), gte(clients.id, search), lt(clients.id, endOf(search))))
        .orderBy(asc(clients.id))
        .limit(limit),
    async replace(read, { definition, secrets }, at) {
      const unchanged = and(eq(clients.id, read.id), eq(clients.updatedAt, read.updatedAt))
      const change = { definition: { ...definition }, secrets, updatedAt: Math.max(at, read.updatedAt + 1) }
      const [{ affectedRows }] = await db.queries.update(clients).set(change).where(unchanged)
      return affectedRows > 0 ? { ...read, ...change } : undefined
    },
    async delete(id, updatedAt) {
      const isState = updatedAt === undefined ? [] : [eq(clients.updatedAt, updatedAt)]
      const [{ affectedRows }] = await db.queries.delete(clients).where(and(eq(clients.id, id), ...isState))
      return affectedRows > 0
    }
  }
}

/** The assertions in the database; the primary key lets each in once. */
export const createUsedAssertions = (db: Database): UsedAssertions => {
  const { usedAssertions } = db.tables
  const { id, expiresAt } = usedAssertions
  return {
    async use(wanted, until) {
      const used = await orTaken(async () => {
        await db.queries.insert(usedAssertions).values({ id: wanted, expiresAt: until })
        return 'used' as const
      })
      return used === 'used'
    },
    isUsed: async (wanted) =>
      (await db.queries.select({ id }).from(usedAssertions).where(eq(id, wanted)).limit(1)).length > 0,
    async forget(at, limit) {
      const expired = await db.queries.select({ id }).from(usedAssertions).where(lt(expiresAt, at)).limit(limit)
      if (expired.length === 0) return 0
      const ids = expired.map((row) => row.id)
      await db.queries.delete(usedAssertions).where(inArray(id, ids))
      return ids.length
    }
  }
}
