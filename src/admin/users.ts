import type { AdministrationTransaction } from '../auth/administration-store.ts'
import { ownOrigin } from '../auth/group-store.ts'
import { isSuperuser } from '../auth/permissions.ts'
import type { User } from '../auth/user-store.ts'
import { AlreadyExists } from '../errors.ts'
import { type Actor, demand, demandSuperuser, mayEverything, refuseGrantBeyond } from './actor.ts'
import { fieldReadOnly } from './field-errors.ts'
import { type AttributeChange, changedAttributes, emailOfText, emailOwner, newAttributes } from './fields.ts'
import { loginNames, makeLoginNames } from './login-names.ts'
import { joinGroups, leaveGroups, makeMissing, mirroredOrigins } from './memberships.ts'
import { groupNames, permissionNames } from './names.ts'
import { hashedPassword } from './passwords.ts'
import type { AdminTools, ChangeOptions } from './tools.ts'
import { changeUser, noUser, turn } from './turn.ts'

/** Somebody new, as an administrator describes them. */
export interface UserDraft {
  /** In any spelling. */
  readonly email: string
  readonly attributes?: AttributeChange
  readonly isActive?: boolean
  readonly isSuperuser?: boolean
  /** Absent: none, and nobody logs in locally. */
  readonly password?: string
  readonly permissions?: readonly string[]
  /** Names of groups that are there, unless it says `makesGroups`. */
  readonly groups?: readonly string[]
  /** Groups that are missing are made with the user, or not at all. */
  readonly makesGroups?: boolean
  /** What the user logs in with beside the e-mail. */
  readonly loginNames?: readonly string[]
}

/** What changes of a user; absent: the same as before. */
export interface UserPatch {
  readonly email?: string
  readonly attributes?: AttributeChange
  readonly isActive?: boolean
  readonly isSuperuser?: boolean
  /** Exactly these are granted directly afterwards. */
  readonly permissions?: readonly string[]
  /** Exactly these groups are the user's own memberships afterwards; those that a backend mirrors stay. */
  readonly groups?: readonly string[]
  /** Exactly these afterwards. */
  readonly loginNames?: readonly string[]
}

/**
 * Creates a user.
 * @throws {InsufficientScope} {InvalidRequest} {AlreadyExists} the e-mail is taken
 * @throws {GrantRefused} with more than the actor holds @throws {NotFound} there is no such group
 * @throws {PasswordRefused} the password is not taken
 */
export async function createUser(actor: Actor, draft: UserDraft, tools: AdminTools): Promise<User> {
  demand(actor, 'latchkey.add_user')
  if (draft.isSuperuser) demandSuperuser(actor)
  const permissions = permissionNames(draft.permissions ?? [])
  refuseGrantBeyond(actor, permissions)
  const email = emailOfText(draft.email)
  const attributes = newAttributes(draft.attributes ?? {}, tools)
  const names = loginNames(draft.loginNames ?? [])
  const owner = { email, attributes, loginNames: names }
  const passwordHash = draft.password === undefined ? null : await hashedPassword(draft.password, owner, tools)
  const at = tools.now()
  const { isActive = true, isSuperuser = false } = draft
  const groups = groupNames(draft.groups ?? [])
  const user = { email, emailVouched: true, attributes, ownAttributes: attributes, isActive, isSuperuser, passwordHash }
  return turn(actor, tools, async (tx) => {
    const created = await tx.users.create({ ...user, at })
    if (permissions.length > 0) await tx.users.grant(created.id, permissions, at)
    if (draft.makesGroups) await makeMissing(actor, groups, tx, at)
    await joinGroups(actor, created.id, groups, tx, at)
    if (names.length > 0) await makeLoginNames(created, names, tx, at)
    return (await tx.users.byId(created.id)) ?? created
  }).catch(emailTaken)
}

/**
 * Changes fields, flags, permissions and groups of a user. A new e-mail and deactivation end all sessions.
 * @throws {FieldReadOnly} a backend owns the field @throws {LastSuperuser} {AlreadyExists} {GrantRefused} {NotFound}
 * @throws {InsufficientScope} {InvalidRequest} {PreconditionFailed}
 */
