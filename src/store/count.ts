import type { SQL } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'

/** Which rows of a table are counted. */
interface Counted {
  readonly table: SQLiteTable
  readonly where: SQL | undefined
}

/** How many rows fit, `most` where there are more; none beyond is looked at. */
export const countUpTo = async (queries: Queries, { table, where }: Counted, most: number): Promise<number> => {
  const some = queries
    .select({ one: orm.sql<number>`1`.as('one') })
    .from(table)
    .where(where)
    .limit(most)
    .as('some')
  const [row] = await queries.select({ n: orm.count() }).from(some)
  return Number(row?.n)
}

/** Whether more rows than that fit. */
export const hasMore = async (queries: Queries, counted: Counted, than: number): Promise<boolean> =>
  (await countUpTo(queries, counted, than + 1)) > than
