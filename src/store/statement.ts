import type { Table } from 'drizzle-orm'
import { orm } from './drizzle.ts'

/** What is known of a statement beside its text. */
export interface StatementTraits {
  /** So many rows it must change at least: where it does not, nothing of what belongs to it is written. */
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
 * How rows go into a table: what the statement begins with, the marks of a row, and its values, which go through their
 * columns. Put together once, where Drizzle would build and map each one anew.
 */
export const insertionOf = <T extends Table>(table: T) => {
  const columns = Object.entries(orm.getTableColumns(table))
  const names = columns.map(([, { name }]) => name).join(', ')
  return {
    head: `insert into ${orm.getTableName(table)} (${names}) values `,
    marks: `(${columns.map(() => '?').join(', ')})`,
    valuesOf(row: T['$inferInsert']): unknown[] {
      const given: Readonly<Record<string, unknown>> = row
      return columns.map(([name, column]) => {
        const value = given[name] ?? column.default ?? null
        return value === null ? null : column.mapToDriverValue(value)
      })
    }
  }
}

/** The insert of a row into a table; logins are full of them. */
export const insertInto = <T extends Table>(table: T): ((row: T['$inferInsert']) => Statement) => {
  const { head, marks, valuesOf } = insertionOf(table)
  const sql = head + marks
  const traits = { insert: { head } }
  return (row) => [sql, valuesOf(row), traits]
}
