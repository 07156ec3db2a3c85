import type { AdministeredImports, ImportedUser } from '../auth/administration-store.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { insertMany } from './insert-many.ts'
import type { Queries } from './kit.ts'
import type { Told } from './outbox.ts'

const { and, eq, inArray } = orm

/** SQLite takes 32,766 values in one statement, MySQL 65,535. */
const rowsAtOnce = 2000

/** Many users at once within a transaction: a statement a table, or few. */
export const administeredImports = (db: Database, queries: Queries, told: Told): AdministeredImports => {
  const { users, loginNames, identities, permissions, userPermissions, userObjectGrants, groups, userGroups } =
    db.tables

  const groupIds = async (names: readonly string[], at: number): Promise<Map<string, string>> => {
    if (names.length === 0) return new Map()
    const rows = names.map((name) => ({ id: newId(), name, createdAt: at, updatedAt: at, version: 0 }))
    await db.insertMissing(queries, groups, rows)
    const found = await queries
      .select()
      .from(groups)
      .where(inArray(groups.name, [...names]))
    return new Map(found.map(({ id, name }) => [name, id]))
  }

  return {
    async takenEmails(emails) {
      if (emails.length === 0) return []
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
    async register(wanted) {
      const rows = wanted.map((one) => ({ ...one, declared: false, origin: 'administration' as const }))
      await inPortions(rows, (some) => db.insertMissing(queries, permissions, some))
    },
    async takenLoginNames(names) {
      if (names.length === 0) return []
      const found = await queries
        .select({ name: loginNames.name })
        .from(loginNames)
        .where(inArray(loginNames.name, [...names]))
      return found.map(({ name }) => name)
    },
    async create(imported, at) {
      const people = imported.map((user) => ({ id: newId(), user }))
      await inPortions(people, (some) =>
        insertMany(
          queries,
          users,
          some.map(({ id, user }) => rowOf(id, user, at))
        )
      )
      for (const { id, user } of people) told.created({ id, email: user.email }, null)
      const named = people.flatMap(({ id: userId, user }) => user.loginNames.map((name) => ({ name, userId })))
      await inPortions(named, (some) => insertMany(queries, loginNames, some))
      const linked = people.flatMap(({ id: userId, user }) =>
        user.identities.map(({ attributes, ...identity }) => ({
          ...identity,
          userId,
          attributes: { ...attributes }
        }))
      )
      await inPortions(linked, (some) => insertMany(queries, identities, some))
      const granted = people.flatMap(({ id: userId, user }) =>
        user.permissions.map((permission) => ({ userId, permission }))
      )
      const onObjects = people.flatMap(({ id: userId, user }) =>
        (user.objectGrants ?? []).map(({ permission, object }) => ({
          ...{ userId, permission, objectType: object.type, objectId: object.id }
        }))
      )
      const names = [...new Set([...granted, ...onObjects].map(({ permission }) => permission))]
      const unknown = names.map((name) => ({ name, description: '', declared: false, origin: 'grant' as const }))
      await inPortions(unknown, (some) => db.insertMissing(queries, permissions, some))
      await inPortions(granted, (some) => insertMany(queries, userPermissions, some))
      await inPortions(onObjects, (some) => insertMany(queries, userObjectGrants, some))
      const ids = await groupIds([...new Set(imported.flatMap((user) => user.groups))], at)
      const members = people.flatMap(({ id: userId, user }) =>
        user.groups.map((name) => ({ userId, groupId: ids.get(name) ?? '', origin: 'local' }))
      )
      await inPortions(members, (some) => insertMany(queries, userGroups, some))
    }
  }
}

const inPortions = async <Row>(rows: Row[], write: (some: Row[]) => PromiseLike<unknown>): Promise<void> => {
  for (let at = 0; at < rows.length; at += rowsAtOnce) await write(rows.slice(at, at + rowsAtOnce))
}

const rowOf = (
  id: string,
  { permissions, groups, identities, loginNames, objectGrants, ...user }: ImportedUser,
  at: number
) => ({
  ...user,
  id,
  attributes: { ...user.attributes },
  ownAttributes: { ...user.ownAttributes },
  tokensValidFrom: 0,
  sparedSession: null,
  version: 0,
  lastLoginAt: user.lastLoginAt ?? null,
  createdAt: user.createdAt ?? at,
  updatedAt: at
})
