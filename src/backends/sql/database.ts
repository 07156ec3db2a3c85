import type { Statement } from './statement.ts'

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

/** Connections of one pool. */
export const poolSize = 5

/** No statement runs longer on the server, whoever waits for it. */
export const statementMs = 10_000
