import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { type Queries, runOf } from './kit.ts'
import { portionsOf } from './portions.ts'
import { insertionOf } from './statement.ts'

/** Inserts many rows by few statements, which Drizzle would take longer to write down than the database takes to run them. */
export const insertMany = async <T extends SQLiteTable>(
  queries: Queries,
  table: T,
  rows: ReadonlyArray<T['$inferInsert']>
): Promise<void> => {
  const run = runOf(queries)
  const { head, marks, valuesOf } = insertionOf(table)
  for (const some of portionsOf(rows)) {
    const params: unknown[] = []
    for (const row of some) params.push(...valuesOf(row))
    await run(head + some.map(() => marks).join(', '), params, true)
  }
}
