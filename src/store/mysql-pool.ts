import mysql, { type PoolConnection } from 'mysql2'
import type { Log } from '../auth/ports.ts'
import { isSpent } from './mysql-errors.ts'
import { plainValue } from './values.ts'

const connectMs = 2000
/** For a statement of ours, all of which find their rows by an index. */
const statementMs = 3000
const closeMs = 2000

const strict = "set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', session innodb_lock_wait_timeout = 2"

/** What a `mysql:` URL says; `?ssl=true` asks for TLS with a certificate that is verified. */
export const optionsOf = (url: string, password: string | undefined) => {
  const { hostname, port, username, password: inUrl, pathname, searchParams } = new URL(url)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 3306 : Number(port),
    user: decodeURIComponent(username),
    password: password ?? decodeURIComponent(inUrl),
    database: decodeURIComponent(pathname.slice(1)),
    ...(searchParams.get('ssl') === 'true' ? { ssl: { rejectUnauthorized: true, verifyIdentity: true } } : {})
  }
}

const late = (what: string, ms: number) =>
  Object.assign(new Error(`${what} took more than ${ms} ms`), { fatal: true, code: 'ETIMEDOUT' })

/** Runs one statement: prepared where it has parameters; one that is late ends its connection. */
export const execute = (connection: PoolConnection, sql: string, params?: readonly unknown[], ms = statementMs) =>
  new Promise<unknown[]>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(late('the statement', ms))
      connection.destroy()
    }, ms)
    const done = (error: Error | null, result: unknown) => {
      clearTimeout(timer)
      if (error) reject(error)
      else resolve(Array.isArray(result) ? result : [result])
    }
    if (params === undefined) connection.query({ sql, rowsAsArray: true }, done)
    else connection.execute({ sql, rowsAsArray: true, values: params.map(plainValue) }, done)
  })

/** A bounded pool; nothing waits for it or for the server beyond a limit. */
export const openPool = (url: string, { password, log }: { password?: string | undefined; log: Log }) => {
  const pool = mysql.createPool({
    ...optionsOf(url, password),
    charset: 'utf8mb4',
    connectTimeout: connectMs,
    connectionLimit: 10,
    queueLimit: 1000,
    maxIdle: 4,
    idleTimeout: 60_000,
    keepAliveInitialDelay: 10_000,
    maxPreparedStatements: 200
  })
  pool.on('connection', (connection) => {
    connection.on('error', (err) => log.debug({ err }, 'database connection lost'))
    connection.query(strict, (err) => err && log.warn({ err }, 'database session could not be set up'))
  })

  const acquire = () =>
    new Promise<PoolConnection>((resolve, reject) => {
      let given = false
      const timer = setTimeout(() => {
        given = true
        reject(late('getting a connection', connectMs))
      }, connectMs)
      pool.getConnection((error, connection) => {
        clearTimeout(timer)
        if (error) reject(error)
        else if (given) connection.release()
        else resolve(connection)
      })
    })

  return {
    /** Lends a connection for as long as `work` takes, and ends one that is of no use any more. */
    async use<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
      const connection = await acquire()
      try {
        const result = await work(connection)
        connection.release()
        return result
      } catch (error) {
        if (isSpent(error)) connection.destroy()
        else connection.release()
        throw error
      }
    },
    /** Says goodbye; to a server that does not answer only for a while. */
    close: () =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, closeMs)
        pool.end(() => {
          clearTimeout(timer)
          resolve()
        })
      })
  }
}
