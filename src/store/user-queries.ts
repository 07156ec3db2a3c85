import type { User, UserStore } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { forKeys, type Key } from './keyed.ts'
import { gathered } from './look-ups.ts'
import { preparedOf, rowsOfTable } from './prepared.ts'
import { findStoredPermissions, findStoredPermissionsOn } from './stored-permissions.ts'
import { type JoinedRow, toUsers } from './user-rows.ts'

const { and, eq, inArray, or } = orm

/** The part of the users' port that reads. Each look-up is one statement, with others where that is faster, and compares bytes again in code. */
export const createUserQueries = (
  db: Database
): Pick<UserStore, 'byId' | 'byEmail' | 'byIdentity' | 'storedPermissions' | 'count'> => {
  const { users, identities } = db.tables
  const { queries } = db
  const joined = () =>
    queries
      .select({ user: users, identity: identities })
      .from(users)
      .leftJoin(identities, eq(identities.userId, users.id))

  const userOf = rowsOfTable(users)
  const identityOf = rowsOfTable(identities, Object.keys(orm.getTableColumns(users)).length)
  const rowOf = (values: readonly unknown[]): JoinedRow => {
    const identity = identityOf(values)
    return { user: userOf(values), identity: identity.backend === null ? null : identity }
  }
  const withIds = forKeys(['id'], (marks) => {
    const ids = marks.map(({ id }) => id)
    return preparedOf(queries, [joined().where(inArray(users.id, ids))], rowOf)
  })
  const withEmails = forKeys(['email'], (marks) => {
    const emails = marks.map(({ email }) => email)
    return preparedOf(queries, [joined().where(inArray(users.email, emails))], rowOf)
  })
  const asked = db.alias(identities, 'asked')
  const withIdentities = forKeys(['backend', 'subject'], (marks) => {
    const those = marks.map(({ backend, subject }) => and(eq(asked.backend, backend), eq(asked.subject, subject)))
    const select = queries
      .select({ user: users, identity: identities })
      .from(asked)
      .innerJoin(users, eq(users.id, asked.userId))
      .innerJoin(identities, eq(identities.userId, users.id))
      .where(or(...those))
    return preparedOf(queries, [select], rowOf)
  })
  const find = <Name extends string>(
    rowsOf: (keys: ReadonlyArray<Key<Name>>) => Promise<JoinedRow[]>,
    isIt: (user: User, key: Key<Name>) => boolean
  ) =>
    gathered(async (keys: ReadonlyArray<Key<Name>>) => {
      const found = toUsers(await rowsOf(keys))
      return keys.map((key) => found.find((user) => isIt(user, key)))
    })

  const byId = find(withIds, (user, { id }) => user.id === id)
  const byEmail = find(withEmails, (user, { email }) => user.email === email)
  const byIdentity = find(withIdentities, ({ identities: held }, { backend, subject }) =>
    held.some((one) => one.backend === backend && one.subject === subject)
  )
  const generally = gathered(findStoredPermissions(db))
  const onObject = gathered(findStoredPermissionsOn(db))

  return {
    byId: (id) => byId({ id }),
    byEmail: (email) => byEmail({ email }),
    byIdentity: (backend, subject) => byIdentity({ backend, subject }),
    storedPermissions: (userId, object) => (object ? onObject({ userId, ...object }) : generally({ userId })),

    async count() {
      const [row] = await queries.select({ n: orm.count() }).from(users)
      return Number(row?.n)
    }
  }
}
