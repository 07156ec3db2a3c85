import type { LoginRecord, UserIdentity, UserStore } from '../auth/user-store.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { causeOf, MissingReference, NothingChanged, orTaken } from './failures.ts'
import type { Queries } from './kit.ts'
import { createMoveIn } from './moved.ts'
import { gather, type StoreOutbox } from './outbox.ts'
import { pending } from './pending.ts'
import { createPermissionsIfMirrored } from './permissions-if-mirrored.ts'
import { loginStatements } from './record-login.ts'
import { insertInto, type Statement } from './statement.ts'
import { createUserGroups } from './user-groups.ts'
import { createUserList } from './user-list.ts'
import { createUserQueries } from './user-queries.ts'
import { newUserRow, toUser } from './user-rows.ts'
import { secondAfter, untilSecond } from './whole-seconds.ts'

const { and, eq, isNull, ne } = orm

type Change = { readonly passwordHash?: string | null; readonly updatedAt?: number }

/** The users in the database, by either dialect. */
export const createUserStore = (db: Database, outbox: StoreOutbox): UserStore => {
  const { users, identities, sessions } = db.tables
  const find = createUserQueries(db)
  const [insertUser, insertIdentity] = [insertInto(users), insertInto(identities)]
  const identityRow = (userId: string, { attributes, remembered, ...identity }: UserIdentity) => ({
    ...identity,
    remembered: remembered ?? null,
    userId,
    attributes: { ...attributes }
  })

  /** Sessions go, and so do the access tokens that were issued before. */
  const changeAndLogOut = async (
    userId: string,
    values: Change,
    at: number,
    { spare = null, from }: { readonly spare?: string | null | undefined; readonly from?: string | null } = {}
  ): Promise<boolean> => {
    const tokensValidFrom = secondAfter(at)
    const asRead = from === null ? isNull(users.passwordHash) : eq(users.passwordHash, from ?? '')
    const found = await db.transaction(async (tx) => {
      const told = gather(outbox, db.tables)
      if (values.passwordHash !== undefined) told.changed(userId, ['password'])
      const [{ affectedRows }] = await tx
        .update(users)
        .set({ ...values, tokensValidFrom, sparedSession: spare })
        .where(and(eq(users.id, userId), from === undefined ? undefined : asRead))
      if (affectedRows === 0) return false
      const others = spare === null ? undefined : ne(sessions.id, spare)
      await tx.delete(sessions).where(and(eq(sessions.userId, userId), others))
      told.sessionsEnded(userId, spare)
      await told.flush(tx)
      return true
    })
    if (found) await untilSecond(tokensValidFrom)
    return found
  }

  const statementsOfLogin = (record: LoginRecord): readonly Statement[] => {
    const { userId: id, changed } = record
    const data = changed && { user: { id, email: changed.email }, changed: [...changed.fields].sort() }
    const told = data ? outbox.statements({ type: 'user.changed', data }) : []
    return [...loginStatements(record), ...told]
  }

  const linkAndTell = async (tx: Queries, row: ReturnType<typeof identityRow>): Promise<void> => {
    await tx.insert(identities).values(row)
    const told = gather(outbox, db.tables)
    told.joined(row.userId, row)
    await told.flush(tx)
  }

  return {
    ...find,
    list: createUserList(db),

    async create({ at, ...user }, identity) {
      const row = newUserRow({ ...user, id: newId(), isActive: true, createdAt: at }, at)
      const rows = identity === undefined ? [] : [identityRow(row.id, identity)]
      const { id, email } = row
      const data = { user: { id, email }, backend: identity?.backend ?? null }
      const told = outbox.statements({ type: 'user.created', data })
      return orTaken(async () => {
        const outcome = await db.writeNew([insertUser(row), ...rows.map(insertIdentity), ...told])
        if ('error' in outcome) throw outcome.error
        return toUser(row, rows)
      })
    },

    link: (userId, identity) =>
      orTaken(async () => {
        const row = identityRow(userId, identity)
        try {
          if (!outbox.wants('user.joined')) await db.queries.insert(identities).values(row)
          else await db.transaction((tx) => linkAndTell(tx, row))
          return 'linked' as const
        } catch (error) {
          if (causeOf(error) instanceof MissingReference) return 'gone' as const
          throw error
        }
      }),

    recordLogin: (record) =>
      orTaken(async () => {
        const outcome = await db.write(statementsOfLogin(record))
        if (!('error' in outcome)) return 'recorded' as const
        if (outcome.error instanceof NothingChanged) return (await find.byId(record.userId)) ? 'changed' : 'gone'
        throw outcome.error
      }),

    loginWrite: (record) => pending(statementsOfLogin(record)),

    moveIn: createMoveIn(db),

    logOut: (userId, at, spare) => changeAndLogOut(userId, {}, at, { spare }),
    replacePasswordHash: (userId, { from, to, at, spare }) =>
      changeAndLogOut(userId, { passwordHash: to, updatedAt: at }, at, { spare, from }),

    ...createUserGroups(db, outbox),
    permissionsIfMirrored: createPermissionsIfMirrored(db)
  }
}
