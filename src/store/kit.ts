import type { SQL } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy'
import type { sqliteKit } from './sqlite-kit.ts'

/** What tables are made of; the types are SQLite's, for both dialects. */
export type Kit = typeof sqliteKit

/** What a driver answers to a statement that writes: how many rows it matched, changed or not. */
export type Written = readonly [{ readonly affectedRows: number }]

/** How many rows a driver says that a statement matched. */
export const affectedRowsIn = ([written]: readonly unknown[]): number => (Object(written) as Written[0]).affectedRows

/** A statement that writes, run when it is awaited, or prepared with placeholders. */
export interface Write extends PromiseLike<Written> {
  prepare(): { execute(values: Record<string, unknown>): Promise<Written> }
}

type Row<T extends SQLiteTable> = T['$inferInsert']
/** A row whose values come when the statement is run. */
type Placeholders<T extends SQLiteTable> = { readonly [K in keyof Row<T>]-?: SQL }
type Change<T extends SQLiteTable> = { readonly [K in keyof Row<T>]?: Row<T>[K] | SQL | undefined }

/** Drizzle's query builder without what only one dialect has: no `returning`, no `onConflict…`, no transaction. */
export interface Queries {
  readonly select: SqliteRemoteDatabase['select']
  readonly selectDistinct: SqliteRemoteDatabase['selectDistinct']
  insert<T extends SQLiteTable>(table: T): { values(rows: Row<T> | Array<Row<T>> | Placeholders<T>): Write }
  update<T extends SQLiteTable>(table: T): { set(change: Change<T>): { where(condition: SQL | undefined): Write } }
  delete<T extends SQLiteTable>(table: T): { where(condition: SQL | undefined): Write }
}

/** Runs one statement: answers rows as arrays of columns where it reads, and `Written` where it writes. */
export type Run = (sql: string, params: unknown[], writes: boolean) => Promise<unknown[]>

/** One dialect of Drizzle: its columns, its query builder over a driver, and what each says in its own way. */
export interface Dialect {
  readonly kit: Kit
  queries(run: Run): Queries
  /** Inserts those rows that meet no unique key. */
  insertMissing<T extends SQLiteTable>(queries: Queries, table: T, rows: Array<Row<T>>): Write
}

/**
 * The one cast of the store. Everything is typed as SQLite, and each dialect's objects are cast to that here: the kits
 * make columns of the same names with the same JavaScript values (a test holds the two schemas together), `Queries`
 * names only what both builders have, and both answer `Written` to a write. One suite of tests runs on both.
 */
export const asDialect = (parts: Record<keyof Dialect, unknown>): Dialect => {
  const dialect = parts as Dialect
  return {
    ...dialect,
    queries(run) {
      const queries = dialect.queries(run)
      runs.set(queries, run)
      return queries
    }
  }
}

const runs = new WeakMap<Queries, Run>()

/** What runs the statements of a query builder, for the few that are not built. */
export const runOf = (queries: Queries): Run => {
  const run = runs.get(queries)
  if (run === undefined) throw new TypeError('no query builder of ours')
  return run
}
