import { TemporarilyUnavailable } from '../errors.ts'
import { DuplicateKey, isOfRows, MissingReference } from './failures.ts'

interface MysqlError extends Error {
  /** The server's number (dev.mysql.com/doc/mysql-errors); absent where the server said nothing. */
  readonly errno?: number
  /** Set where the server answered. */
  readonly sqlState?: string
  readonly code?: string
  /** The connection is of no use any more. */
  readonly fatal?: boolean
}

const asMysqlError = (error: unknown): MysqlError | undefined => (error instanceof Error ? error : undefined)

/** Access denied to database, unknown database, too many connections of a user, a user's limits, too many statements. */
const refusals = new Set([1044, 1049, 1142, 1143, 1203, 1226, 1461])
/** A wrong number of arguments, no default, a value that does not fit its column's type. */
const mistakes = new Set([1210, 1364, 1366])

/** What the server says of our SQL or our values; everything else says that it can't answer now. */
const isMistake = ({ errno = 0, sqlState = '' }: MysqlError): boolean =>
  mistakes.has(errno) || (['21', '22', '23', '42'].includes(sqlState.slice(0, 2)) && !refusals.has(errno))

/** The error that leaves the store for what the driver threw. */
export const translated = (thrown: unknown): unknown => {
  const error = asMysqlError(thrown)
  if (error === undefined || error instanceof TypeError || error instanceof TemporarilyUnavailable) return thrown
  if (isOfRows(error)) return error
  if (error.errno === 1062 || error.errno === 1586) return new DuplicateKey(error)
  if (error.errno === 1452) return new MissingReference(error)
  return error.sqlState !== undefined && isMistake(error) ? error : new TemporarilyUnavailable(error)
}

/** Deadlock, and MariaDB's `record has changed since last read`: the server asks us to try the whole again. */
export const wantsRetry = (error: unknown): boolean => [1213, 1020].includes(asMysqlError(error)?.errno ?? 0)

/** There is no such table. */
export const isNoTable = (error: unknown): boolean => asMysqlError(error)?.errno === 1146

/** The server went away without an answer; a statement that reads may be asked again. */
export const isLost = (error: unknown): boolean => {
  const { fatal, code } = asMysqlError(error) ?? {}
  return fatal === true && ['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE', undefined].includes(code)
}

/** The connection is dead, or leads to a server that only reads (1290, 1836, 1792), as after a failover. */
export const isSpent = (error: unknown): boolean => {
  const { fatal, errno = 0 } = asMysqlError(error) ?? {}
  return fatal === true || [1290, 1836, 1792].includes(errno)
}

/** Somebody else holds a row for longer than a statement waits. */
export const isLockWait = (thrown: unknown): boolean => {
  const error = asMysqlError(thrown)
  return error?.errno === 1205 || (error?.cause !== undefined && isLockWait(error.cause))
}

/** Table, column, index or foreign key are there already, or what is to be dropped is not. */
const doneBefore = new Set([1050, 1060, 1061, 1091, 1826])

/** Whether a statement of a migration had come to its end before. MariaDB says of a foreign key only that it can't make the table. */
export const isDoneBefore = (error: unknown): boolean => {
  const { errno = 0, message = '' } = asMysqlError(error) ?? {}
  return doneBefore.has(errno) || (errno === 1005 && message.includes('errno: 121'))
}
