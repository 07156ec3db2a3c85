import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'
import { type Queries, runOf } from './kit.ts'

/** Inserts many rows by one statement, which Drizzle would take longer to write down than the database takes to run it. */
export const insertMany = async <T extends SQLiteTable>(
  queries: Queries,
  table: T,
  rows: ReadonlyArray<T['$inferInsert']>
): Promise<void> => {
  if (rows.length === 0) return
  const columns = Object.entries(orm.getTableColumns(table))
  const params = rows.flatMap((row) => {
    const values: Readonly<Record<string, unknown>> = row
    return columns.map(([name, column]) => {
      const value = values[name] ?? column.default ?? null
      return value === null ? null : column.mapToDriverValue(value)
    })
  })
  const names = columns.map(([, { name }]) => name).join(', ')
  const row = `(${columns.map(() => '?').join(', ')})`
  const all = rows.map(() => row).join(', ')
  await runOf(queries)(`insert into ${orm.getTableName(table)} (${names}) values ${all}`, params, true)
}
