import { resolve } from 'node:path'
import type { Static } from 'typebox'
import type { OptionMistake } from '../../auth/define-backend.ts'
import { fieldNames, text } from '../../config/names.ts'
import Type from '../../schema/type.ts'
import type { Place } from './database.ts'
import { placeOf } from './open-database.ts'
import { parseStatement, type Statement } from './statement.ts'

/** May have several lines. */
const select = (description: string) =>
  Type.String({ minLength: 1, maxLength: 20_000, expected: 'a SELECT', description })

/** What the backend takes. */
export const SqlOptions = Type.Object(
  {
    database: Type.Object(
      {
        url: text({
          expected: 'mysql://user@host/name, postgres://user@host/name or file:PATH',
          description: 'mysql://user@host/name, postgres://user@host/name or file:PATH (SQLite); ?ssl=true for TLS.'
        }),
        password: Type.Optional(text({ description: 'The password, where it does not stand in the URL.' }))
      },
      { additionalProperties: false, description: 'Where the table is; an account that may only read is enough.' }
    ),
    user: select(
      'SELECT by :username: columns subject, passwordHash, email, username, isActive, isSuperuser, firstName and other fields.'
    ),
    identity: Type.Optional(
      select('SELECT by :subject, with the same columns: for refreshes. Absent: it is not asked.')
    ),
    attributes: Type.Optional(fieldNames('Columns of fields, where otherwise: of several, the first with a value.')),
    permissions: Type.Optional(select('SELECT by :subject: column permission. May use :objectType and :objectId.')),
    groups: Type.Optional(select('SELECT by :subject: column group.')),
    migrate: Type.Optional(
      Type.Boolean({
        description: 'Moves everybody to the backend local at their first right password. Default: false.'
      })
    ),
    weak: Type.Optional(Type.Boolean({ description: 'Takes digests without any salt too. Default: false.' }))
  },
  { additionalProperties: false }
)

/** The same as a type. */
export type SqlOptions = Static<typeof SqlOptions>

/** The statements by their options. */
export const statementNames = ['user', 'identity', 'permissions', 'groups'] as const

/** One of them. */
export type StatementName = (typeof statementNames)[number]

/** The statements that are configured, parsed. */
export type Statements = Partial<Record<StatementName, Statement>> & { readonly user: Statement }

const parameters: Readonly<Record<StatementName, { readonly needed: string; readonly also: readonly string[] }>> = {
  user: { needed: 'username', also: [] },
  identity: { needed: 'subject', also: [] },
  permissions: { needed: 'subject', also: ['objectType', 'objectId'] },
  groups: { needed: 'subject', also: [] }
}

/** Columns that a statement's answer must have. */
export const neededColumns: Readonly<Record<StatementName, readonly string[]>> = {
  user: ['subject', 'passwordHash'],
  identity: ['subject'],
  permissions: ['permission'],
  groups: ['group']
}

/** What is wrong with the options, without asking the database. */
export function sqlMistakes(options: SqlOptions): OptionMistake[] {
  const place = placeOf(options.database.url, options.database.password)
  if (place === undefined) {
    const message = 'expected mysql://user@host/name, postgres://user@host/name or file:PATH'
    return [{ path: '/database/url', message }]
  }
  const isFile = place.flavour === 'sqlite' && options.database.password !== undefined
  const password = isFile ? [{ path: '/database/password', message: 'a file has no password' }] : []
  return [...password, ...statementNames.flatMap((name) => mistakesOf(name, options[name], place))]
}

function mistakesOf(name: StatementName, sql: string | undefined, { flavour }: Place): OptionMistake[] {
  if (sql === undefined) return []
  const statement = parseStatement(sql, flavour)
  if (typeof statement === 'string') return [{ path: `/${name}`, message: statement }]
  const { needed, also } = parameters[name]
  const unknown = statement.names.find((parameter) => parameter !== needed && !also.includes(parameter))
  if (unknown !== undefined) return [{ path: `/${name}`, message: `there is no parameter :${unknown} here` }]
  return statement.names.includes(needed) ? [] : [{ path: `/${name}`, message: `expected :${needed} in it` }]
}

/** What options without mistakes mean. */
export function readOptions(options: SqlOptions, baseFolder: string): { place: Place; statements: Statements } {
  const place = placeOf(options.database.url, options.database.password)
  if (place === undefined) throw new TypeError('a database without a place')
  const parsed = (sql: string): Statement => {
    const statement = parseStatement(sql, place.flavour)
    if (typeof statement === 'string') throw new TypeError(statement)
    return statement
  }
  const others = statementNames.flatMap((name) => {
    const sql = options[name]
    return name === 'user' || sql === undefined ? [] : [[name, parsed(sql)] as const]
  })
  const here: Place = place.flavour === 'sqlite' ? { ...place, file: resolve(baseFolder, place.file) } : place
  return { place: here, statements: { ...Object.fromEntries(others), user: parsed(options.user) } }
}
