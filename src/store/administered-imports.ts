import { v7 as uuidv7 } from 'uuid'
import type { AdministeredImports, ImportedUser } from '../auth/administration-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { insertMany } from './insert-many.ts'
import type { Queries } from './kit.ts'

const { and, eq, inArray } = orm

/** Many users at once within a transaction: a statement a table, whatever their number. */
export const administeredImports = (db: Database, queries: Queries): AdministeredImports => {
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
      const found = []
      for (const backend of new Set(keys.map((key) => key.backend))) {
        const subjects = keys.flatMap((key) => (key.backend === backend ? [key.subject] : []))
        const these = and(eq(identities.backend, backend), inArray(identities.subject, subjects))
        found.push(
          ...(await queries
            .select({ backend: identities.backend, subject: identities.subject })
            .from(identities)
            .where(these))
        )
      }
      return found
    },
    async create(imported, at) {
      const people = imported.map((user) => ({ id: uuidv7(), user }))
      await insertMany(
        queries,
        users,
        people.map(({ id, user }) => rowOf(id, user, at))
      )
      const linked = people.flatMap(({ id: userId, user }) =>
        user.identities.map(({ attributes, ...identity }) => ({
          ...identity,
          userId,
          attributes: { ...attributes }
        }))
      )
      await insertMany(queries, identities, linked)
      const granted = people.flatMap(({ id: userId, user }) =>
        user.permissions.map((permission) => ({ userId, permission }))
      )
      const names = [...new Set(granted.map(({ permission }) => permission))]
      const unknown = names.map((name) => ({ name, description: '', declared: false, origin: 'grant' as const }))
      if (names.length > 0) await db.insertMissing(queries, permissions, unknown)
      await insertMany(queries, userPermissions, granted)
      const ids = await groupIds([...new Set(imported.flatMap((user) => user.groups))], at)
      const members = people.flatMap(({ id: userId, user }) =>
        user.groups.map((name) => ({ userId, groupId: ids.get(name) ?? '', origin: 'local' }))
      )
      await insertMany(queries, userGroups, members)
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
