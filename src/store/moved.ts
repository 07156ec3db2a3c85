import type { MovedAccounts } from '../auth/local-accounts.ts'
import type { UserStore } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'

const { and, eq, isNull, sql } = orm

/** The accounts that went over to our own table. */
export const createMovedAccounts = ({ tables: { moved }, queries }: Database): MovedAccounts => {
  const find = queries
    .select({ backend: moved.backend, subject: moved.subject })
    .from(moved)
    .where(and(eq(moved.backend, sql.placeholder('backend')), eq(moved.subject, sql.placeholder('subject'))))
    .prepare()
  return {
    async has(backend, subject) {
      const [found] = await find.execute({ backend, subject })
      return found?.backend === backend && found.subject === subject
    }
  }
}

/** How an account goes over: of two logins at once, on whatever replicas, one finds no password and writes its own. */
export const createMoveIn =
  (db: Database): UserStore['moveIn'] =>
  ({ userId, backend, subject, passwordHash, loginNames: names, at }) => {
    const { users, moved, loginNames } = db.tables
    return db.transaction(async (tx) => {
      const [{ affectedRows }] = await tx
        .update(users)
        .set({ passwordHash, updatedAt: at })
        .where(and(eq(users.id, userId), isNull(users.passwordHash)))
      if (affectedRows === 0) return 'has-password'
      await db.insertMissing(tx, moved, [{ backend, subject, userId, movedAt: at }])
      if (names.length > 0) {
        const rows = names.map((name) => ({ name, userId }))
        await db.insertMissing(tx, loginNames, rows)
      }
      return 'moved'
    })
  }
