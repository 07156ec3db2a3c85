import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { TemporarilyUnavailable } from '../errors.ts'
import { causeOf, DuplicateKey, isOfRows, MissingReference, NothingChanged } from './failures.ts'
import type { Statement } from './statement.ts'
import { plainValue } from './values.ts'
import type { Outcome, Write } from './write-group.ts'

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

/** When a statement of now has waited for long enough. */
export const deadlineNow = (): number => performance.now() + busyMs

/** Tries again while another process holds the file, without SQLite's own waiting, which would block the event loop. */
export const patiently = async <T>(work: () => T | Promise<T>, deadline = deadlineNow()): Promise<T> => {
  if (performance.now() > deadline) throw new TemporarilyUnavailable('others wrote for too long')
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

/** Some are written anew for every number of values, so that there is no end of them. MySQL's driver keeps as many. */
const statementsKept = 200

/** One connection; statements that come again are prepared once. */
export const connect = (path: string) => {
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
  const statements = new Map<string, ReturnType<typeof db.prepare>>()
  const prepared = (sql: string) => {
    const known = statements.get(sql)
    if (known === undefined) return keep(sql, db.prepare(sql))
    if (statements.size < statementsKept) return known
    // one of them will have to go: the first is the one that has been of no use for the longest
    statements.delete(sql)
    statements.set(sql, known)
    return known
  }
  const keep = (sql: string, statement: ReturnType<typeof db.prepare>) => {
    statement.setReturnArrays(true)
    statements.set(sql, statement)
    const [oldest] = statements.keys()
    if (statements.size > statementsKept && oldest !== undefined) statements.delete(oldest)
    return statement
  }
  const change = (sql: string, params: readonly unknown[] = []): number =>
    Number(prepared(sql).run(...params.map(inputOf)).changes)
  const run = (sql: string, params: unknown[] = [], writes = false): unknown[] =>
    writes ? [{ affectedRows: change(sql, params) }] : prepared(sql).all(...params.map(inputOf))
  return { db, run, change, exec: (sql: string) => db.exec(sql), close: () => db.isOpen && db.close() }
}

/** Runs `work` in a transaction that holds the file's write lock from the start, so that it can't meet a stale read. */
export const locked = async <T>({ db, exec }: ReturnType<typeof connect>, work: () => Promise<T>): Promise<T> => {
  exec('begin immediate')
  try {
    const result = await work()
    exec('commit')
    return result
  } finally {
    if (db.isTransaction) exec('rollback')
  }
}

type Connection = ReturnType<typeof connect>

/** A statement that fails leaves the transaction as it was before; several are undone by a savepoint. */
const attempt = (connection: Connection, write: Write): Outcome => {
  const { db, change } = connection
  const isOne = write.length === 1
  let at = 0
  try {
    if (!isOne) change('savepoint one')
    const affectedRows: number[] = []
    for (; at < write.length; at++) affectedRows.push(changed(connection, write[at]))
    if (!isOne) change('release one')
    return { affectedRows }
  } catch (error) {
    // what ended the transaction, such as a full disk, is everybody's failure
    if (!db.isTransaction) throw error
    if (!isOne) {
      change('rollback to one')
      change('release one')
    }
    return { error: translated(error), at }
  }
}

/** A statement is its own transaction; one that changed too little changed nothing. */
const alone = (connection: Connection, statement: Statement): Outcome => {
  try {
    return { affectedRows: [changed(connection, statement)] }
  } catch (thrown) {
    const error = translated(thrown)
    if (!isOfRows(error)) throw thrown
    return { error, at: 0 }
  }
}

/** @throws {NothingChanged} fewer rows than it must change */
const changed = ({ change }: Connection, statement: Statement | undefined): number => {
  if (statement === undefined) return 0
  const [sql, values, { rows } = {}] = statement
  const affectedRows = change(sql, values)
  if (rows !== undefined && affectedRows < rows) throw new NothingChanged()
  return affectedRows
}

const inTransaction = <T>({ db, change }: Connection, work: () => T): T => {
  change('begin immediate')
  try {
    const result = work()
    change('commit')
    return result
  } finally {
    if (db.isTransaction) change('rollback')
  }
}

/**
 * Writes that are known beforehand, in one transaction: nothing else has its turn in between. Hardly ever does one fail;
 * then all of them are done again, each so that it can be undone alone.
 */
export const lockedAtOnce = (connection: Connection, writes: readonly Write[]): readonly Outcome[] => {
  const [first] = writes
  const [statement, second] = first ?? []
  if (writes.length === 1 && statement && !second) return [alone(connection, statement)]
  try {
    return inTransaction(connection, () =>
      writes.map((write) => ({ affectedRows: write.map((each) => changed(connection, each)) }))
    )
  } catch (error) {
    if (isBusy(error)) throw error
    return inTransaction(connection, () => writes.map((write) => attempt(connection, write)))
  }
}
