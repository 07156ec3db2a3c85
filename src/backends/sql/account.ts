import type { Attributes, Identity } from '../../auth/backend.ts'
import type { FieldNames } from '../../auth/field-names.ts'
import { type Row, SqlFailure } from './database.ts'

/** A row of somebody else's table as an account. */
export interface SqlAccount {
  readonly identity: Identity
  /** The column `username`, where there is one. */
  readonly username: string | undefined
  readonly passwordHash: string | undefined
  readonly isActive: boolean
}

/** Columns that mean something of their own, in lower case: PostgreSQL writes names so that stand without quotes. */
const own = ['subject', 'email', 'username', 'passwordHash', 'isActive', 'isSuperuser'] as const
const fields = ['firstName', 'lastName', 'displayName', 'initials', 'employeeNumber'] as const
/** The name that a column stands for, among those that mean something and users' own fields. */
export type ColumnName = (column: string) => string

/** Names are found in any case. */
export function columnNames(userFields: readonly string[]): ColumnName {
  const known = new Map([...userFields, ...fields, ...own].map((name) => [name.toLowerCase(), name]))
  return (column) => known.get(column.toLowerCase()) ?? column
}

/** The values of a row, by what they stand for. */
export type ReadRow = (row: Row) => Map<string, unknown>

/** @param names columns of fields, where they are called otherwise: of several, the first with a value */
export function rowReader(userFields: readonly string[], names: FieldNames = {}): ReadRow {
  const columnName = columnNames(userFields)
  const known = new Set<string>([...userFields, ...fields, ...own])
  const wanted = Object.entries(names).map(([field, name]) => [field, [name].flat().map(columnName)] as const)
  return (row) => {
    const values = new Map(Object.entries(row).map(([column, value]) => [columnName(column), value]))
    const lower = new Map([...values].map(([name, value]) => [name.toLowerCase(), value]))
    const found = wanted.map(([field, columns]) => {
      const filled = columns.map((column) => lower.get(column.toLowerCase())).find((value) => textOf(value))
      return [field, filled] as const
    })
    const replaced = new Set(wanted.flatMap(([, columns]) => columns.map((column) => column.toLowerCase())))
    for (const name of values.keys()) if (replaced.has(name.toLowerCase()) && !known.has(name)) values.delete(name)
    for (const [field, value] of found) values.set(field, value)
    return values
  }
}

const subjectBytes = 255

/** Reads a row. @throws {SqlFailure} it has no subject that can be kept */
export function accountOf(row: Row, readRow: ReadRow): SqlAccount {
  const values = readRow(row)
  const text = (name: string): string | undefined => fieldOf(values.get(name)) || undefined
  const subject = subjectOf(values.get('subject'))
  const email = text('email')
  const username = text('username')
  const isActive = !values.has('isActive') || flagOf(values.get('isActive'))
  const attributes: Record<string, string> = {}
  for (const name of values.keys()) {
    const value = own.some((column) => column === name) ? undefined : text(name)
    if (value !== undefined) attributes[name] = value
  }
  const identity: Identity = {
    subject,
    username: username ?? email ?? subject,
    emails: email === undefined ? [] : [email],
    attributes: attributes satisfies Attributes,
    source: { ...attributes, subject, ...(username === undefined ? {} : { username }) },
    ...(values.has('isSuperuser') ? { isSuperuser: flagOf(values.get('isSuperuser')) } : {})
  }
  return { identity, username, passwordHash: text('passwordHash'), isActive }
}

/** Bytes become hexadecimal digits, whatever they are, so that two never become one. */
function subjectOf(value: unknown): string {
  const subject = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : textOf(value)
  if (subject === undefined || subject === '') throw new SqlFailure('protocol', 'a row has no subject')
  if (Buffer.byteLength(subject) > subjectBytes || /[\p{Cc}\p{Cs}\ufffd]/u.test(subject)) {
    throw new SqlFailure('protocol', 'a subject is too long, or holds characters that none may have')
  }
  return subject
}

/** bit(1), as MySQL has it, is the digit and not a control character. */
const fieldOf = (value: unknown): string | undefined =>
  value instanceof Uint8Array && value.length === 1 && value[0] !== undefined && value[0] <= 1
    ? String(value[0])
    : textOf(value)

/** A value of any column as text; NULL, and bytes that are no UTF-8, are none. */
export function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
  if (!(value instanceof Uint8Array)) return typeof value === 'object' ? JSON.stringify(value) : String(value)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value)
  } catch {
    return undefined
  }
}

/**
 * Whether a column says yes: a boolean, a number other than 0, bits of which one is set, `t`, `true`, `yes`, `on`, or a moment
 * (since when). Everything else says no. Bytes are bits where one of them is a control character, and otherwise text.
 */
export function flagOf(value: unknown): boolean {
  if (value instanceof Uint8Array && value.some((byte) => byte < 32)) return value.some((byte) => byte !== 0)
  const text = (textOf(value) ?? '').trim().toLowerCase()
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) !== 0
  if (/^\d{4}-\d\d-\d\d/.test(text)) return !text.startsWith('0000')
  return ['t', 'true', 'y', 'yes', 'on'].includes(text)
}
