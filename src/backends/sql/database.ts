import type { Flavour, Statement } from './statement.ts'

/** A row as its driver gives it, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** What a statement answered. */
export interface Answer {
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
}

/** Somebody else's database, of which nothing is ever asked but SELECTs in read-only transactions. */
export interface ForeignDatabase {
  /**
   * @param values bound by name; a name without a value is NULL
   * @throws {SqlFailure}
   */
  query(statement: Statement, values: Readonly<Record<string, string | null>>, withinMs: number): Promise<Answer>
  close(): Promise<void>
}

/** A word for the log, `/status` and metrics. `statement`: the database does not take it. */
export type SqlFailureReason = 'connect' | 'timeout' | 'statement' | 'protocol'

/** The database could not answer. Its text never holds a value, nor what the driver attached to its own error. */
export class SqlFailure extends Error {
  readonly reason: SqlFailureReason

  constructor(reason: SqlFailureReason, text: string) {
    super(text)
    this.name = 'SqlFailure'
    this.reason = reason
  }
}

/** Where a foreign database is. */
export type Place =
  | { readonly flavour: 'sqlite'; readonly file: string }
  | {
      readonly flavour: 'mysql' | 'postgres'
      readonly host: string
      readonly port: number
      readonly user: string
      readonly password: string
      readonly database: string
      readonly tls: boolean
    }

const flavours: Readonly<Record<string, Flavour>> = {
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'file:': 'sqlite'
}

/** Reads a database's URL; `undefined` where it is none. `?ssl=true` asks for TLS with a certificate that is verified. */
export function placeOf(url: string, password?: string): Place | undefined {
  const flavour = flavours[url.slice(0, url.indexOf(':') + 1)]
  if (flavour === undefined) return undefined
  if (flavour === 'sqlite') {
    const file = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '')
    return file === '' || /[?#]/.test(file) ? undefined : { flavour, file }
  }
  try {
    const { hostname, port, username, password: inUrl, pathname, searchParams } = new URL(url)
    const database = decodeURIComponent(pathname.slice(1))
    if (hostname === '' || username === '' || database === '') return undefined
    return {
      flavour,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (flavour === 'mysql' ? 3306 : 5432) : Number(port),
      user: decodeURIComponent(username),
      password: password ?? decodeURIComponent(inUrl),
      database,
      tls: searchParams.get('ssl') === 'true'
    }
  } catch {
    return undefined
  }
}

/** Opens a driver at the first question: its package is loaded no sooner. */
export async function openDatabase(place: Place): Promise<ForeignDatabase> {
  if (place.flavour === 'sqlite') return (await import('./drivers/sqlite.ts')).openSqlite(place.file)
  if (place.flavour === 'mysql') return (await import('./drivers/mysql.ts')).openMysql(place)
  return (await import('./drivers/postgres.ts')).openPostgres(place)
}

/** Connections of one pool. */
export const poolSize = 5

/** No statement runs longer on the server, whoever waits for it. */
export const statementMs = 10_000
