import { InvalidGrant } from '../errors.ts'
import { mergeAttributes } from './attributes.ts'
import type { Along } from './audit.ts'
import type { Identity } from './backend.ts'
import { type JoinRefusal, joinRefusal } from './joining.ts'
import type { Chain, Link } from './link.ts'
import {
  identityAt,
  isSame,
  type Login,
  onlySeen,
  recordOf,
  recordWithoutEmail,
  saysNothingNew,
  userAfter
} from './login-record.ts'
import { overtaken, readAnew, refuseInactive, refuseLoggedOut, tries, userGone, writingOf } from './login-write.ts'
import { type Arriving, originOf } from './mirroring.ts'
import { localGroupNames } from './names.ts'
import type { Log } from './ports.ts'
import type { LoginRecord, User, UserStore } from './user-store.ts'

/** What finding the person behind an identity needs. */
export interface UserTools {
  readonly store: UserStore
  readonly chain: Chain
  readonly log: Log
  /** See `RequestContext.along`. */
  readonly along?: Along[]
  /**
   * Whether a user is a superuser or holds a permission `latchkey.*`, over all backends.
   * @param arriving an account of theirs that logs in: as it will leave them
   */
  privileged(user: User, arriving?: Arriving): Promise<boolean>
  /** Removes values that the configuration of `users.attributes` does not allow, and says so in the log. */
  checked(identity: Identity, backend: Link): Identity
}

/**
 * Turns an identity into the one person whom it belongs to: whoever has it, else whoever may be joined by the e-mail, else a
 * new user; brings the attributes and the e-mail up to date. Two first logins at once end at one user.
 * @throws {InvalidGrant} a join is refused, `create: false` forbids a new user, or the user is inactive
 */
export async function recordLogin(login: Login, tools: UserTools): Promise<User> {
  let checked: Login = { ...login, identity: tools.checked(login.identity, login.backend) }
  for (let round = 0; round < tries; round++) {
    const user = await userOf(checked, tools)
    if (user !== 'raced') {
      await mirrorGroups(user, checked, tools)
      return user
    }
    const { holder } = checked
    if (holder) checked = { ...checked, holder: await readAnew(holder.id, checked, tools) }
  }
  throw overtaken()
}

async function mirrorGroups({ id }: User, { identity, backend, at }: Login, { store, log }: UserTools): Promise<void> {
  if (identity.mirroredGroups === undefined) return
  const groups = localGroupNames(identity.mirroredGroups)
  const { joined, left } = await store.mirrorGroups(id, originOf(backend), groups, at)
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
  const refusal = await joinRefusalOf(login, holder, tools)
  if (refusal === undefined) return join(holder, login, tools)
  throw conflict(login, holder, refusal, tools)
}

/** Why the account may not join whoever has its address; undefined where it may. */
export function joinRefusalOf(
  login: Login,
  user: User,
  { privileged }: Pick<UserTools, 'privileged'>
): Promise<JoinRefusal | undefined> {
  return joinRefusal({
    email: login.email,
    backend: login.backend.id,
    user,
    isPrivileged: () => privileged(user),
    bringsPrivilege: async () =>
      user.hasPassword && privileged(withIdentity(user, login), { link: login.backend, identity: login.identity })
  })
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

async function create(login: Login, tools: UserTools): Promise<User | 'raced'> {
  const { store, chain, along } = tools
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
  if (created === 'taken') return 'raced'
  const newcomer = { ...created, isSuperuser: identity.isSuperuser === true }
  // written with the event as well: whoever is logged out until then gets nothing
  along?.push(writingOf(onlySeen(recordOf(newcomer, login, chain)), login, tools))
  return newcomer
}

async function join(user: User, login: Login, tools: UserTools): Promise<User | 'raced'> {
  refuseInactive(user, login.backend)
  const identity = identityAt(login)
  const linked = await tools.store.link(user.id, identity)
  if (linked !== 'linked') return 'raced'
  tools.log.info({ event: 'identity_joined', user: user.id, backend: login.backend.id }, 'identity joined a user')
  return update({ ...user, identities: [...user.identities, identity] }, login, tools)
}

async function update(user: User, login: Login, tools: UserTools): Promise<User | 'raced'> {
  refuseInactive(user, login.backend)
  refuseLoggedOut(user, login)
  const record = recordOf(user, login, tools.chain)
  if (saysNothingNew(user, record)) return user
  const recorded = await written(record, login, tools)
  if (recorded !== 'taken') return recorded === 'recorded' ? userAfter(user, record) : recorded
  logConflict(tools.log, login, user.id, 'email-taken')
  const withoutEmail = recordWithoutEmail(record, user)
  return (await written(withoutEmail, login, tools)) === 'recorded' ? userAfter(user, withoutEmail) : 'raced'
}

/**
 * A new e-mail may be somebody else's, which has to be known before the login goes on; all else is written with its event.
 * So is what was written before, once more: whoever was logged out since gets nothing.
 * @throws {InvalidGrant} the user is gone
 */
async function written(record: LoginRecord, login: Login, tools: UserTools): Promise<'recorded' | 'taken' | 'raced'> {
  const { store, along } = tools
  if (!record.email && along) {
    along.push(writingOf(record, login, tools))
    return 'recorded'
  }
  const answer = await store.recordLogin(record)
  if (answer === 'gone') throw userGone()
  if (answer === 'recorded') along?.push(writingOf(onlySeen(record), login, tools))
  return answer === 'changed' ? 'raced' : answer
}

function logConflict(log: Log, { backend, identity }: Login, user: string, reason: string): void {
  log.warn(
    { event: 'identity_conflict', backend: backend.id, subject: identity.subject, user, reason },
    'identity conflict'
  )
}
