import { InvalidGrant, TemporarilyUnavailable } from '../errors.ts'
import { mergeAttributes, ownsEmail } from './attributes.ts'
import type { Along } from './audit.ts'
import type { Identity } from './backend.ts'
import type { VouchedEmail } from './email.ts'
import { joinRefusal } from './joining.ts'
import type { Chain, Link } from './link.ts'
import type { Log } from './ports.ts'
import type { LoginRecord, User, UserIdentity, UserStore } from './user-store.ts'

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

/** What finding the person behind an identity needs. */
export interface UserTools {
  readonly store: UserStore
  readonly chain: Chain
  readonly log: Log
  /** See `RequestContext.along`. */
  readonly along?: Along[]
  /** Whether a user is a superuser or holds a permission `latchkey.*`, over all backends. */
  privileged(user: User): Promise<boolean>
  /** Removes values that the configuration of `users.attributes` does not allow, and says so in the log. */
  checked(identity: Identity, backend: Link): Identity
}

const tries = 5

/**
 * Turns an identity into the one person whom it belongs to: whoever has it, else whoever may be joined by the e-mail, else a
 * new user; brings the attributes and the e-mail up to date. Two first logins at once end at one user.
 * @throws {InvalidGrant} a join is refused, `create: false` forbids a new user, or the user is inactive
 */
export async function recordLogin(login: Login, tools: UserTools): Promise<User> {
  const checked = { ...login, identity: tools.checked(login.identity, login.backend) }
  for (let round = 0; round < tries; round++) {
    const user = await userOf(checked, tools)
    if (user === 'raced') continue
    await mirrorGroups(user, checked, tools)
    return user
  }
  throw new TemporarilyUnavailable('a user could not be written for others that write the same')
}

async function mirrorGroups({ id }: User, { identity, backend, at }: Login, { store, log }: UserTools): Promise<void> {
  if (identity.mirroredGroups === undefined) return
  const { joined, left } = await store.mirrorGroups(id, backend.id, identity.mirroredGroups, at)
  if (joined.length + left.length === 0) return
  log.info({ event: 'groups_mirrored', user: id, backend: backend.id, joined, left }, 'groups mirrored')
}

async function userOf(login: Login, tools: UserTools): Promise<User | 'raced'> {
  const { identity, backend, email } = login
  const known = login.holder ?? (await tools.store.byIdentity(backend.id, identity.subject))
  if (known && identity.userId !== undefined && known.id !== identity.userId)
    throw conflict(login, known, 'other-user', tools)
  if (known) return update(known, login, tools)
  if (identity.userId !== undefined) {
    const own = await tools.store.byId(identity.userId)
    // an account of our own that was deleted while its password was verified makes nobody anew
    if (!own) throw userGone()
    return join(own, login, tools)
  }
  const holder = await tools.store.byEmail(email.value)
  if (!holder) return create(login, tools)
  if (holder.identities.some((seen) => isSame(seen, login))) return update(holder, login, tools)
  const refusal = joinRefusal({
    email,
    backend: backend.id,
    user: holder,
    privileged: await tools.privileged(holder),
    bringsPrivilege: holder.hasPassword && (await tools.privileged(withIdentity(holder, login)))
  })
  if (refusal === undefined) return join(holder, login, tools)
  throw conflict(login, holder, refusal, tools)
}

/** The user as the account would make it. */
const withIdentity = (user: User, login: Login): User => ({
  ...user,
  isSuperuser: user.isSuperuser || login.identity.isSuperuser === true,
  identities: [...user.identities, identityAt(login)]
})

function conflict(login: Login, { id }: User, reason: string, { log }: UserTools): InvalidGrant {
  logConflict(log, login, id, reason)
  return new InvalidGrant(`identity_conflict: ${reason}`, { reason: 'identity-conflict' })
}

async function create(login: Login, { store, chain }: UserTools): Promise<User | 'raced'> {
  const { email, identity, backend, at, isLogin = true } = login
  if (!backend.create) throw new InvalidGrant(`backend ${backend.id} creates no users`, { reason: 'not-created' })
  const seen = identityAt(login)
  const user = {
    email: email.value,
    emailVouched: email.vouched,
    attributes: mergeAttributes(chain, [seen], {}),
    ownAttributes: {},
    isSuperuser: false,
    passwordHash: null,
    lastLoginAt: isLogin ? at : null,
    at
  }
  const created = await store.create(user, seen)
  return created === 'taken' ? 'raced' : { ...created, isSuperuser: identity.isSuperuser === true }
}

