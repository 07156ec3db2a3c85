import type { AdministeredUsers, UserChange } from '../auth/administration-store.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { registerGranted } from './granted-names.ts'
import type { Queries } from './kit.ts'
import { oneByOne } from './look-ups.ts'
import type { Told } from './outbox.ts'
import { findStoredPermissions } from './stored-permissions.ts'
import type { Tables } from './tables.ts'
import { newUserRow, toUser, toUsers } from './user-rows.ts'
import { secondAfter } from './whole-seconds.ts'

const { and, eq, inArray, ne, sql } = orm

/**
 * The users within a transaction.
 * @param ended called with when tokens of somebody live from, a whole second
 */
export const administeredUsers = (
  db: Database,
  queries: Queries,
  { ended, told }: { readonly ended: (from: number) => void; readonly told: Told }
): AdministeredUsers => {
  const { users, loginNames, identities, userPermissions, sessions } = db.tables
  const changed = async (userId: string, change: Partial<typeof users.$inferInsert>, at: number): Promise<void> => {
    const counted = { ...change, updatedAt: at, version: sql`${users.version} + 1` }
    await queries.update(users).set(counted).where(eq(users.id, userId))
  }
  const endSessions = async (userId: string, at: number) => {
    const tokensValidFrom = secondAfter(at)
    ended(tokensValidFrom)
    await queries.delete(sessions).where(eq(sessions.userId, userId))
    told.sessionsEnded(userId)
    return { tokensValidFrom, sparedSession: null }
  }
  const rowOf = async (userId: string) => {
    const [row] = told.ofUsers ? await queries.select().from(users).where(eq(users.id, userId)) : []
    return row
  }
  const tellOf = async (userId: string, { isActive, ...change }: Omit<UserChange, 'endSessions'>) => {
    const before = await rowOf(userId)
    if (before === undefined) return
    if (isActive !== undefined && isActive !== before.isActive)
      told.became(isActive ? 'user.activated' : 'user.deactivated', { id: userId, email: change.email ?? before.email })
    told.changed(userId, fieldsOf(before, change))
  }

  return {
    async byId(id) {
      const rows = await queries
        .select({ user: users, identity: identities })
        .from(users)
        .leftJoin(identities, eq(identities.userId, users.id))
        .where(eq(users.id, id))
      const [user] = toUsers(rows)
      return user?.id === id ? user : undefined
    },
    storedPermissions: (userId) => oneByOne(findStoredPermissions(db, queries))({ userId }),

    async directPermissions(userId) {
      const rows = await queries
        .select({ name: userPermissions.permission })
        .from(userPermissions)
        .where(eq(userPermissions.userId, userId))
      return rows.map(({ name }) => name)
    },

    async hasOtherSuperuser(userId, backends) {
      const own = await queries
        .select({ id: users.id })
        .from(users)
        .where(and(eq(users.isSuperuser, true), eq(users.isActive, true), ne(users.id, userId)))
        .limit(1)
      if (own.length > 0 || backends.length === 0) return own.length > 0
      const byIdentity = await queries
        .select({ id: users.id })
        .from(identities)
        .innerJoin(users, eq(users.id, identities.userId))
        .where(
          and(
            eq(identities.isSuperuser, true),
            inArray(identities.backend, [...backends]),
            eq(users.isActive, true),
            ne(users.id, userId)
          )
        )
        .limit(1)
      return byIdentity.length > 0
    },

    async create({ at, ...user }) {
      const row = newUserRow({ ...user, id: newId(), lastLoginAt: null, createdAt: at }, at)
      await queries.insert(users).values(row)
      told.created(row, null)
      return toUser(row, [])
    },
    async update(userId, { endSessions: ends, ...change }, at) {
      await tellOf(userId, change)
      await changed(userId, { ...columnsOf(change), ...(ends ? await endSessions(userId, at) : {}) }, at)
    },
    async delete(userId) {
      const user = await rowOf(userId)
      if (user) told.became('user.deleted', user)
      await queries.delete(users).where(eq(users.id, userId))
    },

    async loginNames(userId) {
      const rows = await queries.select().from(loginNames).where(eq(loginNames.userId, userId))
      return rows.map(({ name }) => name).sort()
    },
    async setLoginNames(userId, names, at) {
      told.changed(userId, ['loginNames'])
      await queries.delete(loginNames).where(eq(loginNames.userId, userId))
      if (names.length > 0) await queries.insert(loginNames).values(names.map((name) => ({ name, userId })))
      await changed(userId, {}, at)
    },

    async link(userId, { attributes, ...identity }, at) {
      await queries.insert(identities).values({ ...identity, userId, attributes: { ...attributes } })
      told.joined(userId, identity)
      await changed(userId, {}, at)
    },
    async unlink(userId, { backend, subject }, at) {
      const one = and(eq(identities.userId, userId), eq(identities.backend, backend), eq(identities.subject, subject))
      await queries.delete(identities).where(one)
      told.changed(userId, ['identities'])
      await changed(userId, await endSessions(userId, at), at)
    },

    async grant(userId, names, at) {
      await changed(userId, {}, at)
      if (names.length === 0) return
      told.changed(userId, ['permissions'])
      await registerGranted(db, queries, names)
      const granted = names.map((permission) => ({ userId, permission }))
      await db.insertMissing(queries, userPermissions, granted)
    },
    async revoke(userId, names, at) {
      await changed(userId, {}, at)
      if (names.length === 0) return
      told.changed(userId, ['permissions'])
      const these = and(eq(userPermissions.userId, userId), inArray(userPermissions.permission, [...names]))
      await queries.delete(userPermissions).where(these)
    }
  }
}

type Row = Tables['users']['$inferSelect']

/** The names of what changes, as callers know them. */
const fieldsOf = (before: Row, { email, attributes, isSuperuser, passwordHash }: UserChange): string[] => {
  const after = attributes ?? before.attributes
  const names = [...new Set([...Object.keys(before.attributes), ...Object.keys(after)])]
  return [
    ...(email !== undefined && email !== before.email ? ['email'] : []),
    ...(isSuperuser !== undefined && isSuperuser !== before.isSuperuser ? ['isSuperuser'] : []),
    ...(passwordHash === undefined ? [] : ['password']),
    ...names.filter((name) => after[name] !== before.attributes[name])
  ]
}

const columnsOf = ({
  email,
  emailVouched = true,
  attributes,
  ownAttributes,
  ...columns
}: Omit<UserChange, 'endSessions'>) => ({
  ...columns,
  ...(email === undefined ? {} : { email, emailVouched }),
  ...(attributes === undefined ? {} : { attributes: { ...attributes } }),
  ...(ownAttributes === undefined ? {} : { ownAttributes: { ...ownAttributes } })
})
