import type { SQL } from 'drizzle-orm'
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'

const { and, eq, gt, gte, or } = orm

/**
 * Rows behind a place in the order of some columns. Written out: MySQL reads no range of an index from `(a, b) > (x, y)`. The
 * first bound says it once more, so that both dialects begin there.
 */
export const behind = (columns: readonly AnySQLiteColumn[], values: readonly string[]): SQL | undefined => {
  const [column, ...rest] = columns
  const [value, ...others] = values
  if (column === undefined || value === undefined) return undefined
  if (rest.length === 0) return gt(column, value)
  return and(gte(column, value), or(gt(column, value), and(eq(column, value), behind(rest, others))))
}
