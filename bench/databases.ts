import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import mysql from 'mysql2/promise'
import { startMariadb } from '../test/servers/mariadb.ts'
import { folderOf, type Scope, withScope } from './processes.ts'
import type { Row } from './row.ts'

/** One flavour of SQL, as the table of results names it. */
export type Dialect = (typeof dialects)[number]

const dialects = ['SQLite', 'MariaDB'] as const

/** A row for each dialect, each with a scope of its own: one that fails leaves the other. */
export const onEachDialect = (
  measure: (scope: Scope, dialect: Dialect) => Promise<Row[]>
): ReadonlyArray<() => Promise<Row[]>> => dialects.map((dialect) => () => withScope((scope) => measure(scope, dialect)))

/**
 * Gives databases by their names, which go with the scope.
 * @param memory of MariaDB for its tables, as its option has it
 */
export async function databasesOf(
  scope: Scope,
  dialect: Dialect,
  memory = '256M'
): Promise<(name: string) => Promise<string>> {
  if (dialect === 'SQLite') {
    const folder = await folderOf(scope)
    return async (name) => `file:${join(folder, `${name}.db`)}`
  }
  const mariadb = await startMariadb([`--innodb-buffer-pool-size=${memory}`, '--innodb-log-file-size=512M'])
  scope.teardown(() => mariadb.stop())
  return mariadb.database
}

/** What is said differently by the two dialects. */
export interface Words {
  /** A table of one column `n`, from 1 to so many. */
  numbers(count: number): string
  /** A UUID by a prefix of 24 characters and a number. */
  uuid(prefix: string, n: string): string
  text(...parts: string[]): string
}

const sqlite: Words = {
  numbers: (count) =>
    `(with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count}) select n from numbers) s`,
  uuid: (prefix, n) => `printf('${prefix}%012x', ${n})`,
  text: (...parts) => parts.join(' || ')
}

const mariadb: Words = {
  numbers: (count) => `(select seq as n from seq_1_to_${count}) s`,
  uuid: (prefix, n) => `concat('${prefix}', lower(lpad(hex(${n}), 12, '0')))`,
  text: (...parts) => `concat(${parts.join(', ')})`
}

/** Runs statements on a database of either dialect, in bulk: without checks of keys, and with nothing that waits for a disk. */
export async function runIn(url: string, statements: (words: Words) => readonly string[]): Promise<void> {
  if (!url.startsWith('file:')) return runMariadb(url, statements(mariadb))
  const database = new DatabaseSync(url.slice('file:'.length), { timeout: 60_000 })
  database.exec('pragma synchronous = off; pragma cache_size = -1000000; pragma foreign_keys = off')
  for (const statement of statements(sqlite)) database.exec(statement)
  database.exec('pragma wal_checkpoint(truncate)')
  database.close()
}

async function runMariadb(url: string, statements: readonly string[]): Promise<void> {
  const connection = await mysql.createConnection({ uri: url })
  await connection.query('set unique_checks = 0, foreign_key_checks = 0')
  for (const statement of statements) await connection.query(statement)
  await connection.end()
}

/** The first column of what a statement finds, as text. */
export async function valuesIn(url: string, statement: string): Promise<string[]> {
  const rows = url.startsWith('file:') ? rowsInSqlite(url, statement) : await rowsInMariadb(url, statement)
  return rows.map((row) => String(Object.values(row)[0]))
}

function rowsInSqlite(url: string, statement: string): object[] {
  const database = new DatabaseSync(url.slice('file:'.length), { timeout: 60_000 })
  const rows = database.prepare(statement).all()
  database.close()
  return rows
}

async function rowsInMariadb(url: string, statement: string): Promise<object[]> {
  const connection = await mysql.createConnection({ uri: url })
  const [rows] = await connection.query<mysql.RowDataPacket[]>(statement)
  await connection.end()
  return rows.map((row) => ({ ...row }))
}
