import { type Answer, SqlFailure } from '../backends/sql/database.ts'
import type { Flavour } from '../backends/sql/statement.ts'

/** One SELECT in somebody else's database. */
export type Ask = (sql: string, values?: Readonly<Record<string, string>>) => Promise<Answer>

/** What the columns of Django's `auth_user` mean, and how they are called there. */
export const usualColumns = {
  id: 'id',
  username: 'username',
  email: 'email',
  password: 'password',
  firstName: 'first_name',
  lastName: 'last_name',
  isActive: 'is_active',
  isSuperuser: 'is_superuser',
  isStaff: 'is_staff',
  joined: 'date_joined',
  lastLogin: 'last_login'
} as const

/** One of these meanings. */
export type ColumnRole = keyof typeof usualColumns

/** How a project's tables and columns are called, where it is not as usual. */
export interface DjangoNames {
  readonly userTable: string
  /** Of memberships and of users' own permissions; absent: the user table's name with `_groups` and `_user_permissions`. */
  readonly groupsTable?: string
  readonly permissionsTable?: string
  readonly columns: Partial<Record<ColumnRole, string>>
  /** Fields of ours by the columns that they come from. */
  readonly fields: Readonly<Record<string, string>>
}

/** A table between users and something else, and its column that names the user. */
export interface Relation {
  readonly table: string
  readonly user: string
}

/** Where everything is, as it was found in the database. */
export interface Layout {
  readonly userTable: string
  readonly columns: Partial<Record<ColumnRole, string>> & Readonly<Record<'id' | 'email' | 'password', string>>
  readonly fields: Readonly<Record<string, string>>
  readonly groups?: Relation
  readonly permissions?: Relation
}

/** The database is no Django project's, or its tables are called otherwise; in words for who typed the command. */
export class NoDjango extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoDjango'
  }
}

/** A name for a statement; `schema.table` are two. */
export function quoted(name: string, flavour: Flavour): string {
  const mark = flavour === 'mysql' ? '`' : '"'
  return name
    .split('.')
    .map((part) => `${mark}${part.replaceAll(mark, mark + mark)}${mark}`)
    .join('.')
}

/** Whether a question failed since there is no such table. */
export const isMissingTable = (error: unknown): boolean =>
  error instanceof SqlFailure && /ER_NO_SUCH_TABLE|42P01|no such table/.test(error.message)

/** Looks for the tables and columns. @throws {NoDjango} {SqlFailure} */
export async function layoutOf(names: DjangoNames, ask: Ask, flavour: Flavour): Promise<Layout> {
  const columnsOf = async (table: string): Promise<readonly string[] | undefined> => {
    try {
      return (await ask(`select * from ${quoted(table, flavour)} where 1 = 0`)).columns
    } catch (error) {
      if (isMissingTable(error)) return undefined
      throw error
    }
  }
  const relationOf = async (table: string, named: boolean, other: string): Promise<{ found?: Relation }> => {
    const columns = await columnsOf(table)
    if (columns === undefined && !named) return {}
    const user = columns?.find((column) => column !== other && column !== 'id' && column.endsWith('_id'))
    if (user === undefined || !columns?.includes(other)) throw new NoDjango(`${table}: expected a table with ${other}`)
    return { found: { table, user } }
  }
  const there = await columnsOf(names.userTable)
  if (there === undefined) throw new NoDjango(`there is no table ${names.userTable}: name it with --user-table`)
  const { userTable, groupsTable, permissionsTable, fields } = names
  const groups = await relationOf(groupsTable ?? `${userTable}_groups`, groupsTable !== undefined, 'group_id')
  const permissions = await relationOf(
    permissionsTable ?? `${userTable}_user_permissions`,
    permissionsTable !== undefined,
    'permission_id'
  )
  const missing = [...Object.values(names.columns), ...Object.values(fields)].find((column) => !there.includes(column))
  if (missing !== undefined) throw new NoDjango(`${userTable} has no column ${missing}`)
  return {
    userTable,
    columns: columnsAmong(there, names),
    fields,
    ...(groups.found && { groups: groups.found }),
    ...(permissions.found && { permissions: permissions.found })
  }
}

/** Those that a project of its own left out are done without; three are needed. */
function columnsAmong(there: readonly string[], { userTable, columns }: DjangoNames): Layout['columns'] {
  const roles = Object.entries({ ...usualColumns, ...columns })
  const found: Partial<Record<ColumnRole, string>> = Object.fromEntries(
    roles.filter(([, column]) => there.includes(column))
  )
  const { id, email, password } = found
  if (id === undefined) throw new NoDjango(`${userTable} has no column id: name it with --id-column`)
  if (email === undefined) throw new NoDjango(`${userTable} has no column email: name it with --email-column`)
  if (password === undefined) throw new NoDjango(`${userTable} has no column password: name it with --password-column`)
  return { ...found, id, email, password }
}
