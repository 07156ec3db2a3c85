import type { UserStore } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { createStoredPermissions, createStoredPermissionsOn } from './stored-permissions.ts'
import { toUsers } from './user-rows.ts'

const { and, eq, sql } = orm

/** The part of the users' port that reads. Each look-up is one statement, and compares bytes again in code. */
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

  const byId = joined()
    .where(eq(users.id, sql.placeholder('id')))
    .prepare()
  const byEmail = joined()
    .where(eq(users.email, sql.placeholder('email')))
    .prepare()
  const asked = db.alias(identities, 'asked')
  const byIdentity = queries
    .select({ user: users, identity: identities })
    .from(asked)
    .innerJoin(users, eq(users.id, asked.userId))
    .innerJoin(identities, eq(identities.userId, users.id))
    .where(and(eq(asked.backend, sql.placeholder('backend')), eq(asked.subject, sql.placeholder('subject'))))
    .prepare()

  const generally = createStoredPermissions(db)
  const onObject = createStoredPermissionsOn(db)

  return {
    async byId(id) {
      const [user] = toUsers(await byId.execute({ id }))
      return user?.id === id ? user : undefined
    },
    async byEmail(email) {
      const [user] = toUsers(await byEmail.execute({ email }))
      return user?.email === email ? user : undefined
    },
    async byIdentity(backend, subject) {
      const [user] = toUsers(await byIdentity.execute({ backend, subject }))
      return user?.identities.some((one) => one.backend === backend && one.subject === subject) ? user : undefined
    },
    storedPermissions: (userId, object) => (object ? onObject(userId, object) : generally(userId)),

    async count() {
      const [row] = await queries.select({ n: orm.count() }).from(users)
      return Number(row?.n)
    }
  }
}
