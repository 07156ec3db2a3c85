import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TemporarilyUnavailable } from '../errors.ts'
import type { Database } from './database.ts'
import { causeOf, DuplicateKey, MissingReference } from './failures.ts'
import type { Run } from './kit.ts'
import { createLoginGroup } from './login-group.ts'
import { migrate } from './migrate.ts'
import type { Statement } from './record-login.ts'
import { sqliteDialect } from './sqlite-kit.ts'
import { createTables } from './tables.ts'
import { plainValue } from './values.ts'

/** How long a statement waits for another process that is writing. */
const busyMs = 5000

/** Extended result codes (sqlite.org/rescode.html): UNIQUE, PRIMARYKEY and ROWID; FOREIGNKEY. */
const duplicate = new Set([2067, 1555, 2579])
const missing = 787
/** Primary codes that say that the file can't be used now: PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR … NOTADB. */
const unavailable = new Set([3, 5, 6, 7, 8, 10, 11, 13, 14, 15, 26])

const codeOf = (error: unknown): number =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0

const isBusy = (error: unknown): boolean => [5, 6].includes(codeOf(error) & 0xff)

const translated = (error: unknown): unknown => {
  const code = codeOf(error)
  if (duplicate.has(code)) return new DuplicateKey(error)
  if (code === missing) return new MissingReference(error)
  return unavailable.has(code & 0xff) ? new TemporarilyUnavailable(error) : error
}

/** Tries again while another process holds the file, without SQLite's own waiting, which would block the event loop. */
const patiently = async <T>(work: () => T | Promise<T>): Promise<T> => {
  const deadline = performance.now() + busyMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(causeOf(error)) || performance.now() > deadline) throw translated(causeOf(error))
      await sleep(2 + Math.random() * 20)
    }
  }
}

/** SQLite has no booleans. */
const inputOf = (value: unknown) => {
  const plain = plainValue(value)
  return typeof plain === 'boolean' ? Number(plain) : plain
}

/** One connection; its statements are prepared once. */
const connect = (path: string) => {
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
  const statements = new Map<string, ReturnType<typeof db.prepare>>()
  const prepared = (sql: string) => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    statements.set(sql, statement)
    return statement
  }
  const run = (sql: string, params: unknown[] = [], writes = false): unknown[] => {
    const values = params.map(inputOf)
    return writes ? [{ affectedRows: Number(prepared(sql).run(...values).changes) }] : prepared(sql).all(...values)
  }
  return { db, run, exec: (sql: string) => db.exec(sql), close: () => db.isOpen && db.close() }
}

/** Work is done one after the other: two transactions on one connection would be one. */
const createQueue = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
}

const pathOf = (url: string): string => (url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length))

/** Makes the file where there is none: SQLite would make it readable to all. Its -wal and -shm get the same mode. */
const createFile = (path: string) => {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw new TemporarilyUnavailable(error)
  }
}

/** Runs `work` in a transaction that holds the file's write lock from the start, so that it can't meet a stale read. */
const locked = async <T>({ db, exec }: ReturnType<typeof connect>, work: () => Promise<T>): Promise<T> => {
  exec('begin immediate')
  try {
    const result = await work()
    exec('commit')
    return result
  } finally {
    if (db.isTransaction) exec('rollback')
  }
}

/** The same for statements that are known beforehand: nothing else has its turn in between. */
const lockedAtOnce = ({ db, exec, run }: ReturnType<typeof connect>, statements: readonly Statement[]): void => {
  exec('begin immediate')
  try {
    for (const [sql, values] of statements) run(sql, values, true)
    exec('commit')
  } finally {
    if (db.isTransaction) exec('rollback')
  }
}

const bringUpToDate = async (writer: ReturnType<typeof connect>) => {
  // dropping a table that is being rebuilt would delete what refers to it, and within a transaction this can't be set
  writer.exec('pragma foreign_keys = off')
  await locked(writer, () => migrate('sqlite', async (sql, params) => writer.run(sql, params)))
  writer.exec('pragma foreign_keys = on')
}

/** A connection that writes, to tables that are up to date where `migrate` asks for it. */
const openWriter = async (path: string, options: { migrate: boolean }) => {
  const writer = await patiently(() => connect(path))
  try {
    await patiently(() => writer.exec('pragma journal_mode = wal; pragma synchronous = normal'))
    if (options.migrate) await patiently(() => bringUpToDate(writer))
    return writer
  } catch (error) {
    writer.close()
    throw error
  }
}

/**
 * Opens the SQLite file of a `file:` URL. One connection does all the work, since another's writes would empty its cache;
 * a second one reads while a transaction is open on the first.
 */
export const openSqlite = async (options: { url: string; migrate: boolean }): Promise<Database> => {
  const path = pathOf(options.url)
  createFile(path)
  const writer = await openWriter(path, options)
  const reader = connect(path)
  reader.exec('pragma query_only = on')

  const enqueue = createQueue()
  const read: Run = (sql, params) => patiently(() => (writer.db.isTransaction ? reader : writer).run(sql, params))
  const inside = sqliteDialect.queries(async (sql, params, writes) => writer.run(sql, params, writes))
  const transaction: Database['transaction'] = (work) =>
    enqueue(() => patiently(() => locked(writer, () => work(inside))))
  const tables = createTables(sqliteDialect.kit)
  return {
    tables,
    queries: sqliteDialect.queries((sql, params, writes) =>
      writes ? enqueue(() => patiently(() => writer.run(sql, params, true))) : read(sql, params, false)
    ),
    alias: sqliteDialect.kit.alias,
    insertMissing: sqliteDialect.insertMissing,
    recordLogin: createLoginGroup((statements) => enqueue(() => patiently(() => lockedAtOnce(writer, statements)))),
    transaction,
    async ping() {
      await read('select 1', [], false)
    },
    close: () =>
      enqueue(async () => {
        reader.close()
        writer.close()
      })
  }
}
