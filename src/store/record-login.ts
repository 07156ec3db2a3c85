import type { LoginRecord } from '../auth/user-store.ts'
import type { Statement } from './statement.ts'

type Assignment = readonly [column: string, value: unknown]

const ofIdentity = ({ identity }: LoginRecord): Assignment[] => [
  ['username', identity.username],
  ['attributes', JSON.stringify(identity.attributes)],
  ['is_superuser', identity.isSuperuser],
  ['remembered', identity.remembered ?? null],
  ['last_seen_at', identity.lastSeenAt]
]

const ofUser = ({ email, attributes, at, isLogin = true }: LoginRecord): Assignment[] => [
  ...(isLogin ? [['last_login_at', at] as const] : []),
  ...(email === undefined ? [] : [['email', email.value] as const, ['email_vouched', email.vouched] as const]),
  ...(attributes === undefined ? [] : [['attributes', JSON.stringify(attributes)] as const]),
  ...(email === undefined && attributes === undefined ? [] : [['updated_at', at] as const])
]

const set = (assignments: readonly Assignment[]): string =>
  `set ${assignments.map(([column]) => `${column} = ?`).join(', ')}`

const valuesOf = (assignments: readonly Assignment[]): unknown[] => assignments.map(([, value]) => value)

/** The user's row alone, which administration changes as well: what the backend says of its own identity stands in any case. */
const ofReading = ({ asRead }: LoginRecord): readonly [sql: string, values: readonly unknown[]] =>
  asRead === undefined
    ? ['', []]
    : [' and version = ? and tokens_valid_from = ?', [asRead.version, asRead.tokensValidFrom]]

/** For SQLite, which can't update two tables at once. Every login runs them: Drizzle would build and map them each time. */
export const loginStatements = (record: LoginRecord): Statement[] => {
  const { userId, identity } = record
  const seen = ofIdentity(record)
  const user = ofUser(record)
  const [asRead, reading] = ofReading(record)
  const ofIdentities: Statement = [
    `update latchkey_identities ${set(seen)} where backend = ? and subject = ? and user_id = ?`,
    [...valuesOf(seen), identity.backend, identity.subject, userId]
  ]
  const ofUsers: Statement = [
    `update latchkey_users ${set(user)} where id = ?${asRead}`,
    [...valuesOf(user), userId, ...reading],
    { rows: 1 }
  ]
  return user.length === 0 ? [ofIdentities] : [ofUsers, ofIdentities]
}

/**
 * For MySQL, which updates both tables in one statement: one way to the server and back, where a transaction takes four.
 * Drizzle has no such update.
 */
export const loginStatement = (record: LoginRecord): Statement => {
  const { userId, identity } = record
  const seen = ofIdentity(record).map(([column, value]) => [`i.${column}`, value] as const)
  const user = ofUser(record).map(([column, value]) => [`u.${column}`, value] as const)
  const assignments = [...seen, ...user]
  const [asRead, reading] = user.length > 0 ? ofReading(record) : ['', []]
  return [
    'update latchkey_users u left join latchkey_identities i on i.user_id = u.id and i.backend = ? and i.subject = ? ' +
      `${set(assignments)} where u.id = ?${asRead}`,
    [identity.backend, identity.subject, ...valuesOf(assignments), userId, ...reading],
    { row: userId, ...(user.length > 0 && { rows: 1 }) }
  ]
}
