import { mergeAttributes, ownsEmail } from './attributes.ts'
import type { Identity } from './backend.ts'
import type { VouchedEmail } from './email.ts'
import type { Chain, Link } from './link.ts'
import type { LoginRecord, User, UserIdentity } from './user-store.ts'

/** A login to be written down: who it was at which backend, and when (epoch milliseconds). */
export interface Login {
  readonly email: VouchedEmail
  readonly identity: Identity
  readonly backend: Link
  readonly at: number
  /** False: the account was seen, but nobody logged in (a sync, a refresh). Default: true. */
  readonly isLogin?: boolean
  /** When credentials were presented, where they were: epoch milliseconds. */
  readonly began?: number
  /** Who has the identity, where that was read a moment ago. */
  readonly holder?: User
}

/** What a login changes: each attribute from its owner, the e-mail where this backend brings it. */
export function recordOf(user: User, login: Login, chain: Chain): LoginRecord {
  const { backend, email, at, isLogin = true } = login
  const before = user.identities.find((seen) => isSame(seen, login))
  const follows = backend.updateAttributes === 'always'
  const identity = { ...identityAt(login), ...(follows || !before ? {} : { attributes: before.attributes }) }
  const identities = [...user.identities.filter((seen) => !isSame(seen, login)), identity]
  const attributes = mergeAttributes(chain, identities, user.ownAttributes)
  const emailChanged = email.value !== user.email || email.vouched !== user.emailVouched
  // an account of our own has the user's address itself, as it was before the password was verified
  const bringsEmail = follows && login.identity.userId === undefined
  const takesEmail = bringsEmail && emailChanged && ownsEmail(chain, identity, identities)
  const fields = [
    ...(takesEmail && email.value !== user.email ? ['email'] : []),
    ...differingNames(attributes, user.attributes),
    ...((before?.isSuperuser ?? false) !== identity.isSuperuser ? ['isSuperuser'] : [])
  ]
  return {
    userId: user.id,
    identity,
    isSameAccount: before !== undefined && isSameAccount(before, identity),
    at,
    isLogin,
    asRead: { version: user.version, tokensValidFrom: user.tokensValidFrom },
    ...(takesEmail ? { email } : {}),
    ...(sameAttributes(attributes, user.attributes) ? {} : { attributes }),
    ...(fields.length > 0 ? { changed: { email: takesEmail ? email.value : user.email, fields } } : {})
  }
}

/** The same where the e-mail turned out to be somebody else's. */
export function recordWithoutEmail({ email: _taken, changed, ...record }: LoginRecord, user: User): LoginRecord {
  const fields = changed?.fields.filter((name) => name !== 'email') ?? []
  return fields.length === 0 ? record : { ...record, changed: { email: user.email, fields } }
}

/** The same once it is written: that the account was seen, and nothing of the user is otherwise than it was read. */
export const onlySeen = ({ userId, identity, at, isLogin = true, asRead }: LoginRecord): LoginRecord => ({
  ...{ userId, identity, isSameAccount: true, at, isLogin },
  ...(asRead && { asRead })
})

/** How exactly the table knows when an account was seen without a login: a session is refreshed every few minutes. */
const seenWithinMs = 300_000

/** Whether an account that was seen without a login is as the table has it. */
export function saysNothingNew(
  user: User,
  { identity, isSameAccount, email, attributes, at, isLogin }: LoginRecord
): boolean {
  const before = user.identities.find(
    ({ backend, subject }) => backend === identity.backend && subject === identity.subject
  )
  if (isLogin || email || attributes || !before || at - before.lastSeenAt >= seenWithinMs) return false
  return isSameAccount === true
}

const isSameAccount = (before: UserIdentity, now: UserIdentity): boolean =>
  before.username === now.username &&
  before.isSuperuser === now.isSuperuser &&
  before.remembered === now.remembered &&
  sameAttributes(before.attributes, now.attributes)

/** The user as it is once the record is written. */
export function userAfter(user: User, { identity, email, attributes, at, isLogin }: LoginRecord): User {
  const others = user.identities.filter(
    (seen) => seen.backend !== identity.backend || seen.subject !== identity.subject
  )
  const identities = [...others, identity]
  return {
    ...user,
    ...(email ? { email: email.value, emailVouched: email.vouched } : {}),
    attributes: attributes ?? user.attributes,
    identities,
    isSuperuser: user.ownSuperuser || identities.some(({ isSuperuser }) => isSuperuser),
    updatedAt: email || attributes ? at : user.updatedAt,
    lastLoginAt: isLogin ? at : user.lastLoginAt
  }
}

/** Whether an identity is the one that logs in. */
export const isSame = (seen: UserIdentity, { backend, identity }: Login): boolean =>
  seen.backend === backend.id && seen.subject === identity.subject

/** The identity as it is seen at a login. */
export const identityAt = ({ backend, identity, at }: Login): UserIdentity => ({
  backend: backend.id,
  subject: identity.subject,
  username: identity.username,
  attributes: identity.attributes,
  isSuperuser: identity.isSuperuser === true,
  ...(identity.remembered !== undefined && { remembered: identity.remembered }),
  lastSeenAt: at
})

const differingNames = (a: Identity['attributes'], b: Identity['attributes']): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name])

function sameAttributes(a: Identity['attributes'], b: Identity['attributes']): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}
