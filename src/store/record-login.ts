import type { LoginRecord } from '../auth/user-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'
import type { Tables } from './tables.ts'

const { and, eq, sql } = orm

const userChange = ({ at, email, attributes, isLogin = true }: LoginRecord) => ({
  ...(isLogin ? { lastLoginAt: at } : {}),
  ...(email === undefined ? {} : { email: email.value, emailVouched: email.vouched }),
  ...(attributes === undefined ? {} : { attributes: { ...attributes } }),
  ...(email === undefined && attributes === undefined ? {} : { updatedAt: at })
})

/** For SQLite, which can't update two tables at once, and where a transaction costs next to nothing. */
export const recordInTransaction = (
  { users, identities }: Tables,
  inside: Queries,
  transaction: Database['transaction']
): Database['recordLogin'] => {
  const value = sql.placeholder
  const login = inside
    .update(users)
    .set({ lastLoginAt: sql`${value('at')}` })
    .where(eq(users.id, value('userId')))
    .prepare()
  const seen = inside
    .update(identities)
    .set({
      username: sql`${value('username')}`,
      attributes: sql`${value('attributes')}`,
      isSuperuser: sql`${value('isSuperuser')}`,
      lastSeenAt: sql`${value('lastSeenAt')}`
    })
    .where(
      and(
        eq(identities.backend, value('backend')),
        eq(identities.subject, value('subject')),
        eq(identities.userId, value('userId'))
      )
    )
    .prepare()
  return (record) =>
    transaction(async (tx) => {
      const { userId, identity, at, isLogin = true } = record
      const change = userChange(record)
      const changes = Object.keys(change).length
      if (isLogin && changes === 1) await login.execute({ userId, at })
      else if (changes > 0) await tx.update(users).set(change).where(eq(users.id, userId))
      await seen.execute({
        ...identity,
        userId,
        attributes: JSON.stringify(identity.attributes),
        isSuperuser: Number(identity.isSuperuser)
      })
    })
}

/**
 * For MySQL, which updates both tables in one statement: one way to the server and back, where a transaction takes four.
 * Drizzle has no such update.
 */
export const loginStatement = (record: LoginRecord): [string, unknown[]] => {
  const { userId, identity, email, attributes, at, isLogin = true } = record
  const assignments: Array<[column: string, value: unknown]> = [
    ['i.username', identity.username],
    ['i.attributes', JSON.stringify(identity.attributes)],
    ['i.is_superuser', identity.isSuperuser],
    ['i.last_seen_at', identity.lastSeenAt]
  ]
  if (isLogin) assignments.push(['u.last_login_at', at])
  if (email !== undefined) assignments.push(['u.email', email.value], ['u.email_vouched', email.vouched])
  if (attributes !== undefined) assignments.push(['u.attributes', JSON.stringify(attributes)])
  if (email !== undefined || attributes !== undefined) assignments.push(['u.updated_at', at])
  return [
    'update latchkey_users u left join latchkey_identities i on i.user_id = u.id and i.backend = ? and i.subject = ? ' +
      `set ${assignments.map(([column]) => `${column} = ?`).join(', ')} where u.id = ?`,
    [identity.backend, identity.subject, ...assignments.map(([, value]) => value), userId]
  ]
}
