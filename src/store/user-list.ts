import type { SQL } from 'drizzle-orm'
import type { User, UserQuery, UserStore } from '../auth/user-store.ts'
import { countUpTo } from './count.ts'
import { type Cursor, readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { prefixed } from './prefix.ts'
import { type Branch, createUserFilters, type Filter, unindexed } from './user-filters.ts'
import { toUsers } from './user-rows.ts'

const { and, asc, desc, eq, gt, gte, inArray, isNotNull, isNull, lt, lte, or, sql } = orm

type Order = NonNullable<UserQuery['order']>

/** A run of users that an index has in the order asked for: those with a value, or those without one. */
interface Run {
  readonly condition: SQL | undefined
  /** Whether this is where a cursor with this value goes on. */
  has(cursor: Cursor): boolean
}

/** Which users come next, and how many of them. */
interface Asked {
  readonly order: Order
  readonly descending: boolean
  readonly run: Run
  readonly cursor: Cursor | undefined
  readonly limit: number
}

/**
 * How a page is found. `walk`: everybody in the order of an index, those left out who don't fit, which is quick where many do.
 * `few`: all who fit one filter are fetched and sorted. `merge`: a filter's branches have them in the order asked for.
 */
type Plan =
  | { readonly by: 'walk'; readonly search: string | undefined }
  | { readonly by: 'few'; readonly branches: readonly Branch[] }
  | { readonly by: 'merge'; readonly branches: readonly Branch[] }

/** So many are fetched and sorted within some ten milliseconds; where more fit, one in a hundred of a million does. */
const few = 10_000

/** Lists users by any filter, page by page. */
export const createUserList = (db: Database): UserStore['list'] => {
  const { users, identities } = db.tables
  const { queries } = db
  const filtersOf = createUserFilters(db)

  /** How many fit, as far as it matters. */
  const numberOf = async (branches: readonly Branch[]): Promise<number> => {
    const counts = await Promise.all(branches.map((branch) => countUpTo(queries, branch, few + 1)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  const planOf = async ({ search }: UserQuery, order: Order, filters: readonly Filter[]): Promise<Plan> => {
    const able = filters.flatMap(({ branches, isSorted }) => (branches ? [{ branches, isSorted }] : []))
    const [only] = able
    const mayMerge = ({ isSorted }: { isSorted: boolean }) => order === 'id' && isSorted
    if (only && able.length === 1 && mayMerge(only)) return { by: 'merge', branches: only.branches }
    const walk = { by: 'walk', search } as const
    if (only === undefined || (able.length === 1 && order === 'email' && search)) return walk
    const counted = await Promise.all(able.map(async (one) => ({ ...one, count: await numberOf(one.branches) })))
    const [best, ...others] = counted.sort((a, b) => a.count - b.count)
    if (best && mayMerge(best)) return { by: 'merge', branches: best.branches }
    if (best && best.count <= few) return { by: 'few', branches: best.branches }
    const sorted = others.find(mayMerge)
    return sorted ? { by: 'merge', branches: sorted.branches } : walk
  }

  const walk = (conditions: readonly (SQL | undefined)[], asked: Asked, search: string | undefined) => {
    const { order, descending, run, cursor, limit } = asked
    const direction = descending ? desc : asc
    const range = order === 'email' ? prefixed(users.email, search) : []
    return queries
      .select()
      .from(users)
      .where(and(...range, ...conditions, run.condition, cursor && behind(order, cursor, descending)))
      .orderBy(
        ...(order === 'id' || order === 'email' ? [] : [direction(users[order])]),
        direction(users[keyOf(order)])
      )
      .limit(limit)
  }

  const sorted = (branches: readonly Branch[], conditions: readonly (SQL | undefined)[], asked: Asked) => {
    const { order, descending, run, cursor, limit } = asked
    const direction = descending ? desc : asc
    // somebody may have two accounts at one backend, and be in a group by two origins
    const parts = branches.map(
      ({ table, userId, where }) =>
        sql`select ${table === users ? sql`` : sql`distinct `}${userId} as id from ${table} where ${where ?? sql`1 = 1`}`
    )
    const chosen = sql`(${sql.join(parts, sql` union `)}) chosen`
    const by = {
      email: [text.email],
      id: [text.id],
      createdAt: [createdAt, text.id],
      lastLoginAt: [lastLoginAt, text.id]
    }
    return queries
      .select({ id: users.id })
      .from(users)
      .innerJoin(chosen, sql`${users.id} = chosen.id`)
      .where(and(...conditions, run.condition, cursor && behind(order, cursor, descending, true)))
      .orderBy(...by[order].map((column) => direction(column)))
      .limit(limit)
  }

  const text = { email: unindexed.text(users.email), id: unindexed.text(users.id) }
  const createdAt = unindexed.number(users.createdAt)
  const lastLoginAt = unindexed.number(users.lastLoginAt)

  /** What comes after a cursor within its run; the first condition is what the index goes by. */
  const behind = (order: Order, { value, id }: Cursor, descending: boolean, byNoIndex = false): SQL | undefined => {
    const beyond = descending ? lt : gt
    const [ownId, email] = byNoIndex ? [text.id, text.email] : [sql`${users.id}`, sql`${users.email}`]
    if (order === 'id' || value === null) return beyond(ownId, id)
    if (order === 'email') return beyond(email, String(value))
    const column = byNoIndex ? { createdAt, lastLoginAt }[order] : sql`${users[order]}`
    const at = Number(value)
    return and((descending ? lte : gte)(column, at), or(beyond(column, at), beyond(ownId, id)))
  }

  const mergedIds = async (
    branches: readonly Branch[],
    conditions: readonly (SQL | undefined)[],
    { descending, cursor, limit }: Asked
  ): Promise<string[]> => {
    const direction = descending ? desc : asc
    const pages = branches.map(({ table, userId, where }) => {
      const after = cursor && (descending ? lt : gt)(userId, cursor.id)
      const ids = queries.selectDistinct({ id: userId }).from(table)
      const joined = conditions.length > 0 && table !== users ? ids.innerJoin(users, eq(users.id, userId)) : ids
      return joined
        .where(and(where, after, ...conditions))
        .orderBy(direction(userId))
        .limit(limit)
    })
    const found = (await Promise.all(pages)).flat().map(({ id }) => String(id))
    const ordered = [...new Set(found)].sort()
    return (descending ? ordered.reverse() : ordered).slice(0, limit)
  }

  const inOrderOf = async (ids: readonly string[]): Promise<User[]> => {
    if (ids.length === 0) return []
    const rows = await queries
      .select({ user: users, identity: identities })
      .from(users)
      .leftJoin(identities, eq(identities.userId, users.id))
      .where(inArray(users.id, [...ids]))
    const byId = new Map(toUsers(rows).map((user) => [user.id, user]))
    return ids.flatMap((id) => byId.get(id) ?? [])
  }

  const page = async (plan: Plan, filters: readonly Filter[], asked: Asked): Promise<User[]> => {
    const others = filters.filter(({ branches }) => plan.by === 'walk' || branches !== plan.branches)
    const conditions = others.map(({ condition }) => condition)
    if (plan.by === 'merge') return inOrderOf(await mergedIds(plan.branches, conditions, asked))
    if (plan.by === 'few') return inOrderOf((await sorted(plan.branches, conditions, asked)).map(({ id }) => id))
    const { order, descending } = asked
    const chosen = walk(conditions, asked, plan.search).as('page')
    const direction = descending ? desc : asc
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
    const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor, name, isValueOf[order])
    const filters = await filtersOf(query)
    if (filters === undefined) return { items: [], next: null }
    const plan = await planOf(query, order, filters)
    const runs = runsOf(order, descending)
    const first = cursor === undefined ? 0 : runs.findIndex((run) => run.has(cursor))
    const found: User[] = []
    for (const [index, run] of runs.entries()) {
      if (index < first || found.length > limit) continue
      const from = index === first ? cursor : undefined
      const asked = { order, descending, run, cursor: from, limit: limit + 1 - found.length }
      found.push(...(await page(plan, filters, asked)))
    }
    const last = found[limit - 1]
    const next = found.length > limit && last ? writeCursor({ order: name, value: last[order], id: last.id }) : null
    return { items: found.slice(0, limit), next }
  }
}

type Value = Cursor['value']

const isText = (value: Value): boolean => typeof value === 'string'
const isNumber = (value: Value): boolean => typeof value === 'number'

/** What a cursor of each order holds. */
const isValueOf: Readonly<Record<Order, (value: Value) => boolean>> = {
  ...{ id: isText, email: isText, createdAt: isNumber },
  lastLoginAt: (value) => value === null || isNumber(value)
}

const keyOf = (order: Order): 'id' | 'email' => (order === 'email' ? 'email' : 'id')
