import { closeSync, openSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TemporarilyUnavailable } from '../errors.ts'
import type { Database } from './database.ts'
import type { Run } from './kit.ts'
import { migrate } from './migrate.ts'
import { connect, deadlineNow, locked, lockedAtOnce, patiently } from './sqlite-connection.ts'
import { sqliteDialect } from './sqlite-kit.ts'
import { createTables } from './tables.ts'
import { createWriteGroup, type Write } from './write-group.ts'

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

const bringUpToDate = async (writer: ReturnType<typeof connect>) => {
  // dropping a table that is being rebuilt would delete what refers to it, and within a transaction this can't be set
  writer.exec('pragma foreign_keys = off')
  await locked(writer, () => migrate('sqlite', async (sql, params) => writer.run(sql, params)))
  writer.exec('pragma foreign_keys = on')
}

/** The most that SQLite maps (sqlite.org/mmap.html); beyond it a file is read as always. */
const mappedBytes = 0x7fff0000

/** A connection that writes, to tables that are up to date where `migrate` asks for it. */
const openWriter = async (path: string, options: { migrate: boolean; mapFrom: number }) => {
  const writer = await patiently(() => connect(path))
  try {
    await patiently(() => writer.exec('pragma journal_mode = wal; pragma synchronous = normal'))
    if (statSync(path).size >= options.mapFrom) writer.exec(`pragma mmap_size = ${mappedBytes}`)
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
export const openSqlite = async (options: { url: string; migrate: boolean; mapFrom: number }): Promise<Database> => {
  const path = pathOf(options.url)
  createFile(path)
  const writer = await openWriter(path, options)
  const reader = connect(path)
  reader.exec('pragma query_only = on')

  const enqueue = createQueue()
  /** Whoever waits for the others' turns as well is given up by then: nothing is done for a caller who has left. */
  const inTurn = <T>(work: () => T | Promise<T>): Promise<T> => {
    const deadline = deadlineNow()
    return enqueue(() => patiently(work, deadline))
  }
  const read: Run = (sql, params) => patiently(() => (writer.db.isTransaction ? reader : writer).run(sql, params))
  const inside = sqliteDialect.queries(async (sql, params, writes) => writer.run(sql, params, writes))
  const transaction: Database['transaction'] = (work) => inTurn(() => locked(writer, () => work(inside)))
  const commit = (writes: readonly Write[]) => inTurn(() => lockedAtOnce(writer, writes))
  const write = createWriteGroup(commit)
  const tables = createTables(sqliteDialect.kit)
  return {
    tables,
    queries: sqliteDialect.queries(async (sql, params, writes) => {
      if (!writes) return read(sql, params, false)
      const outcome = await write([[sql, params]])
      if ('error' in outcome) throw outcome.error
      return [{ affectedRows: outcome.affectedRows[0] }]
    }),
    alias: sqliteDialect.kit.alias,
    insertMissing: sqliteDialect.insertMissing,
    write,
    // nobody waits here for a row of somebody else's
    writeNew: write,
    writeApart: createWriteGroup(commit, { most: 1 }),
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
