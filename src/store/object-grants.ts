import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { Found, GrantFilter, GrantHolder, ObjectGrant, ObjectGrantStore } from '../auth/object-grant-store.ts'
import { InvalidRequest } from '../errors.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { MissingReference, orTaken } from './failures.ts'
import { registerGranted } from './granted-names.ts'
import { behind } from './keyset.ts'
import { prefixed } from './prefix.ts'

const { and, asc, eq } = orm

type Column = 'holder' | 'permission' | 'objectType' | 'objectId'
type Row = Readonly<Record<Column, string>>
type HolderKey = { readonly user: string } | { readonly groupId: string }

/** The order in which an index has the rows that a filter leaves: first what it says, then the rest. */
const orderOf = ({ holder, permission, search = '', objectType }: GrantFilter): readonly Column[] => {
  if (holder !== undefined) return ['holder', 'objectType', 'objectId', 'permission']
  if (objectType !== undefined) return ['objectType', 'objectId', 'permission', 'holder']
  if (permission !== undefined || search !== '') return ['permission', 'holder', 'objectType', 'objectId']
  return ['holder', 'objectType', 'objectId', 'permission']
}

/** Permissions on objects, in a table for users and one for groups: the key of each says whose they are. */
export const createObjectGrantStore = (db: Database): ObjectGrantStore => {
  const { groups, userObjectGrants: own, groupObjectGrants: shared } = db.tables
  const { queries } = db

  const groupId = async (name: string): Promise<string | undefined> => {
    const [row] = await queries
      .select({ id: groups.id })
      .from(groups)
      .where(eq(groups.name, name.normalize('NFC')))
    return row?.id
  }

  const insert = ({ permission, object }: ObjectGrant, holder: HolderKey): Promise<'granted' | 'taken'> =>
    orTaken(() =>
      db.transaction(async (tx) => {
        const values = { permission, objectType: object.type, objectId: object.id }
        await registerGranted(db, tx, [permission])
        if ('user' in holder) await tx.insert(own).values({ userId: holder.user, ...values })
        else await tx.insert(shared).values({ groupId: holder.groupId, ...values })
        return 'granted' as const
      })
    )

  const equalTo = ({ permission, objectType, objectId }: Omit<Row, 'holder'>, holder: HolderKey) => {
    const [table, is] =
      'user' in holder ? [own, eq(own.userId, holder.user)] : [shared, eq(shared.groupId, holder.groupId)]
    return and(is, eq(table.objectType, objectType), eq(table.objectId, objectId), eq(table.permission, permission))
  }

  /** The id behind a holder: `undefined` where there is no such group; a user's may be anybody's. */
  const keyOf = async (holder: GrantHolder): Promise<HolderKey | undefined> => {
    if ('user' in holder) return holder
    const id = await groupId(holder.group)
    return id === undefined ? undefined : { groupId: id }
  }

  const columns = {
    user: { holder: own.userId, permission: own.permission, objectType: own.objectType, objectId: own.objectId },
    group: {
      holder: groups.name,
      permission: shared.permission,
      objectType: shared.objectType,
      objectId: shared.objectId
    }
  }
  const place = { user: columns.user, group: { ...columns.group, holder: shared.groupId } }

  const page = async (
    kind: 'user' | 'group',
    filter: GrantFilter,
    after: readonly string[] | undefined,
    limit: number
  ) => {
    const order = orderOf(filter)
    const at: Readonly<Record<Column, AnySQLiteColumn>> = place[kind]
    const named: Partial<Record<Column, string | undefined>> = { ...filter, holder: undefined }
    const id = filter.holder === undefined ? undefined : await keyOf(filter.holder)
    if (filter.holder !== undefined && id === undefined) return []
    if (id !== undefined) named.holder = 'user' in id ? id.user : id.groupId
    const wanted = order.flatMap((column) => (named[column] === undefined ? [] : [eq(at[column], named[column])]))
    const where = and(
      ...wanted,
      ...prefixed(at.permission, filter.search),
      after &&
        behind(
          order.map((column) => at[column]),
          after
        )
    )
    const sorted = order.map((column) => asc(at[column]))
    if (kind === 'user') {
      const rows = await queries
        .select(columns.user)
        .from(own)
        .where(where)
        .orderBy(...sorted)
        .limit(limit)
      return rows.map((row) => ({ row, key: order.map((column) => row[column]), holder: { user: row.holder } }))
    }
    const rows = await queries
      .select({ ...columns.group, groupId: shared.groupId })
      .from(shared)
      .innerJoin(groups, eq(groups.id, shared.groupId))
      .where(where)
      .orderBy(...sorted)
      .limit(limit)
    return rows.map((row) => {
      const key = order.map((column) => (column === 'holder' ? row.groupId : row[column]))
      return { row, key, holder: { group: row.holder } }
    })
  }

  const kindsOf = ({ holder }: GrantFilter): ReadonlyArray<'user' | 'group'> =>
    holder === undefined ? ['user', 'group'] : 'user' in holder ? ['user'] : ['group']

  return {
    async grant(grant) {
      const holder = await keyOf(grant.holder)
      if (holder === undefined) return 'no-holder'
      try {
        return (await insert(grant, holder)) === 'granted' ? 'granted' : 'present'
      } catch (error) {
        if (error instanceof MissingReference) return 'no-holder'
        throw error
      }
    },

    async revoke({ holder, permission, object }) {
      const id = await keyOf(holder)
      if (id === undefined) return false
      const values = { permission, objectType: object.type, objectId: object.id }
      const [{ affectedRows }] = await queries.delete('user' in id ? own : shared).where(equalTo(values, id))
      return affectedRows > 0
    },

    async list(filter, { after, limit }): Promise<Found<ObjectGrant>> {
      if (filter.objectId !== undefined && filter.objectType === undefined) return { items: [], next: null }
      const [order = 'holder'] = orderOf(filter)
      const cursor = after === undefined ? undefined : parseCursor(after, order)
      const found: Array<Awaited<ReturnType<typeof page>>[number] & { kind: string }> = []
      for (const kind of kindsOf(filter)) {
        if (cursor?.kind === 'group' && kind === 'user') continue
        const from = cursor?.kind === kind ? cursor.key : undefined
        const rows = await page(kind, filter, from, limit + 1 - found.length)
        found.push(...rows.map((row) => ({ ...row, kind })))
        if (found.length > limit) break
      }
      const last = found.length > limit ? found[limit - 1] : undefined
      const items = found.slice(0, limit).map(({ row, holder }) => {
        return { holder, permission: row.permission, object: { type: row.objectType, id: row.objectId } }
      })
      return { items, next: last ? cursorOf(order, last.kind, last.key) : null }
    }
  }
}

/** The first column of an order tells it from the others. */
const cursorOf = (order: Column, kind: string, key: readonly string[]): string =>
  Buffer.from(JSON.stringify([order, kind, ...key])).toString('base64url')

/** @throws {InvalidRequest} it is none of ours, or of a list in another order */
const parseCursor = (text: string, order: Column): { kind: string; key: readonly string[] } => {
  const [given, kind, ...key] = textsIn(text)
  if (given !== order || (kind !== 'user' && kind !== 'group') || key.length !== 4)
    throw new InvalidRequest('cursor: not from a list of this order')
  return { kind, key }
}

const textsIn = (text: string): readonly string[] => {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : []
  } catch {
    return []
  }
}
