import type { NewUser, User, UserIdentity } from '../auth/user-store.ts'
import type { Tables } from './tables.ts'

/** A user as the table has it. */
export type UserRow = Tables['users']['$inferSelect']
/** An identity as the table has it. */
export type IdentityRow = Tables['identities']['$inferSelect']

/** One row of users left join identities. */
export interface JoinedRow {
  readonly user: UserRow
  readonly identity: IdentityRow | null
}

const toIdentity = ({
  backend,
  subject,
  username,
  attributes,
  isSuperuser,
  remembered,
  lastSeenAt
}: IdentityRow): UserIdentity => ({
  backend,
  subject,
  username,
  attributes,
  isSuperuser,
  ...(typeof remembered === 'string' && { remembered }),
  lastSeenAt
})

/** The columns of a user whom nobody has been before: no token of theirs was ever ended. */
export const newUserRow = <Given extends Pick<NewUser, 'attributes' | 'ownAttributes'>>(given: Given, at: number) => ({
  ...given,
  attributes: { ...given.attributes },
  ownAttributes: { ...given.ownAttributes },
  tokensValidFrom: 0,
  sparedSession: null,
  version: 0,
  updatedAt: at
})

/** By backend and subject: the databases tell them each in an order of its own. */
const inOrder = (a: UserIdentity, b: UserIdentity): number => {
  const [first, second] = a.backend === b.backend ? [a.subject, b.subject] : [a.backend, b.backend]
  return first < second ? -1 : 1
}

/** The user of a row and of that user's identities. */
export const toUser = (row: UserRow, rows: readonly IdentityRow[]): User => {
  const identities = rows.map(toIdentity).sort(inOrder)
  return {
    id: row.id,
    email: row.email,
    emailVouched: row.emailVouched,
    attributes: row.attributes,
    ownAttributes: row.ownAttributes,
    isActive: row.isActive,
    isSuperuser: row.isSuperuser || identities.some((identity) => identity.isSuperuser),
    ownSuperuser: row.isSuperuser,
    hasPassword: row.passwordHash !== null,
    identities,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    lastLoginAt: row.lastLoginAt,
    tokensValidFrom: row.tokensValidFrom,
    sparedSession: row.sparedSession,
    version: row.version
  }
}

/** The users of joined rows, in the order in which they come; a row that comes twice counts once. */
export const toUsers = (rows: readonly JoinedRow[]): User[] => {
  const byId = new Map<string, { user: UserRow; identities: IdentityRow[] }>()
  for (const { user, identity } of rows) {
    const entry = byId.get(user.id)
    if (entry === undefined) byId.set(user.id, { user, identities: identity === null ? [] : [identity] })
    else if (identity !== null && !entry.identities.some(isSame(identity))) entry.identities.push(identity)
  }
  return Array.from(byId.values(), ({ user, identities }) => toUser(user, identities))
}

const isSame =
  ({ backend, subject }: IdentityRow) =>
  (other: IdentityRow): boolean =>
    other.subject === subject && other.backend === backend
