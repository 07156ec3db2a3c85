import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy'
import { ormParts } from './drizzle.ts'
import { asDialect, type Run } from './kit.ts'

const core = ormParts.sqliteCore()

/** The columns for SQLite, which compares text as bytes. */
export const sqliteKit = {
  table: core.sqliteTable,
  alias: core.alias,
  index: core.index,
  uniqueIndex: core.uniqueIndex,
  primaryKey: core.primaryKey,
  foreignKey: core.foreignKey,
  /** What identifies something: at most `length` bytes, compared as bytes. */
  key: (name: string, _length: number) => core.text(name),
  /** Text for people, never compared. */
  text: (name: string) => core.text(name),
  /** Whole numbers up to 2^53; times are epoch milliseconds. */
  integer: (name: string) => core.integer(name),
  boolean: (name: string) => core.integer(name, { mode: 'boolean' }),
  json: <T>(name: string) => core.text(name, { mode: 'json' }).$type<T>()
}

const queries = (run: Run): SqliteRemoteDatabase =>
  ormParts.sqliteProxy().drizzle(async (sql, params, method) => {
    const rows = await run(sql, params, method === 'run')
    // Drizzle takes `rows` out of the answer to a read, and hands the answer to a write on as it is
    return method === 'run' ? Object.assign(rows, { rows }) : { rows }
  })

const insertMissing = (db: SqliteRemoteDatabase, table: SQLiteTable, rows: object[]) =>
  db.insert(table).values(rows).onConflictDoNothing()

/** SQLite's part of Drizzle. */
export const sqliteDialect = asDialect({ kit: sqliteKit, queries, insertMissing })
