import type { SQL } from 'drizzle-orm'
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'

const { gte, lt, sql } = orm

/** Greater than every text that begins with the prefix: U+10FFFF is no character, and the last one as bytes. */
export const endOf = (prefix: string): string => `${prefix}\u{10ffff}`

/** The conditions of a text that begins with the prefix, which an index serves; none where there is no prefix. */
export const prefixed = (column: AnySQLiteColumn, prefix: string | undefined): SQL[] =>
  prefix === undefined || prefix === '' ? [] : [gte(column, prefix), lt(column, endOf(prefix))]

/** The same for a column of text for people, by no index: its bytes are compared, since MySQL's collations take `ann` and `Änn` for one. */
export const prefixedBytes = (column: AnySQLiteColumn, prefix: string | undefined): SQL[] => {
  if (prefix === undefined || prefix === '') return []
  // digits and capitals alone: nothing in them is a pattern
  const bytes = Buffer.from(prefix).toString('hex').toUpperCase()
  return [sql`hex(${column}) like ${`${bytes}%`}`]
}
