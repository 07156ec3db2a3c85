import { v7 as uuidv7 } from 'uuid'
import type { AdministeredImports, ImportedUser } from '../auth/administration-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'
import type { Told } from './outbox.ts'

const { and, eq, inArray, or } = orm

/** Many users at once within a transaction: a statement a table, whatever their number. */
export const administeredImports = (db: Database, queries: Queries, told: Told): AdministeredImports => {
  const { users, identities, permissions, userPermissions, groups, userGroups } = db.tables

  const groupIds = async (names: readonly string[], at: number): Promise<Map<string, string>> => {
    if (names.length === 0) return new Map()
    const rows = names.map((name) => ({ id: uuidv7(), name, createdAt: at, updatedAt: at, version: 0 }))
    await db.insertMissing(queries, groups, rows)
    const found = await queries
      .select()
      .from(groups)
      .where(inArray(groups.name, [...names]))
    return new Map(found.map(({ id, name }) => [name, id]))
  }

  return {
    async takenEmails(emails) {
      const found = await queries
        .select({ email: users.email })
        .from(users)
        .where(inArray(users.email, [...emails]))
      return found.map(({ email }) => email)
    },
    async takenIdentities(keys) {
      if (keys.length === 0) return []
      const these = keys.map(({ backend, subject }) =>
        and(eq(identities.backend, backend), eq(identities.subject, subject))
      )
      return queries
        .select({ backend: identities.backend, subject: identities.subject })
        .from(identities)
        .where(or(...these))
    },
    async create(imported, at) {
      const people = imported.map((user) => ({ id: uuidv7(), user }))
      await queries.insert(users).values(people.map(({ id, user }) => rowOf(id, user, at)))
      for (const { id, user } of people) told.created({ id, email: user.email }, null)
      const linked = people.flatMap(({ id: userId, user }) =>
        user.identities.map(({ attributes, ...identity }) => ({
          ...identity,
          userId,
          attributes: { ...attributes }
        }))
      )
      if (linked.length > 0) await queries.insert(identities).values(linked)
      const granted = people.flatMap(({ id: userId, user }) =>
        user.permissions.map((permission) => ({ userId, permission }))
      )
      const names = [...new Set(granted.map(({ permission }) => permission))]
      const unknown = names.map((name) => ({ name, description: '', declared: false, origin: 'grant' as const }))
      if (names.length > 0) await db.insertMissing(queries, permissions, unknown)
      if (granted.length > 0) await queries.insert(userPermissions).values(granted)
      const ids = await groupIds([...new Set(imported.flatMap((user) => user.groups))], at)
      const members = people.flatMap(({ id: userId, user }) =>
        user.groups.map((name) => ({ userId, groupId: ids.get(name) ?? '', origin: 'local' }))
      )
      if (members.length > 0) await queries.insert(userGroups).values(members)
    }
  }
}

const rowOf = (id: string, { permissions, groups, identities, ...user }: ImportedUser, at: number) => ({
  ...user,
  id,
  attributes: { ...user.attributes },
  ownAttributes: { ...user.ownAttributes },
  tokensValidFrom: 0,
  version: 0,
  lastLoginAt: null,
  createdAt: user.createdAt ?? at,
  updatedAt: at
})
