import type { LoginRecord } from '../auth/user-store.ts'
import type { Dialect, Queries } from './kit.ts'
import type { Statement } from './record-login.ts'
import type { Tables } from './tables.ts'

/** An open database of either dialect. Every failure that is no programming error comes as `TemporarilyUnavailable`. */
export interface Database {
  readonly tables: Tables
  /** Statements on their own, each its own transaction. */
  readonly queries: Queries
  readonly alias: Dialect['kit']['alias']
  readonly insertMissing: Dialect['insertMissing']
  /**
   * Writes a login down at the user and at the identity, at both or none. @throws {DuplicateKey} the e-mail is taken
   * @param event what it is told by, written with it
   */
  recordLogin(record: LoginRecord, event?: Statement): Promise<void>
  /** All or nothing. May run `work` again after a deadlock, so it does nothing but queries. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>
  ping(): Promise<void>
  close(): Promise<void>
}
