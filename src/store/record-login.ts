import type { LoginRecord } from '../auth/user-store.ts'
import { type Assignment, type RowChange, type Statement, updateOf } from './statement.ts'

const ofIdentity = ({ identity, isSameAccount = false }: LoginRecord): Assignment[] => [
  ...(isSameAccount
    ? []
    : ([
        ['username', identity.username],
        ['attributes', JSON.stringify(identity.attributes)],
        ['is_superuser', identity.isSuperuser],
        ['remembered', identity.remembered ?? null]
      ] as const)),
  ['last_seen_at', identity.lastSeenAt]
]

const ofUser = ({ email, attributes, at, isLogin = true }: LoginRecord): Assignment[] => [
  ...(isLogin ? [['last_login_at', at] as const] : []),
  ...(email === undefined ? [] : [['email', email.value] as const, ['email_vouched', email.vouched] as const]),
  ...(attributes === undefined ? [] : [['attributes', JSON.stringify(attributes)] as const]),
  ...(email === undefined && attributes === undefined ? [] : [['updated_at', at] as const])
]

/** The user's row alone, which administration changes as well: what the backend says of its own identity stands in any case. */
const ofReading = ({ asRead }: LoginRecord): Assignment[] =>
  asRead === undefined
    ? []
    : [
        ['version', asRead.version],
        ['tokens_valid_from', asRead.tokensValidFrom]
      ]

/** How a login is written down at the user and at the identity. */
export const loginStatements = (record: LoginRecord): Statement[] => {
  const { userId, identity } = record
  const user = ofUser(record)
  const seen: RowChange = {
    table: 'latchkey_identities',
    key: [
      ['backend', identity.backend],
      ['subject', identity.subject]
    ],
    only: [['user_id', userId]],
    set: ofIdentity(record)
  }
  if (user.length === 0) return [updateOf(seen, { rows: 1 })]
  const row: RowChange = { table: 'latchkey_users', key: [['id', userId]], only: ofReading(record), set: user }
  return [updateOf(row, { rows: 1 }), updateOf(seen)]
}
