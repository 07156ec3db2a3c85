import type { KeyChange, KeyState, KeyStore, KeyWrite, StoredKey } from '../tokens/key-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { StoreOutbox } from './outbox.ts'
import { pending } from './pending.ts'
import { insertInto, type Statement, updateOf } from './statement.ts'

const { and, asc, eq } = orm

/** The signing keys in the database. */
export const createKeyStore = (db: Database, outbox: StoreOutbox): KeyStore => {
  const { signingKeys } = db.tables
  const { createdAt, generation, kid, state } = signingKeys
  const columns = orm.getTableColumns(signingKeys)
  const insertion = insertInto(signingKeys)

  const changeOf = ({ key, set }: KeyChange): Statement => {
    const assigned = Object.entries(set) as ReadonlyArray<[keyof typeof columns, unknown]>
    return updateOf(
      {
        table: 'latchkey_signing_keys',
        key: [['kid', key.kid]],
        only: [['state', key.state]],
        set: assigned.map(([name, value]) => [columns[name].name, value])
      },
      { rows: 1 }
    )
  }
  /** Told where another key signs from now on. */
  const rotationOf = ({ changes = [], added = [] }: KeyWrite, { key, set }: KeyChange): Statement[] => {
    const signs = ({ algorithm }: Pick<StoredKey, 'algorithm'>, at: KeyState | undefined) =>
      algorithm === key.algorithm && at === 'current'
    const next = changes.find((other) => signs(other.key, other.set.state))?.key
    const successor = next ?? added.find((other) => signs(other, other.state))
    if (key.state !== 'current' || successor === undefined) return []
    const { kid, algorithm } = successor
    const reason = set.state === 'revoked' ? 'revoked' : 'rotated'
    const data = { key: { kid, algorithm }, previous: key.kid, reason } as const
    return outbox.statements({ type: 'key.rotated', data })
  }

  return {
    all: async () => db.queries.select().from(signingKeys).orderBy(asc(createdAt), asc(generation)),
    pending(write) {
      const { changes = [], added = [] } = write
      const told = changes.flatMap((change) => rotationOf(write, change))
      // a key is to be seen a while before it signs: its publication stands in no queue of logins
      return pending([...changes.map(changeOf), ...added.map(insertion), ...told], { apart: true })
    },
    async reseal(key, sealed) {
      await db.queries
        .update(signingKeys)
        .set({ sealed })
        .where(and(eq(kid, key.kid), eq(state, key.state)))
    },
    async remove(removed) {
      await db.queries.delete(signingKeys).where(and(eq(kid, removed), eq(state, 'retired')))
    }
  }
}
