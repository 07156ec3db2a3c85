import mysql, { type PoolConnection } from 'mysql2'
import {
  type Answer,
  type ForeignDatabase,
  type Place,
  poolSize,
  type Row,
  SqlFailure,
  statementMs
} from '../database.ts'
import { bound } from '../statement.ts'

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error'

/** The server refused the statement; all other errors are of the connection. */
const isOfStatement = (error: unknown): boolean =>
  error instanceof Error && 'sqlState' in error && !('fatal' in error && error.fatal === true)

/** MySQL and MariaDB where a text holds what the column's character set does not: collations, conversions, wrong strings. */
const unconvertible: ReadonlySet<unknown> = new Set([1267, 1270, 1271, 1366, 1977, 3854, 3988])

/**
 * The value can stand in no row of the table, an emoji in a latin1 column: nobody has it, and no stranger who types one makes the
 * database look broken. With ASCII alone it is the statement that mixes what does not go together.
 */
const isOfNobody = (error: unknown, values: ReadonlyArray<string | null>): boolean =>
  error instanceof Error &&
  'errno' in error &&
  unconvertible.has(error.errno) &&
  values.some((value) => value !== null && /\P{ASCII}/u.test(value))

/** The first is MariaDB's and in seconds, the second MySQL's and in milliseconds: each knows its own alone. */
const setUp = (connection: PoolConnection): void => {
  connection.on('error', () => undefined)
  connection.query('set session transaction read only', (error) => error && connection.destroy())
  for (const limit of [`max_statement_time = ${statementMs / 1000}`, `max_execution_time = ${statementMs}`])
    connection.query(`set session ${limit}`, () => undefined)
}

/** MySQL and MariaDB: every transaction of the session is read only. */
export function openMysql(place: Extract<Place, { host: string }>): ForeignDatabase {
  const { host, port, user, password, database, tls } = place
  const pool = mysql.createPool({
    ...{ host, port, user, password, database, charset: 'utf8mb4' },
    ...(tls ? { ssl: { rejectUnauthorized: true, verifyIdentity: true } } : {}),
    ...{ connectionLimit: poolSize, maxIdle: poolSize, idleTimeout: 60_000, queueLimit: 1000, connectTimeout: 5000 },
    ...{ supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, multipleStatements: false }
  })
  pool.on('connection', setUp)

  const ask = (connection: PoolConnection, sql: string, values: ReadonlyArray<string | null>, done: Done): void => {
    connection.execute({ sql, values: [...values] }, (error, rows, fields) => {
      if (error && isOfNobody(error, values)) done(undefined, { rows: [], columns: [] })
      else if (error) done(new SqlFailure(isOfStatement(error) ? 'statement' : 'connect', codeOf(error)))
      else done(undefined, { rows: rows as Row[], columns: fields?.map(({ name }) => name) ?? [] })
    })
  }

  return {
    query: (statement, values, withinMs) =>
      new Promise((resolve, reject) => {
        const { sql, values: list } = bound(statement, 'mysql', values)
        let lent: PoolConnection | undefined
        let isLate = false
        const timer = setTimeout(() => {
          isLate = true
          lent?.destroy()
          reject(new SqlFailure('timeout', `no answer within ${Math.round(withinMs)} ms`))
        }, withinMs)
        pool.getConnection((error, connection) => {
          if (isLate) return connection?.release()
          if (error) {
            clearTimeout(timer)
            return reject(new SqlFailure('connect', error.message))
          }
          lent = connection
          ask(connection, sql, list, (failure, answer) => {
            if (isLate) return
            clearTimeout(timer)
            if (failure?.reason === 'connect') connection.destroy()
            else connection.release()
            if (answer) resolve(answer)
            else reject(failure)
          })
        })
      }),
    close: () => new Promise((resolve) => pool.end(() => resolve()))
  }
}

type Done = (failure: SqlFailure | undefined, answer?: Answer) => void
