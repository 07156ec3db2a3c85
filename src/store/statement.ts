import type { Table } from 'drizzle-orm'
import { orm } from './drizzle.ts'

/** What is known of a statement beside its text. */
export interface StatementTraits {
  /** So many rows it must change at least: where it does not, nothing of what belongs to it is written. */
  readonly rows?: number
  /** A change of one row, which it holds until the commit; it may stand in one statement with others of the same shape. */
  readonly change?: RowChange
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

/** A column with the value that it has or gets. */
export type Assignment = readonly [column: string, value: unknown]

/** How one row changes. */
export interface RowChange {
  readonly table: string
  /** By which it is found; no two rows have the same. */
  readonly key: readonly Assignment[]
  /** What else must be so, or nothing changes. */
  readonly only?: readonly Assignment[]
  readonly set: readonly Assignment[]
  /** What is set without a value. */
  readonly also?: string
}

/**
 * The statement of a change; logins and refreshes are full of them.
 * @param rows see `StatementTraits`
 */
export const updateOf = (change: RowChange, traits: Pick<StatementTraits, 'rows'> = {}): Statement => {
  const { key, only = [], set } = change
  const sets = set.map(([column]) => `${column} = ?`)
  const values = [...set, ...key, ...only].map(([, value]) => value)
  return [updateText(change, sets, conditionOf(change)), values, { ...traits, change }]
}

/** The statement of several changes of one shape, each of another row. */
export const updateOfMany = (changes: readonly RowChange[]): Statement => {
  const [first] = changes
  if (first === undefined) throw new TypeError('no change')
  const when = changes.map(({ key }) => `when ${equal(key)} then ?`).join(' ')
  const sets = first.set.map(([column]) => `${column} = case ${when} end`)
  const setValues = first.set.flatMap((_, at) => changes.flatMap(({ key, set }) => [...key, ...set.slice(at, at + 1)]))
  const found = changes.flatMap(({ key, only = [] }) => [...key, ...only])
  const condition = changes.map((change) => `(${conditionOf(change)})`).join(' or ')
  return [
    updateText(first, sets, condition),
    [...setValues, ...found].map(([, value]) => value),
    { rows: changes.length }
  ]
}

const updateText = ({ table, also }: RowChange, sets: readonly string[], condition: string): string =>
  `update ${table} set ${[...(also === undefined ? [] : [also]), ...sets].join(', ')} where ${condition}`

const conditionOf = ({ key, only = [] }: RowChange): string => equal([...key, ...only])

const equal = (assignments: readonly Assignment[]): string =>
  assignments.map(([column]) => `${column} = ?`).join(' and ')
