import type { SQL } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { orm } from './drizzle.ts'

const { gte, lt } = orm

/** Greater than every text that begins with the prefix: U+10FFFF is no character, and the last one as bytes. */
export const endOf = (prefix: string): string => `${prefix}\u{10ffff}`

/** The conditions of a text that begins with the prefix, which an index serves; none where there is no prefix. */
export const prefixed = (column: SQLiteColumn, prefix: string | undefined): SQL[] =>
  prefix === undefined || prefix === '' ? [] : [gte(column, prefix), lt(column, endOf(prefix))]
