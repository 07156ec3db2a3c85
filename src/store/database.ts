import type { Dialect, Queries } from './kit.ts'
import type { Tables } from './tables.ts'
import type { Outcome, Write } from './write-group.ts'

/** An open database of either dialect. Every failure that is no programming error comes as `TemporarilyUnavailable`. */
export interface Database {
  readonly tables: Tables
  /** Statements on their own, each its own transaction. */
  readonly queries: Queries
  readonly alias: Dialect['kit']['alias']
  readonly insertMissing: Dialect['insertMissing']
  /** All statements or none, in one commit with what others write at the same moment. */
  write(write: Write): Promise<Outcome>
  /** The same with others' new rows alone: for a key that somebody else holds it may wait long, and no login waits along. */
  writeNew(write: Write): Promise<Outcome>
  /** The same in a commit of its own, at once. */
  writeApart(write: Write): Promise<Outcome>
  /** All or nothing. May run `work` again after a deadlock, so it does nothing but queries. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>
  ping(): Promise<void>
  close(): Promise<void>
}
