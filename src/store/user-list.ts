import type { SQL } from 'drizzle-orm'
import type { User, UserQuery, UserStore } from '../auth/user-store.ts'
import { type Cursor, readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { prefixed } from './prefix.ts'
import { toUsers } from './user-rows.ts'

const { and, asc, desc, eq, exists, gt, gte, isNotNull, isNull, lt, lte, not, or, sql } = orm

/** A run of users that an index has in the order asked for: those with a value, or those without one. */
interface Run {
  readonly condition: SQL | undefined
  /** Whether this is where a cursor with this value goes on. */
  has(cursor: Cursor): boolean
}

/** Lists users by any filter, page by page in the order of an index. */
export const createUserList = (db: Database): UserStore['list'] => {
  const { users, identities, userGroups, groups, groupPermissions, userPermissions } = db.tables
  const { queries } = db
  const one = sql<number>`1`

  const filters = (query: UserQuery): Array<SQL | undefined> => {
    const { isActive, isSuperuser, group, permission, backend } = query
    const flagged = queries
      .select({ one })
      .from(identities)
      .where(and(eq(identities.userId, users.id), eq(identities.isSuperuser, true)))
    const superuser = or(eq(users.isSuperuser, true), exists(flagged))
    return [
      ...prefixed(users.email, query.search),
      ...(isActive === undefined ? [] : [eq(users.isActive, isActive)]),
      ...(isSuperuser === undefined ? [] : [isSuperuser ? superuser : superuser && not(superuser)]),
      ...(group === undefined ? [] : [exists(inGroup(group))]),
      ...(permission === undefined ? [] : [or(exists(direct(permission)), exists(byGroup(permission)))]),
      ...(backend === undefined ? [] : [or(exists(knownTo(backend)), ...passwordAt(backend))])
    ]
  }
  const inGroup = (name: string) =>
    queries
      .select({ one })
      .from(userGroups)
      .innerJoin(groups, eq(groups.id, userGroups.groupId))
      .where(and(eq(userGroups.userId, users.id), eq(groups.name, name)))
  const direct = (permission: string) =>
    queries
      .select({ one })
      .from(userPermissions)
      .where(and(eq(userPermissions.userId, users.id), eq(userPermissions.permission, permission)))
  const byGroup = (permission: string) =>
    queries
      .select({ one })
      .from(userGroups)
      .innerJoin(groupPermissions, eq(groupPermissions.groupId, userGroups.groupId))
      .where(and(eq(userGroups.userId, users.id), eq(groupPermissions.permission, permission)))
  const knownTo = (backend: string) =>
    queries
      .select({ one })
      .from(identities)
      .where(and(eq(identities.userId, users.id), eq(identities.backend, backend)))
  const passwordAt = (backend: string) => (backend === 'local' ? [isNotNull(users.passwordHash)] : [])

  const page = async (query: UserQuery, order: Order, run: Run, after: SQL | undefined, limit: number) => {
    const direction = query.descending ? desc : asc
    const chosen = queries
      .select()
      .from(users)
      .where(and(...filters(query), run.condition, after))
      .orderBy(
        ...(order === 'id' || order === 'email' ? [] : [direction(users[order])]),
        direction(users[keyOf(order)])
      )
      .limit(limit)
      .as('page')
    // nothing but a left join keeps SQLite from reading all users to sort them
    const rows = await queries
      .select({ user: chosen._.selectedFields, identity: identities })
      .from(chosen)
      .leftJoin(identities, eq(identities.userId, chosen.id))
      .orderBy(
        ...(order === 'id' || order === 'email' ? [] : [direction(chosen[order])]),
        direction(chosen[keyOf(order)])
      )
    return toUsers(rows)
  }

  /** What comes after a cursor within its run; the first condition is what the index goes by. */
  const behind = (order: Order, { value, id }: Cursor, descending: boolean): SQL | undefined => {
    const beyond = descending ? lt : gt
    if (order === 'id') return beyond(users.id, id)
    if (order === 'email') return beyond(users.email, String(value))
    if (value === null) return beyond(users.id, id)
    const at = Number(value)
    return and((descending ? lte : gte)(users[order], at), or(beyond(users[order], at), beyond(users.id, id)))
  }

  const runsOf = (order: Order, descending: boolean): readonly Run[] => {
    if (order !== 'lastLoginAt') return [{ condition: undefined, has: () => true }]
    const without: Run = { condition: isNull(users.lastLoginAt), has: ({ value }) => value === null }
    const withOne: Run = { condition: isNotNull(users.lastLoginAt), has: ({ value }) => value !== null }
    return descending ? [withOne, without] : [without, withOne]
  }

  return async (query) => {
    const { descending = false, search, limit } = query
    const order = query.order ?? (search === undefined ? 'id' : 'email')
    const name = `${order}${descending ? '-' : ''}`
    const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor, name)
    const runs = runsOf(order, descending)
    const first = cursor === undefined ? 0 : runs.findIndex((run) => run.has(cursor))
    const found: User[] = []
    for (const [index, run] of runs.entries()) {
      if (index < first || found.length > limit) continue
      const after = cursor !== undefined && index === first ? behind(order, cursor, descending) : undefined
      found.push(...(await page(query, order, run, after, limit + 1 - found.length)))
    }
    const last = found[limit - 1]
    const next = found.length > limit && last ? writeCursor({ order: name, value: last[order], id: last.id }) : null
    return { items: found.slice(0, limit), next }
  }
}

type Order = NonNullable<UserQuery['order']>

const keyOf = (order: Order): 'id' | 'email' => (order === 'email' ? 'email' : 'id')
