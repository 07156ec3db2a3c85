import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import type { UserIdentity, UserStore } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { MissingReference, orTaken } from './failures.ts'
import { createMoveIn } from './moved.ts'
import { createUserGroups } from './user-groups.ts'
import { createUserList } from './user-list.ts'
import { createUserQueries } from './user-queries.ts'
import { toUser } from './user-rows.ts'

const { eq } = orm

/** The users in the database, by either dialect. */
export const createUserStore = (db: Database): UserStore => {
  const { users, identities, permissions, userPermissions, sessions } = db.tables
  const find = createUserQueries(db)
  const identityRow = (userId: string, { attributes, remembered, ...identity }: UserIdentity) => ({
    ...identity,
    remembered: remembered ?? null,
    userId,
    attributes: { ...attributes }
  })
  const change = async (userId: string, values: Partial<typeof users.$inferInsert>): Promise<boolean> => {
    const [{ affectedRows }] = await db.queries.update(users).set(values).where(eq(users.id, userId))
    return affectedRows > 0
  }

  /**
   * Sessions go, and so do the access tokens that were issued before: `iat` counts whole seconds, so that the answer waits
   * for the next one, and whoever logs in afterwards gets a token that lives.
   */
  const changeAndLogOut = async (
    userId: string,
    values: Partial<typeof users.$inferInsert>,
    at: number
  ): Promise<boolean> => {
    const tokensValidFrom = Math.ceil((at + 1) / 1000) * 1000
    const found = await db.transaction(async (tx) => {
      const [{ affectedRows }] = await tx
        .update(users)
        .set({ ...values, tokensValidFrom })
        .where(eq(users.id, userId))
      await tx.delete(sessions).where(eq(sessions.userId, userId))
      return affectedRows > 0
    })
    const untilThen = tokensValidFrom - Date.now()
    if (found && untilThen > 0) await sleep(Math.min(untilThen, 1000))
    return found
  }

  return {
    ...find,
    list: createUserList(db),

    async create({ at, ...user }, identity) {
      const row = {
        ...user,
        id: uuidv7(),
        attributes: { ...user.attributes },
        ownAttributes: { ...user.ownAttributes },
        isActive: true,
        tokensValidFrom: 0,
        version: 0,
        createdAt: at,
        updatedAt: at
      }
      const rows = identity === undefined ? [] : [identityRow(row.id, identity)]
      return orTaken(() =>
        db.transaction(async (tx) => {
          await tx.insert(users).values(row)
          if (rows.length > 0) await tx.insert(identities).values(rows)
          return toUser(row, rows)
        })
      )
    },

    link: (userId, identity) =>
      orTaken(async () => {
        await db.queries.insert(identities).values(identityRow(userId, identity))
        return 'linked' as const
      }),

    recordLogin: (record) =>
      orTaken(async () => {
        await db.recordLogin(record)
        return 'recorded' as const
      }),

    moveIn: createMoveIn(db),

    setPasswordHash: (userId, passwordHash, at) => changeAndLogOut(userId, { passwordHash, updatedAt: at }, at),
    setActive: (userId, isActive, at) =>
      isActive ? change(userId, { isActive, updatedAt: at }) : changeAndLogOut(userId, { isActive, updatedAt: at }, at),
    logOut: (userId, at) => changeAndLogOut(userId, {}, at),

    async grantPermissions(userId, names) {
      if ((await find.byId(userId)) === undefined) return false
      if (names.length === 0) return true
      try {
        await db.transaction(async (tx) => {
          await db.insertMissing(
            tx,
            permissions,
            names.map((name) => ({ name, description: '', declared: false, origin: 'grant' as const }))
          )
          await db.insertMissing(
            tx,
            userPermissions,
            names.map((permission) => ({ userId, permission }))
          )
        })
        return true
      } catch (error) {
        if (error instanceof MissingReference) return false
        throw error
      }
    },

    ...createUserGroups(db)
  }
}
