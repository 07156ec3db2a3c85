import type { KeyChange, KeyStore, StoredKey } from '../tokens/key-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { orTaken } from './failures.ts'
import type { Queries } from './kit.ts'
import type { StoreOutbox } from './outbox.ts'

const { and, asc, eq } = orm

/** The signing keys in the database. */
export const createKeyStore = (db: Database, outbox: StoreOutbox): KeyStore => {
  const { signingKeys } = db.tables
  const { createdAt, generation, kid, state } = signingKeys
  /** Told where another key signs from now on. */
  const tellOfRotation = async (tx: Queries, changes: readonly KeyChange[], added?: StoredKey): Promise<void> => {
    if (!outbox.wants('key.rotated')) return
    const activated = changes.find(({ set }) => set.state === 'current')?.kid
    const [row] = activated === undefined ? [] : await tx.select().from(signingKeys).where(eq(kid, activated))
    const key = row ?? (added?.state === 'current' ? added : undefined)
    if (key === undefined) return
    const previous = changes.find(({ from }) => from === 'current')
    const reason = previous?.set.state === 'revoked' ? 'revoked' : 'rotated'
    const data = { key: { kid: key.kid, algorithm: key.algorithm }, previous: previous?.kid ?? null, reason } as const
    await outbox.write(tx, [{ type: 'key.rotated', data }])
  }

  return {
    all: async () => db.queries.select().from(signingKeys).orderBy(asc(createdAt), asc(generation)),
    add: (key) =>
      orTaken(async () => {
        await db.queries.insert(signingKeys).values(key)
        return 'added' as const
      }),
    async change(changes, added) {
      let lost = false
      try {
        const answer = await orTaken(() =>
          db.transaction(async (tx) => {
            for (const { kid: changed, from, set } of changes) {
              const where = and(eq(kid, changed), eq(state, from))
              const [{ affectedRows }] = await tx.update(signingKeys).set(set).where(where)
              lost = affectedRows === 0
              if (lost) throw new Error('somebody else changed the key first')
            }
            if (added !== undefined) await tx.insert(signingKeys).values(added)
            await tellOfRotation(tx, changes, added)
            return 'done' as const
          })
        )
        return answer === 'taken' ? 'lost' : answer
      } catch (error) {
        if (lost) return 'lost'
        throw error
      }
    },
    async remove(removed) {
      await db.queries.delete(signingKeys).where(and(eq(kid, removed), eq(state, 'retired')))
    }
  }
}
