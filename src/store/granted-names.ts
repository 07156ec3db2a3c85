import type { Database } from './database.ts'
import type { Queries } from './kit.ts'

/** A permission that nobody declared, until somebody does. */
export const undeclared = (name: string) => ({ name, description: '', declared: false, origin: 'grant' as const })

/** Puts permissions that are about to be granted into the registry, where they are missing there. */
export const registerGranted = async (db: Database, queries: Queries, names: readonly string[]): Promise<void> => {
  await db.insertMissing(queries, db.tables.permissions, names.map(undeclared))
}
