import type { AdministeredImports, ImportedUser } from '../auth/administration-store.ts'
import { ownOrigin } from '../auth/group-store.ts'
import { AlreadyExists } from '../errors.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { findMany } from './find-many.ts'
import { undeclared } from './granted-names.ts'
import { insertMany } from './insert-many.ts'
import type { Queries } from './kit.ts'
import type { Told } from './outbox.ts'
import { portionsOf } from './portions.ts'
import type { Tables } from './tables.ts'
import { newUserRow } from './user-rows.ts'

/** Many users at once within a transaction: a statement a table, or few. */
export const administeredImports = (db: Database, queries: Queries, told: Told): AdministeredImports => {
  const { users, loginNames, identities, permissions, userPermissions, userObjectGrants, groups, userGroups } =
    db.tables

  const groupsNamed = async (names: readonly string[]): Promise<Array<readonly [name: string, id: string]>> => {
    const found = await findMany(queries, { columns: [groups.name, groups.id], among: names })
    return found.map(([name = '', id = '']) => [name, id])
  }

  /** The ids of groups by name; those that are missing are made. */
  const groupIds = async (names: readonly string[], at: number): Promise<Map<string, string>> => {
    const ids = new Map(await groupsNamed(names))
    const missing = names.filter((name) => !ids.has(name))
    if (missing.length === 0) return ids
    const rows = missing.map((name) => ({ id: newId(), name, createdAt: at, updatedAt: at, version: 0 }))
    for (const some of portionsOf(rows)) await db.insertMissing(queries, groups, some)
    for (const [name, id] of await groupsNamed(missing)) ids.set(name, id)
    // a login made one meanwhile, which MySQL does not show to a transaction that has read before: the next one sees it
    if (ids.size < names.length) throw new AlreadyExists()
    return ids
  }

  const register = async (wanted: ReadonlyArray<Tables['permissions']['$inferInsert']>): Promise<void> => {
    const found = await findMany(queries, { columns: [permissions.name], among: wanted.map(({ name }) => name) })
    const known = new Set(found.map(([name]) => name))
    const missing = wanted.filter(({ name }) => !known.has(name))
    for (const some of portionsOf(missing)) await db.insertMissing(queries, permissions, some)
  }

  const grant = async (
    general: ReadonlyArray<Tables['userPermissions']['$inferInsert']>,
    onObjects: ReadonlyArray<Tables['userObjectGrants']['$inferInsert']>
  ): Promise<void> => {
    const names = new Set([...general, ...onObjects].map(({ permission }) => permission))
    await register(Array.from(names, undeclared))
    await insertMany(queries, userPermissions, general)
    await insertMany(queries, userObjectGrants, onObjects)
  }

  const values = async (
    column: typeof users.id | typeof users.email | typeof loginNames.name,
    among: readonly string[]
  ) => (await findMany(queries, { columns: [column], among })).map(([value = '']) => value)

  return {
    takenIds: (ids) => values(users.id, ids),
    takenEmails: (emails) => values(users.email, emails),
    takenLoginNames: (names) => values(loginNames.name, names),
    async takenIdentities(keys) {
      const found = []
      for (const [backend, some] of Map.groupBy(keys, (key) => key.backend)) {
        const asked = { columns: [identities.subject], among: some.map(({ subject }) => subject) } as const
        const rows = await findMany(queries, { ...asked, where: [identities.backend, backend] })
        for (const [subject = ''] of rows) found.push({ backend, subject })
      }
      return found
    },
    register: (wanted) => register(wanted.map((one) => ({ ...one, declared: false, origin: 'administration' }))),
    async create(imported, at) {
      const people = imported.map((user) => ({ id: newId(), user }))
      const of = <Row>(rows: (user: ImportedUser, userId: string) => readonly Row[]): Row[] =>
        people.flatMap(({ id, user }) => rows(user, id))
      const rows = people.map(({ id, user }) => rowOf(id, user, at))
      await insertMany(queries, users, rows)
      for (const { id, user } of people) told.created({ id, email: user.email }, null)
      const named = of((user, userId) => user.loginNames.map((name) => ({ name, userId })))
      await insertMany(queries, loginNames, named)
      const linked = of(({ identities: some }, userId) => some.map((one) => ({ ...one, userId })))
      await insertMany(queries, identities, linked)
      await grant(
        of((user, userId) => user.permissions.map((permission) => ({ userId, permission }))),
        of(({ objectGrants = [] }, userId) =>
          objectGrants.map(({ permission, object: { type, id } }) => ({
            ...{ userId, permission, objectType: type, objectId: id }
          }))
        )
      )
      const ids = await groupIds([...new Set(of(({ groups }) => groups))], at)
      const joined = of((user, userId) => user.groups.map((name) => ({ userId, groupId: ids.get(name) ?? '' })))
      const members = joined.map((one) => ({ ...one, origin: ownOrigin }))
      await insertMany(queries, userGroups, members)
    }
  }
}

const rowOf = (
  id: string,
  { permissions, groups, identities, loginNames, objectGrants, ...user }: ImportedUser,
  at: number
) => newUserRow({ ...user, id, lastLoginAt: user.lastLoginAt ?? null, createdAt: user.createdAt ?? at }, at)
