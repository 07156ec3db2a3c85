import type { SQL } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'

/** Whether more rows than that fit; none beyond is looked at. */
export const hasMore = async (
  queries: Queries,
  table: SQLiteTable,
  where: SQL | undefined,
  than: number
): Promise<boolean> => {
  const some = queries
    .select({ one: orm.sql<number>`1`.as('one') })
    .from(table)
    .where(where)
    .limit(than + 1)
    .as('some')
  const [row] = await queries.select({ n: orm.count() }).from(some)
  return Number(row?.n) > than
}
