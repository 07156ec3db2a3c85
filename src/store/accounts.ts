import type { LocalAccount, LocalAccounts } from '../auth/local-accounts.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'

const { and, eq, sql } = orm

/** The service's own accounts: the users' table as the backend `local` sees it. */
export const createLocalAccounts = (db: Database): LocalAccounts => {
  const { users, loginNames } = db.tables
  const { id, email, emailVouched, isActive, passwordHash, ownAttributes } = users
  const accounts = () =>
    db.queries.select({ id, email, emailVouched, isActive, passwordHash, attributes: ownAttributes }).from(users)
  const byId = accounts()
    .where(eq(id, sql.placeholder('id')))
    .prepare()
  const byEmail = accounts()
    .where(eq(email, sql.placeholder('email')))
    .prepare()
  const byLoginName = db.queries
    .select({
      account: { id, email, emailVouched, isActive, passwordHash, attributes: ownAttributes },
      name: loginNames.name
    })
    .from(loginNames)
    .innerJoin(users, eq(id, loginNames.userId))
    .where(eq(loginNames.name, sql.placeholder('name')))
    .prepare()
  return {
    async byId(wanted): Promise<LocalAccount | undefined> {
      const [account] = await byId.execute({ id: wanted })
      return account?.id === wanted ? account : undefined
    },
    async byEmail(wanted): Promise<LocalAccount | undefined> {
      const [account] = await byEmail.execute({ email: wanted })
      return account?.email === wanted ? account : undefined
    },
    async byLoginName(wanted): Promise<LocalAccount | undefined> {
      const [found] = await byLoginName.execute({ name: wanted })
      return found?.name === wanted ? found.account : undefined
    },
    async replaceHash(wanted, oldHash, newHash) {
      await db.queries
        .update(users)
        .set({ passwordHash: newHash })
        .where(and(eq(id, wanted), eq(passwordHash, oldHash)))
    }
  }
}
