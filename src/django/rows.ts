import { momentOf } from '../auth/moment.ts'
import { flagOf, textOf } from '../backends/sql/account.ts'
import { type Row, SqlFailure } from '../backends/sql/database.ts'
import type { Layout } from './layout.ts'

/** A row of the table of users; absent is what the table has not, or has no value for. */
export interface DjangoUser {
  readonly id: string
  readonly username?: string
  readonly email?: string
  readonly password?: string
  readonly isActive: boolean
  readonly isSuperuser: boolean
  readonly isStaff: boolean
  /** Epoch milliseconds. */
  readonly joinedAt?: number
  readonly lastLoginAt?: number
  /** Fields of ours, as text. */
  readonly fields: Readonly<Record<string, string>>
}

/** Reads a row. @throws {SqlFailure} it has no id */
export function userOf(row: Row, { columns, fields }: Layout): DjangoUser {
  const text = (column: string | undefined): string | undefined =>
    column === undefined ? undefined : textOf(row[column]) || undefined
  const id = text(columns.id)
  if (id === undefined) throw new SqlFailure('protocol', 'a row has no id')
  const flag = (column: string | undefined, otherwise: boolean): boolean =>
    column === undefined ? otherwise : flagOf(row[column])
  return {
    id,
    ...present({ username: text(columns.username), email: text(columns.email), password: text(columns.password) }),
    isActive: flag(columns.isActive, true),
    isSuperuser: flag(columns.isSuperuser, false),
    isStaff: flag(columns.isStaff, false),
    ...present({ joinedAt: timeOf(text(columns.joined)), lastLoginAt: timeOf(text(columns.lastLogin)) }),
    fields: present({
      firstName: text(columns.firstName),
      lastName: text(columns.lastName),
      ...Object.fromEntries(Object.entries(fields).map(([field, column]) => [field, isoOf(text(column))]))
    })
  }
}

const moment = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(\.\d{1,3})?\d*\s*(?:(Z)|([+-]\d\d):?(\d\d)?)?$/

/** A moment as databases write it, in ISO 8601; without an offset it is UTC, as Django writes it. Other text stays as it is. */
function isoOf(text: string | undefined): string | undefined {
  const [, day, minute, seconds = ':00', fraction = '', , hours, minutes = '00'] = moment.exec(text ?? '') ?? []
  if (day === undefined) return text
  return `${day}T${minute}${seconds}${fraction}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`
}

/** What is no moment, such as MySQL's 0000-00-00, is none. */
const timeOf = (text: string | undefined): number | undefined => momentOf(isoOf(text) ?? '')

type Present<Values> = { [Name in keyof Values]?: Exclude<Values[Name], undefined> }

function present<Values extends object>(values: Values): Present<Values> {
  const there = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(there) as Present<Values>
}
