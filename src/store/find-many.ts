import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'
import { type Queries, runOf } from './kit.ts'
import { listsOf } from './portions.ts'

/** Which rows are asked for. */
interface Asked {
  /** Text; the first is compared with the values. All are of one table. */
  readonly columns: readonly [AnySQLiteColumn, ...AnySQLiteColumn[]]
  readonly among: readonly string[]
  /** What another column is in all of them. */
  readonly where?: readonly [AnySQLiteColumn, string]
}

/** Columns of the rows that have one of many values, by few statements, as `insertMany` writes them. */
export const findMany = async (queries: Queries, { columns, among, where }: Asked): Promise<string[][]> => {
  const run = runOf(queries)
  const [key] = columns
  const names = columns.map(({ name }) => name).join(', ')
  const other = where ? `${where[0].name} = ? and ` : ''
  const from = `select ${names} from ${orm.getTableName(key.table)} where ${other}${key.name} in `
  const found: string[][] = []
  for (const some of listsOf(among)) {
    const params = where ? [where[1], ...some] : some
    for (const row of await run(`${from}(${some.map(() => '?').join(', ')})`, params, false)) found.push(textsOf(row))
  }
  return found
}

/** MySQL answers bytes where bytes are compared. */
const textsOf = (row: unknown): string[] => (Array.isArray(row) ? row.map(String) : [])
