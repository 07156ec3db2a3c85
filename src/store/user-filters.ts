import type { SQL } from 'drizzle-orm'
import type { AnySQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { UserQuery } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { endOf, prefixed } from './prefix.ts'

const { and, eq, or, sql } = orm

/** Some of those who fit a filter, by an index. */
export interface Branch {
  readonly table: SQLiteTable
  readonly userId: AnySQLiteColumn
  readonly where: SQL | undefined
}

/** One thing that was asked for of users. */
export interface Filter {
  /** Of each user, by no index: which one is gone by is not left to the database's guess. */
  readonly condition: SQL | undefined
  /** Where all who fit are found; absent: only by looking at everybody. */
  readonly branches?: readonly Branch[]
  /** Whether each branch has them in the order of their ids. */
  readonly isSorted: boolean
}

/** The same value, by no index. */
export const unindexed = {
  number: (column: AnySQLiteColumn): SQL => sql`${column} + 0`,
  text: (column: AnySQLiteColumn): SQL => sql`coalesce(${column}, '')`
}

/** An e-mail that begins with the prefix, by no index. */
export const emailBegins = (email: AnySQLiteColumn, prefix: string): SQL =>
  sql`${unindexed.text(email)} >= ${prefix} and ${unindexed.text(email)} < ${endOf(prefix)}`

/** More groups than that carry a permission: then many users hold it. */
const mostGroups = 50

/** Where the numbers of each filter's conditions begin. */
const marks = { superuser: 1, backend: 2, group: 3, permission: 4 } as const

/** What a query asks for, filter by filter; `undefined`: nobody can fit. */
export const createUserFilters = (db: Database): ((query: UserQuery) => Promise<readonly Filter[] | undefined>) => {
  const { users, identities, userGroups, groups, groupPermissions, userPermissions } = db.tables
  const { queries } = db

  /**
   * Neither database makes a join of it that begins at its own end. MariaDB takes two conditions for one that differ in their
   * parameters alone, and leaves the second out: each has a number of its own.
   */
  const has = ({ table, userId, where }: Branch, number: number): SQL => {
    const mark = sql.raw(String(number))
    return sql`coalesce((select ${mark} from ${table} where ${and(eq(userId, users.id), where)} limit 1), 0) = ${mark}`
  }
  const among = (branches: readonly Branch[], from: number): Filter => ({
    condition: or(...branches.map((branch, at) => has(branch, from + at))),
    branches,
    isSorted: true
  })
  const isFlag = (column: AnySQLiteColumn, value: boolean): SQL => eq(unindexed.number(column), Number(value))
  const ofUsers = (where: SQL | undefined): Branch => ({ table: users, userId: users.id, where })
  const ofGroup = (id: string): Branch => ({
    ...{ table: userGroups, userId: userGroups.userId, where: eq(userGroups.groupId, id) }
  })

  const search = (prefix: string): Filter => ({
    condition: emailBegins(users.email, prefix),
    branches: [ofUsers(and(...prefixed(users.email, prefix)))],
    isSorted: false
  })
  const active = (value: boolean): Filter => ({
    ...{ condition: isFlag(users.isActive, value), branches: [ofUsers(eq(users.isActive, value))], isSorted: true }
  })
  const superuser = (value: boolean, backends: readonly string[] | undefined): Filter => {
    const counts = backends && orm.inArray(unindexed.text(identities.backend), [...backends])
    const where = and(eq(identities.isSuperuser, true), counts)
    const flagged = { table: identities, userId: identities.userId, where }
    const own = isFlag(users.isSuperuser, value)
    if (!value) return { condition: and(own, orm.not(has(flagged, marks.superuser))), isSorted: false }
    const branches = [ofUsers(eq(users.isSuperuser, true)), flagged]
    return { condition: or(own, has(flagged, marks.superuser)), branches, isSorted: true }
  }
  const backend = (id: string): Filter => {
    const known = { table: identities, userId: identities.userId, where: eq(identities.backend, id) }
    if (id !== 'local') return among([known], marks.backend)
    return { condition: or(orm.isNotNull(users.passwordHash), has(known, marks.backend)), isSorted: false }
  }

  const group = async (name: string): Promise<Filter | undefined> => {
    const [found] = await queries
      .select({ id: groups.id })
      .from(groups)
      .where(eq(groups.name, name.normalize('NFC')))
    return found && among([ofGroup(found.id)], marks.group)
  }
  const permission = async (name: string): Promise<Filter> => {
    const carriers = await queries
      .select({ id: groupPermissions.groupId })
      .from(groupPermissions)
      .where(eq(groupPermissions.permission, name))
      .limit(mostGroups + 1)
    const direct = {
      ...{ table: userPermissions, userId: userPermissions.userId, where: eq(userPermissions.permission, name) }
    }
    if (carriers.length <= mostGroups)
      return among([direct, ...carriers.map(({ id }) => ofGroup(id))], marks.permission)
    const byGroup = sql`coalesce((select 1 from ${userGroups} inner join ${groupPermissions} on ${eq(groupPermissions.groupId, userGroups.groupId)} where ${and(eq(userGroups.userId, users.id), eq(groupPermissions.permission, name))} limit 1), 0) = 1`
    return { condition: or(has(direct, marks.permission), byGroup), isSorted: false }
  }

  return async (query) => {
    const filters: Filter[] = []
    if (query.search !== undefined && query.search !== '') filters.push(search(query.search))
    if (query.isActive !== undefined) filters.push(active(query.isActive))
    if (query.isSuperuser !== undefined) filters.push(superuser(query.isSuperuser, query.superuserBackends))
    if (query.backend !== undefined) filters.push(backend(query.backend))
    if (query.permission !== undefined) filters.push(await permission(query.permission))
    const inGroup = query.group === undefined ? undefined : await group(query.group)
    if (query.group !== undefined && inGroup === undefined) return undefined
    return inGroup ? [...filters, inGroup] : filters
  }
}