async function join(user: User, login: Login, tools: UserTools): Promise<User | 'raced'> {
  refuseInactive(user, login.backend)
  const identity = identityAt(login)
  const linked = await tools.store.link(user.id, identity)
  if (linked !== 'linked') return 'raced'
  tools.log.info({ event: 'identity_joined', user: user.id, backend: login.backend.id }, 'identity joined a user')
  return update({ ...user, identities: [...user.identities, identity] }, login, tools)
}

async function update(user: User, login: Login, tools: UserTools): Promise<User> {
  refuseInactive(user, login.backend)
  refuseLoggedOut(user, login)
  const record = recordOf(user, login, tools.chain)
  if (saysNothingNew(user, record)) return user
  const recorded = await written(record, tools)
  if (recorded === 'recorded') return after(user, record)
  if (recorded === 'gone') throw userGone()
  logConflict(tools.log, login, user.id, 'email-taken')
  const withoutEmail = recordWithoutEmail(record, user)
  await written(withoutEmail, tools)
  return after(user, withoutEmail)
}

const userGone = (): InvalidGrant => new InvalidGrant('the user is gone', { reason: 'user-gone' })

/** What was verified may be the password of before: whoever was logged out meanwhile logs in anew. */
function refuseLoggedOut(user: User, { began }: Login): void {
  if (began === undefined || user.tokensValidFrom <= began) return
  throw new InvalidGrant('the user was logged out while logging in', { reason: 'logged-out' })
}

/** A new e-mail may be somebody else's, which has to be known before the login goes on; all else can't be refused. */
async function written(record: LoginRecord, { store, along }: UserTools): Promise<'recorded' | 'taken' | 'gone'> {
  if (record.email || !along) return store.recordLogin(record)
  along.push({
    write: store.loginWrite(record),
    async refused() {
      throw userGone()
    }
  })
  return 'recorded'
}

function recordOf(user: User, login: Login, chain: Chain): LoginRecord {
  const { backend, email, at, isLogin = true } = login
  const before = user.identities.find((seen) => isSame(seen, login))
  const follows = backend.updateAttributes === 'always'
  const identity = { ...identityAt(login), ...(follows || !before ? {} : { attributes: before.attributes }) }
  const identities = [...user.identities.filter((seen) => !isSame(seen, login)), identity]
  const attributes = mergeAttributes(chain, identities, user.ownAttributes)
  const emailChanged = email.value !== user.email || email.vouched !== user.emailVouched
  // an account of our own has the user's address itself, as it was before the password was verified
  const bringsEmail = follows && login.identity.userId === undefined
  const takesEmail = bringsEmail && emailChanged && ownsEmail(chain, backend.id, user.identities)
  const fields = [
    ...(takesEmail && email.value !== user.email ? ['email'] : []),
    ...differingNames(attributes, user.attributes),
    ...((before?.isSuperuser ?? false) !== identity.isSuperuser ? ['isSuperuser'] : [])
  ]
  return {
    userId: user.id,
    identity,
    at,
    isLogin,
    ...(takesEmail ? { email } : {}),
    ...(sameAttributes(attributes, user.attributes) ? {} : { attributes }),
    ...(fields.length > 0 ? { changed: { email: takesEmail ? email.value : user.email, fields } } : {})
  }
}

function recordWithoutEmail({ email: _taken, changed, ...record }: LoginRecord, user: User): LoginRecord {
  const fields = changed?.fields.filter((name) => name !== 'email') ?? []
  return fields.length === 0 ? record : { ...record, changed: { email: user.email, fields } }
}

/** How exactly the table knows when an account was seen without a login: a session is refreshed every few minutes. */
const seenWithinMs = 300_000

function saysNothingNew(user: User, { identity, email, attributes, at, isLogin }: LoginRecord): boolean {
  const before = user.identities.find(
    ({ backend, subject }) => backend === identity.backend && subject === identity.subject
  )
  if (isLogin || email || attributes || !before || at - before.lastSeenAt >= seenWithinMs) return false
  const { username, isSuperuser } = before
  const isSameAccount = username === identity.username && isSuperuser === identity.isSuperuser
  return isSameAccount && sameAttributes(before.attributes, identity.attributes)
}

function after(user: User, { identity, email, attributes, at, isLogin }: LoginRecord): User {
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

function refuseInactive(user: User, backend: Link): void {
  if (user.isActive || backend.backend.allowsInactive) return
  throw new InvalidGrant('the user is inactive', { reason: 'inactive' })
}

const isSame = (seen: UserIdentity, { backend, identity }: Login): boolean =>
  seen.backend === backend.id && seen.subject === identity.subject

const identityAt = ({ backend, identity, at }: Login): UserIdentity => ({
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

function logConflict(log: Log, { backend, identity }: Login, user: string, reason: string): void {
  log.warn(
    { event: 'identity_conflict', backend: backend.id, subject: identity.subject, user, reason },
    'identity conflict'
  )
}
