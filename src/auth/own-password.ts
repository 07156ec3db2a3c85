import { type AccountKey, Conflict, InvalidGrant, PasswordRefused } from '../errors.ts'
import { type ChangePasswordTools, changePassword, changing, refuseMalformed } from './change-password.ts'
import type { Chain, Link } from './link.ts'
import type { LocalAccounts } from './local-accounts.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { RequestContext } from './question.ts'
import type { User, UserStore } from './user-store.ts'

/** What somebody who is logged in changes of their own. */
export interface OwnPasswordChange {
  readonly user: User
  /** The backend that authenticated, and the account there where it is known. */
  readonly backend: string
  readonly subject?: string | undefined
  /** The session that lives on; all others end. */
  readonly session: string
  readonly currentPassword: string
  readonly newPassword: string
}

/** What changing one's own password needs. */
export interface OwnPasswordTools extends ChangePasswordTools {
  readonly store: Pick<UserStore, 'logOut' | 'replacePasswordHash'>
  readonly accounts: Pick<LocalAccounts, 'byId'>
  /** For passwords of our own table; elsewhere the source has its own. */
  readonly policy: PasswordPolicy
  /** Epoch milliseconds. */
  now(): number
}

/**
 * Changes the password that somebody logs in with where it is kept: at the backend that authenticated, or else at the first
 * in the chain that knows the user and changes passwords. A wrong old password counts as at a login. All other sessions end.
 * @returns where it was changed
 * @throws {InvalidGrant} the old password is wrong, or the account is refused
 * @throws {PasswordRefused} the new one is not taken, or nobody changes it here
 * @throws {Conflict} it was changed meanwhile
 * @throws {TemporarilyUnavailable} {SlowDown} {InvalidRequest}
 */
export async function changeOwnPassword(
  change: OwnPasswordChange,
  request: RequestContext,
  tools: OwnPasswordTools
): Promise<AccountKey> {
  const place = placeOf(change, tools.chain)
  if (!place) throw new PasswordRefused('not-allowed')
  const { link, subject } = place
  Object.assign(request.trail ?? {}, { backend: link.id, subject })
  if (link.backend.keepsOwnPasswords) return changing(request, tools, () => changeHere(link, change, request, tools))
  const { currentPassword: oldPassword, newPassword, user, session } = change
  const account = { backend: link.id, subject }
  await changePassword({ account, oldPassword, newPassword }, request, tools)
  await tools.store.logOut(user.id, tools.now(), session)
  return account
}

interface Place {
  readonly link: Link
  readonly subject: string
}

function placeOf({ user, backend, subject }: OwnPasswordChange, chain: Chain): Place | undefined {
  const inOrder = [...chain.filter(({ id }) => id === backend), ...chain.filter(({ id }) => id !== backend)]
  for (const link of inOrder) {
    if (link.backend.keepsOwnPasswords && user.hasPassword) return { link, subject: user.id }
    if (!link.backend.changePassword) continue
    const seen = user.identities.filter((identity) => identity.backend === link.id)
    const newest = seen.toSorted((a, b) => b.lastSeenAt - a.lastSeenAt)[0]
    const known = link.id === backend && seen.some((identity) => identity.subject === subject) ? subject : undefined
    if (newest) return { link, subject: known ?? newest.subject }
  }
  return undefined
}

async function changeHere(
  link: Link,
  { user, session, currentPassword, newPassword }: OwnPasswordChange,
  request: RequestContext,
  { limits, passwords, accounts, policy, store, now }: OwnPasswordTools
): Promise<AccountKey> {
  refuseMalformed(newPassword)
  const attempt = limits.begin(request.ip)
  try {
    await attempt.claim(`${link.id}:${user.id}`)
    const from = (await accounts.byId(user.id))?.passwordHash ?? null
    const isRight = from !== null && (await passwords.verify(from, currentPassword, request))
    if (!isRight) throw new InvalidGrant('the current password is wrong', { reason: 'wrong-password' })
    await policy.demand(newPassword, user)
    const to = await passwords.hash(newPassword)
    const isReplaced = await store.replacePasswordHash(user.id, { from, to, at: now(), spare: session })
    if (!isReplaced) throw new Conflict('The password was changed meanwhile')
    attempt.succeeded()
    return { backend: link.id, subject: user.id }
  } catch (error) {
    if (error instanceof InvalidGrant) attempt.failed()
    else attempt.released()
    throw error
  }
}
