import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolConnection } from 'mysql2'
import type { Log } from '../auth/ports.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import type { Database } from './database.ts'
import { causeOf } from './failures.ts'
import type { Queries, Run } from './kit.ts'
import { migrate, pendingSteps } from './migrate.ts'
import { isDoneBefore, isLost, isNoTable, translated, wantsRetry } from './mysql-errors.ts'
import { createGroupCommit } from './mysql-group.ts'
import { mysqlDialect } from './mysql-kit.ts'
import { execute, openPool, optionsOf } from './mysql-pool.ts'
import { createTables } from './tables.ts'
import { createWriteGroup } from './write-group.ts'

const attempts = 6
/** How long a start waits for another's migration, and how long one may take. */
const migrationMs = 600_000

/** Tries again where the server gave way to another transaction. */
const persistently = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === attempts || !wantsRetry(causeOf(error))) throw translated(causeOf(error))
      await sleep(Math.random() * 10 * 2 ** attempt)
    }
  }
}

/** The lock's name holds the database's, since locks are the server's; it has at most 64 characters. */
const lockNameOf = (database: string): string => {
  const name = `latchkey_migrate_${database}`
  return name.length <= 64
    ? name
    : `latchkey_migrate_${createHash('sha256').update(database).digest('hex').slice(0, 40)}`
}

/** One process migrates, those that start at the same time wait for it. */
const bringUpToDate = async (connection: PoolConnection, database: string, log: Log) => {
  const run = (sql: string, params?: Array<string | number>) => execute(connection, sql, params, migrationMs)
  const pending = await pendingSteps('mysql', run).catch((error) => {
    if (isNoTable(error)) return undefined
    throw error
  })
  if (pending?.length === 0) return
  const lock = lockNameOf(database)
  const [row] = await run(`select get_lock(?, ${migrationMs / 1000 - 10})`, [lock])
  if (!Array.isArray(row) || row[0] !== 1) throw new TemporarilyUnavailable(new Error('somebody else is migrating'))
  try {
    const steps = await migrate('mysql', run, isDoneBefore)
    log.info({ steps }, 'database migrated')
  } finally {
    // a connection that broke gave the lock back by itself
    await run('select release_lock(?)', [lock]).catch(() => undefined)
  }
}

/** Opens the MySQL or MariaDB database of a `mysql:` URL. */
export const openMysql = async (options: {
  url: string
  password?: string | undefined
  log: Log
  migrate: boolean
}): Promise<Database> => {
  const pool = openPool(options.url, options)
  if (options.migrate) {
    const { database } = optionsOf(options.url, options.password)
    try {
      await pool.use((connection) => bringUpToDate(connection, database, options.log))
    } catch (error) {
      await pool.close()
      throw translated(error)
    }
  }

  const once: Run = (sql, params) => pool.use((connection) => execute(connection, sql, params))
  const read: Run = async (sql, params) => {
    try {
      return await once(sql, params, false)
    } catch (error) {
      if (isLost(error)) return once(sql, params, false)
      throw error
    }
  }
  const run: Run = (sql, params, writes) => persistently(() => (writes ? once : read)(sql, params, writes))

  const inside = new WeakMap<PoolConnection, Queries>()
  const queriesOf = (connection: PoolConnection): Queries => {
    const known = inside.get(connection)
    if (known !== undefined) return known
    const queries = mysqlDialect.queries((sql, params) => execute(connection, sql, params))
    inside.set(connection, queries)
    return queries
  }
  const transact = <T>(work: (connection: PoolConnection) => Promise<T>) =>
    pool.use(async (connection) => {
      await execute(connection, 'begin')
      try {
        const result = await work(connection)
        await execute(connection, 'commit')
        return result
      } catch (error) {
        await execute(connection, 'rollback').catch(() => connection.destroy())
        throw causeOf(error)
      }
    })

  const commit = createGroupCommit({ run, transact: (work) => persistently(() => transact(work)) })
  return {
    tables: createTables(mysqlDialect.kit),
    queries: mysqlDialect.queries(run),
    alias: mysqlDialect.kit.alias,
    insertMissing: mysqlDialect.insertMissing,
    // several, since one may wait for a row that somebody else holds
    write: createWriteGroup(commit, { groups: 2, most: 64, patienceMs: 2000 }),
    writeNew: createWriteGroup(commit, { groups: 4, most: 64, patienceMs: 2000 }),
    writeApart: createWriteGroup(commit, { most: 1 }),
    transaction: (work) => persistently(() => transact((connection) => work(queriesOf(connection)))),
    async ping() {
      await run('select 1', [], false)
    },
    close: pool.close
  }
}
