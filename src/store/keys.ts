import type { KeyStore } from '../tokens/key-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { orTaken } from './failures.ts'

/** The signing keys in the database. */
export const createKeyStore = (db: Database): KeyStore => {
  const { signingKeys } = db.tables
  const { createdAt, generation } = signingKeys
  return {
    all: async () => db.queries.select().from(signingKeys).orderBy(orm.asc(createdAt), orm.asc(generation)),
    add: (key) =>
      orTaken(async () => {
        await db.queries.insert(signingKeys).values(key)
        return 'added' as const
      })
  }
}