export async function patchUser(
  actor: Actor,
  userId: string,
  patch: UserPatch,
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<User> {
  demand(actor, 'latchkey.change_user')
  const email = patch.email === undefined ? undefined : emailOfText(patch.email)
  const permissions = patch.permissions && permissionNames(patch.permissions)
  const groups = patch.groups && groupNames(patch.groups)
  const names = patch.loginNames && loginNames(patch.loginNames)
  return changeUser(actor, userId, tools, options, async (tx, user) => {
    const at = tools.now()
    const changed = {
      ...changedEmail(actor, user, email, tools),
      ...(patch.attributes && changedAttributes(user, patch.attributes, tools)),
      ...changedFlags(actor, user, patch, tools)
    }
    const endSessions = changed.email !== undefined || (user.isActive && changed.isActive === false)
    await tx.users.update(userId, { ...changed, endSessions }, at)
    if (permissions) await makePermissions(actor, userId, permissions, tx, at)
    if (groups) await makeGroups(actor, userId, groups, { tx, tools })
    if (names) await makeLoginNames({ id: userId, email: changed.email ?? user.email }, names, tx, at)
  }).catch(emailTaken)
}

/** Grants and revokes direct permissions. @throws {GrantRefused} {NotFound} {InsufficientScope} {InvalidRequest} */
export async function changePermissions(
  actor: Actor,
  userId: string,
  change: { readonly grant?: readonly string[]; readonly revoke?: readonly string[] },
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<User> {
  demand(actor, 'latchkey.change_user')
  const granted = permissionNames(change.grant ?? [])
  refuseGrantBeyond(actor, granted)
  return changeUser(actor, userId, tools, options, async (tx) => {
    const at = tools.now()
    if (granted.length > 0) await tx.users.grant(userId, granted, at)
    if (change.revoke) await tx.users.revoke(userId, change.revoke, at)
  })
}

/** Deletes a user with everything of theirs. @throws {LastSuperuser} {GrantRefused} {NotFound} {PreconditionFailed} */
export async function deleteUser(
  actor: Actor,
  userId: string,
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<void> {
  demand(actor, 'latchkey.delete_user')
  await changeUser(actor, userId, tools, options, (tx) => tx.users.delete(userId))
}

/** Ends all sessions and tokens of a user. @throws {InsufficientScope} {NotFound} */
export async function logOutUser(actor: Actor, userId: string, tools: AdminTools): Promise<User> {
  demand(actor, 'latchkey.delete_session')
  return turn(actor, tools, async (tx) => {
    const user = await tx.users.byId(userId)
    if (!user) throw noUser()
    await tx.users.update(userId, { endSessions: true }, tools.now())
    return user
  })
}

async function makePermissions(
  actor: Actor,
  userId: string,
  wanted: readonly string[],
  tx: AdministrationTransaction,
  at: number
): Promise<void> {
  const { added, removed } = differences(await tx.users.directPermissions(userId), wanted)
  refuseGrantBeyond(actor, added)
  if (added.length > 0) await tx.users.grant(userId, added, at)
  if (removed.length > 0) await tx.users.revoke(userId, removed, at)
}

async function makeGroups(
  actor: Actor,
  userId: string,
  wanted: readonly string[],
  { tx, tools }: { readonly tx: AdministrationTransaction; readonly tools: AdminTools }
): Promise<void> {
  const memberships = await tx.groups.membershipsOf(userId)
  const staying = mirroredOrigins(tools)
  const own = memberships.filter(({ origin }) => origin === ownOrigin)
  const endable = memberships.filter(({ origin }) => !staying.includes(origin))
  const { added } = differences(namesOf(own), wanted)
  const { removed } = differences(namesOf(endable), wanted)
  await joinGroups(actor, userId, added, tx, tools.now())
  await leaveGroups(userId, [...new Set(removed)], { tx, tools })
}

const namesOf = (memberships: ReadonlyArray<{ readonly name: string }>): string[] => memberships.map(({ name }) => name)

/**
 * Who may not do everything vouches for no address of somebody who can log in already: an account that has this address
 * elsewhere would join, and bring whoever it is more than they hold.
 */
function changedEmail(
  actor: Actor,
  user: User,
  email: string | undefined,
  tools: AdminTools
): { email?: string; emailVouched?: boolean } {
  if (email === undefined || (email === user.email && user.emailVouched)) return {}
  const owner = emailOwner(user, tools)
  if (owner !== undefined && email !== user.email) throw fieldReadOnly('email', owner)
  const emailVouched = mayEverything(actor) || !(user.hasPassword || user.identities.length > 0)
  return owner === undefined ? { email, emailVouched } : {}
}

function changedFlags(actor: Actor, user: User, { isActive, isSuperuser: wanted }: UserPatch, { chain }: AdminTools) {
  const flags = { ...(isActive === undefined ? {} : { isActive }) }
  if (wanted === undefined || wanted === isSuperuser(chain, user)) return flags
  demandSuperuser(actor)
  const configured = new Set(chain.map(({ id }) => id))
  const source = user.identities.find((seen) => seen.isSuperuser && configured.has(seen.backend))
  if (!wanted && source) throw fieldReadOnly('isSuperuser', source.backend)
  return { ...flags, isSuperuser: wanted }
}

const differences = (before: readonly string[], wanted: readonly string[]) => ({
  added: wanted.filter((name) => !before.includes(name)),
  removed: before.filter((name) => !wanted.includes(name))
})

/** @throws {AlreadyExists} with a text for whoever typed the address */
function emailTaken(error: unknown): never {
  const isOfStore = error instanceof AlreadyExists && error.cause !== undefined
  throw isOfStore ? new AlreadyExists('A user has this e-mail already', error.cause) : error
}
