import type { Administration } from '../auth/administration-store.ts'
import { AlreadyExists, Refusal } from '../errors.ts'
import { administeredGroups } from './administered-groups.ts'
import { administeredImports } from './administered-imports.ts'
import { administeredPermissions } from './administered-permissions.ts'
import { administeredUsers } from './administered-users.ts'
import type { Database } from './database.ts'
import { causeOf, DuplicateKey } from './failures.ts'
import { gather, type StoreOutbox } from './outbox.ts'
import { untilSecond } from './whole-seconds.ts'

/** The administration in the database, by either dialect. */
export const createAdministration = (db: Database, outbox: StoreOutbox): Administration => ({
  async change(work) {
    // a dialect makes something else of an error that leaves its transaction
    let refusal: Refusal | undefined
    let tokensValidFrom = 0
    const ended = (from: number): void => {
      tokensValidFrom = from
    }
    const result = await db
      .transaction(async (queries) => {
        refusal = undefined
        // MySQL locks the row, there or not; SQLite's transaction holds the whole file anyway
        await db.insertMissing(queries, db.tables.locks, [{ name: 'administration' }])
        const told = gather(outbox, db.tables)
        const users = administeredUsers(db, queries, { ended, told })
        const groups = administeredGroups(db, queries, told)
        const permissions = administeredPermissions(db, queries)
        const imports = administeredImports(db, queries, told)
        const result = await work({ users, groups, permissions, imports }).catch((error) => {
          if (error instanceof Refusal) refusal = error
          throw error
        })
        await told.flush(queries)
        return result
      })
      .catch((error) => {
        const cause = causeOf(error)
        throw refusal ?? (cause instanceof DuplicateKey ? new AlreadyExists(undefined, cause) : cause)
      })
    await untilSecond(tokensValidFrom)
    return result
  }
})
