import type { ForeignAccount, ForeignGroup, ForeignPermission, ForeignSource, Named } from '../admin/foreign-source.ts'
import { textOf } from '../backends/sql/account.ts'
import type { Place, Row } from '../backends/sql/database.ts'
import { openDatabase } from '../backends/sql/open-database.ts'
import { parseStatement } from '../backends/sql/statement.ts'
import {
  type Ask,
  type DjangoNames,
  isMissingTable,
  type Layout,
  layoutOf,
  NoDjango,
  quoted,
  type Relation
} from './layout.ts'
import { type DjangoUser, userOf } from './rows.ts'

/** Rows of one question. */
const pageSize = 500

/** How long each may take: pages are read by the primary key. */
const withinMs = 60_000

/** A Django project's database, open to be read. */
export interface DjangoDatabase extends ForeignSource {
  /** How many users there are. */
  count(): Promise<number>
  close(): Promise<void>
}

/**
 * Opens a project's database, which is only read.
 * @throws {NoDjango} {SqlFailure}
 */
export async function openDjango(place: Place, names: DjangoNames): Promise<DjangoDatabase> {
  const database = await openDatabase(place)
  const { flavour } = place
  const ask: Ask = (sql, values = {}) => {
    const statement = parseStatement(sql, flavour)
    if (typeof statement === 'string') throw new TypeError(`${statement}: ${sql}`)
    return database.query(statement, values, withinMs)
  }
  const q = (name: string): string => quoted(name, flavour)

  /** All rows of a table by one column that identifies them. */
  async function* pagesOf(table: string, key: string, columns: readonly string[]): AsyncGenerator<readonly Row[]> {
    const list = [...new Set([key, ...columns])].map(q).join(', ')
    const page = (where: string) => `select ${list} from ${q(table)} ${where} order by ${q(key)} limit ${pageSize}`
    let { rows } = await ask(page(''))
    while (rows.length > 0) {
      yield rows
      if (rows.length < pageSize) return
      const after = textOf(rows.at(-1)?.[key]) ?? ''
      rows = (await ask(page(`where ${q(key)} > :after`), { after })).rows
    }
  }

  async function all(table: string, columns: readonly string[]): Promise<readonly Row[]> {
    const rows: Row[] = []
    try {
      for await (const page of pagesOf(table, 'id', columns)) rows.push(...page)
    } catch (error) {
      if (!isMissingTable(error)) throw error
      throw new NoDjango(`there is no table ${table}: expected a database of django.contrib.auth`)
    }
    return rows
  }

  /** What each of a page's rows is related to, by ids. */
  async function related({ table, user }: Relation, other: string, ids: readonly string[]) {
    const [first = '', last = ''] = [ids[0], ids.at(-1)]
    const range = `${q(user)} >= :first and ${q(user)} <= :last`
    const { rows } = await ask(`select ${q(user)}, ${q(other)} from ${q(table)} where ${range}`, { first, last })
    return grouped(rows, user, other)
  }

  try {
    const layout = await layoutOf(names, ask, flavour)
    const permissions = await permissionsOf(all)
    const permissionNames = new Map(Array.from(permissions, ([id, { name }]) => [id, name]))
    const groups = await groupsOf(all, permissionNames)
    const groupNames = new Map(groups.map(({ id, name }) => [id, name]))
    const { columns, userTable } = layout

    async function* accounts(): AsyncGenerator<readonly ForeignAccount[]> {
      for await (const rows of pagesOf(userTable, columns.id, columnsOf(layout))) {
        const users = rows.map((row) => userOf(row, layout))
        const ids = users.map(({ id }) => id)
        const memberships = layout.groups ? await related(layout.groups, 'group_id', ids) : none
        const granted = layout.permissions ? await related(layout.permissions, 'permission_id', ids) : none
        const list = (of: ReadonlyMap<string, readonly string[]>, id: string, by: ReadonlyMap<string, string>) =>
          (of.get(id) ?? []).flatMap((each) => by.get(each) ?? [])
        yield users.map((user) => ({
          ...accountOf(user),
          groups: list(memberships, user.id, groupNames),
          permissions: list(granted, user.id, permissionNames)
        }))
      }
    }

    async function* named(): AsyncGenerator<readonly Named[]> {
      const wanted = [columns.email, ...(columns.username === undefined ? [] : [columns.username])]
      const narrow: Layout = { userTable, columns: { ...columns }, fields: {} }
      for await (const rows of pagesOf(userTable, columns.id, wanted)) yield rows.map((row) => userOf(row, narrow))
    }

    return {
      permissions: [...permissions.values()],
      groups,
      accounts,
      named,
      async count() {
        const { rows } = await ask(`select count(*) as n from ${q(userTable)}`)
        return Number(textOf(rows[0]?.n) ?? 0)
      },
      close: () => database.close()
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

const none: ReadonlyMap<string, readonly string[]> = new Map()

const columnsOf = ({ columns, fields }: Layout): string[] => [...Object.values(columns), ...Object.values(fields)]

function grouped(rows: readonly Row[], by: string, column: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const row of rows) {
    const [key, value] = [textOf(row[by]), textOf(row[column])]
    if (key === undefined || value === undefined) continue
    const list = found.get(key) ?? []
    found.set(key, list)
    list.push(value)
  }
  return found
}

type All = (table: string, columns: readonly string[]) => Promise<readonly Row[]>

/** Django's `app_label.codename` of each permission. */
async function permissionsOf(all: All): Promise<Map<string, ForeignPermission>> {
  const types = new Map(
    (await all('django_content_type', ['app_label'])).map((row) => [textOf(row.id), textOf(row.app_label)])
  )
  const rows = await all('auth_permission', ['content_type_id', 'codename', 'name'])
  return new Map(
    rows.map((row) => [
      textOf(row.id) ?? '',
      {
        name: `${types.get(textOf(row.content_type_id)) ?? ''}.${textOf(row.codename) ?? ''}`,
        description: textOf(row.name) ?? ''
      }
    ])
  )
}

async function groupsOf(
  all: All,
  permissions: ReadonlyMap<string, string>
): Promise<Array<ForeignGroup & { readonly id: string }>> {
  const rows = await all('auth_group', ['name'])
  const carried = grouped(
    await all('auth_group_permissions', ['group_id', 'permission_id']),
    'group_id',
    'permission_id'
  )
  return rows.map((row) => {
    const id = textOf(row.id) ?? ''
    const names = (carried.get(id) ?? []).flatMap((each) => permissions.get(each) ?? [])
    return { id, name: textOf(row.name) ?? '', permissions: [...new Set(names)] }
  })
}

function accountOf({ password, joinedAt, lastLoginAt, ...user }: DjangoUser) {
  return {
    ...user,
    ...(password === undefined ? {} : { passwordHash: password }),
    ...(joinedAt === undefined ? {} : { createdAt: joinedAt }),
    ...(lastLoginAt === undefined ? {} : { lastLoginAt })
  }
}
