import type { Table } from 'drizzle-orm'
import { orm } from './drizzle.ts'

/** What is known of a statement beside its text. */
export interface StatementTraits {
  /** So many rows it must change: where it does not, nothing of what belongs to it is written. */
  readonly rows?: number
  /** The row that it holds until the commit: all take theirs in this order, so that no two wait for each other. */
  readonly row?: string
  /** An insert of one row, which may stand in one statement with others of the same beginning. */
  readonly insert?: { readonly head: string }
  /** Called once it is committed. */
  readonly written?: () => void
}

/** A statement with its values. */
export type Statement = readonly [sql: string, values: readonly unknown[], traits?: StatementTraits]

/**
 * The insert of a row into a table, put together once: Drizzle would build and map each one anew, and logins are full of
 * them. Values go through their columns all the same.
 */
export const insertInto = <T extends Table>(table: T): ((row: T['$inferInsert']) => Statement) => {
  const columns = Object.entries(orm.getTableColumns(table))
  const names = columns.map(([, { name }]) => `\`${name}\``).join(', ')
  const head = `insert into ${orm.getTableName(table)} (${names}) values `
  const sql = `${head}(${columns.map(() => '?').join(', ')})`
  const traits = { insert: { head } }
  return (row) => {
    const given: Readonly<Record<string, unknown>> = row
    const values = columns.map(([name, column]) => {
      const value = given[name] ?? null
      return value === null ? null : column.mapToDriverValue(value)
    })
    return [sql, values, traits]
  }
}
