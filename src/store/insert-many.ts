import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'
import { type Queries, runOf } from './kit.ts'
import { portionsOf } from './portions.ts'

/** Inserts many rows by few statements, which Drizzle would take longer to write down than the database takes to run them. */
export const insertMany = async <T extends SQLiteTable>(
  queries: Queries,
  table: T,
  rows: ReadonlyArray<T['$inferInsert']>
): Promise<void> => {
  const run = runOf(queries)
  const columns = Object.entries(orm.getTableColumns(table))
  const names = columns.map(([, { name }]) => name).join(', ')
  const into = `insert into ${orm.getTableName(table)} (${names}) values `
  const marks = `(${columns.map(() => '?').join(', ')})`
  for (const some of portionsOf(rows)) {
    const params: unknown[] = []
    for (const row of some) {
      const values: Readonly<Record<string, unknown>> = row
      for (const [name, column] of columns) {
        const value = values[name] ?? column.default ?? null
        params.push(value === null ? null : column.mapToDriverValue(value))
      }
    }
    await run(into + some.map(() => marks).join(', '), params, true)
  }
}
