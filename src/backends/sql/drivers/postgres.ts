import pg from 'pg'
import { type ForeignDatabase, type Place, poolSize, SqlFailure, statementMs } from '../database.ts'
import { bound } from '../statement.ts'

const byteaOid = 17
const charOid = 1042

/** Everything as PostgreSQL writes it, but bytes, which are bytes, and `char(n)`, whose trailing spaces mean nothing there. */
const types = {
  getTypeParser: (oid: number) => (value: string) => {
    if (oid === charOid) return value.replace(/ +$/, '')
    return oid === byteaOid && value.startsWith('\\x') ? Buffer.from(value.slice(2), 'hex') : value
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** SQLSTATE class 22: the value is none of the column's type, a name where a number is kept. Nobody has it then. */
const isOfNobody = (code: string): boolean => /^22...$/.test(code)

/** 08, 53, 57, 58: the connection or the server itself. */
const isOfServer = (code: string): boolean => !/^[0-9A-Z]{5}$/.test(code) || /^(08|28|3D|53|57|58)/.test(code)

/** PostgreSQL: every transaction of the session is read only, and ends after a time. */
export function openPostgres(place: Extract<Place, { host: string }>): ForeignDatabase {
  const { host, port, user, password, database, tls } = place
  const pool = new pg.Pool({
    ...{ host, port, user, password, database, types, max: poolSize, idleTimeoutMillis: 60_000 },
    ...{ connectionTimeoutMillis: 5000, allowExitOnIdle: true, application_name: 'latchkey' },
    ...(tls ? { ssl: { rejectUnauthorized: true } } : {})
  })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
    const readOnly = `set session characteristics as transaction read only; set statement_timeout = ${statementMs}`
    client.query(readOnly).catch(() => client.end().catch(() => undefined))
  })

  const connect = async (): Promise<pg.PoolClient> => {
    try {
      return await pool.connect()
    } catch (error) {
      throw new SqlFailure('connect', error instanceof Error ? error.message || codeOf(error) : 'no connection')
    }
  }

  return {
    async query(statement, values, withinMs) {
      const { sql, values: list } = bound(statement, 'postgres', values)
      const late = Promise.withResolvers<never>()
      const failure = new SqlFailure('timeout', `no answer within ${Math.round(withinMs)} ms`)
      const timer = setTimeout(() => late.reject(failure), withinMs)
      const connecting = connect()
      let client: pg.PoolClient | undefined
      try {
        client = await Promise.race([connecting, late.promise])
        const { fields, rows } = await Promise.race([client.query(sql, [...list]), late.promise])
        client.release()
        return { columns: fields.map(({ name }) => name), rows }
      } catch (error) {
        if (client === undefined) connecting.then((unused) => unused.release()).catch(() => undefined)
        if (error instanceof SqlFailure) {
          client?.release(true)
          throw error
        }
        const code = codeOf(error)
        client?.release(isOfServer(code))
        if (isOfNobody(code)) return { columns: [], rows: [] }
        throw new SqlFailure(isOfServer(code) ? 'connect' : 'statement', code)
      } finally {
        clearTimeout(timer)
        late.promise.catch(() => undefined)
      }
    },
    close: () => pool.end()
  }
}
