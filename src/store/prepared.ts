import type { Table } from 'drizzle-orm'
import { orm } from './drizzle.ts'
import { type Queries, runOf } from './kit.ts'

/** A statement whose values come when it is run. */
export interface Prepared<Row> {
  execute(values: Record<string, unknown>): Promise<Row[]>
}

/** A query of Drizzle's. */
interface Select {
  toSQL(): { readonly sql: string; readonly params: unknown[] }
}

/**
 * A query, or all of several, whose rows we make ourselves: Drizzle follows a path for each value of each row, which took a tenth
 * of a look-up, and puts each union into the next as a table of its own, which MySQL fills and reads again.
 */
export const preparedOf = <Row>(
  queries: Queries,
  selects: readonly Select[],
  rowOf: (values: readonly unknown[]) => Row
): Prepared<Row> => {
  const parts = selects.map((select) => select.toSQL())
  const text = parts.map((part) => part.sql).join(' union all ')
  const params = parts.flatMap((part) => part.params)
  const run = runOf(queries)
  return {
    async execute(values) {
      const rows = await run(text, orm.fillPlaceholders(params, values), false)
      return rows.map((row) => rowOf(Array.isArray(row) ? row : []))
    }
  }
}

/**
 * Makes a table's rows of the values that a driver answers, each by its column.
 * @param from where they begin in what is answered, which has the table's columns in their order
 */
export const rowsOfTable = <T extends Table>(
  table: T,
  from = 0
): ((values: readonly unknown[]) => T['$inferSelect']) => {
  const columns = Object.entries(orm.getTableColumns(table))
  return (values) => {
    const row: Record<string, unknown> = {}
    for (const [at, [name, column]] of columns.entries()) {
      const value = values[from + at]
      row[name] = value === null || value === undefined ? null : column.mapFromDriverValue(value)
    }
    return row
  }
}
