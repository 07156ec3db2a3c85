import { randomUUID } from 'node:crypto'
import { InvalidResetToken, SlowDown } from '../errors.ts'
import type { Audit, Trail } from './audit.ts'
import { refuseMalformed } from './change-password.ts'
import { canonicalEmail } from './email.ts'
import type { LocalAccounts } from './local-accounts.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { Limits, Log, Passwords } from './ports.ts'
import { type Mail, type Mailer, type MailLater, type MailMetrics, sendMail } from './reset-mail.ts'
import type { ResetBinding, ResetTokens } from './reset-token.ts'
import type { User, UserStore } from './user-store.ts'

/** A backend, as far as resets need it. */
export interface ResetBackend {
  readonly id: string
  /** Its passwords are those of our own table. */
  readonly isOwn: boolean
  /** Where its people get a new password, in words or as a URL. */
  readonly place?: string | undefined
}

/** What resetting needs. */
export interface ResetTools {
  readonly users: Pick<UserStore, 'byEmail' | 'byId' | 'replacePasswordHash'>
  readonly accounts: Pick<LocalAccounts, 'byId'>
  readonly backends: readonly ResetBackend[]
  readonly tokens: ResetTokens
  readonly ttlMs: number
  /** With `{token}` in it. Absent: there are no links. */
  readonly url?: string | undefined
  /** Epoch milliseconds. */
  now(): number
}

/** Where somebody's password is kept: `nowhere` is for whoever has no account that a password opens. */
export type ResetStanding = 'here' | 'elsewhere' | 'inactive' | 'nowhere'

/** Whether somebody may have a new password of ours: with one, or with no identity at any other backend. */
export function standingOf(user: User, backends: readonly ResetBackend[]): ResetStanding {
  if (!user.isActive) return 'inactive'
  const hasOwn = backends.some(({ isOwn }) => isOwn)
  if (hasOwn && user.hasPassword) return 'here'
  if (othersOf(user, backends).length > 0) return 'elsewhere'
  return hasOwn ? 'here' : 'nowhere'
}

const othersOf = ({ identities }: User, backends: readonly ResetBackend[]): ResetBackend[] =>
  backends.filter(({ id, isOwn }) => !isOwn && identities.some(({ backend }) => backend === id))

/** A token for somebody who may have one, and the link with it. */
export async function resetFor(user: User, tools: ResetTools): Promise<NonNullable<Mail['reset']>> {
  const expiresAt = Math.floor((tools.now() + tools.ttlMs) / 1000) * 1000
  const token = tools.tokens.issue(await bindingOf(user, tools), expiresAt)
  return { token, link: tools.url?.replace('{token}', token), expiresAt }
}

async function bindingOf({ id, email, lastLoginAt }: User, { accounts }: ResetTools): Promise<ResetBinding> {
  return { id, email, lastLoginAt, passwordHash: (await accounts.byId(id))?.passwordHash ?? null }
}

/** What asking for a reset needs beside. */
export interface AskingTools extends ResetTools {
  /** Absent: nobody is sent anything. */
  readonly mailer?: Mailer | undefined
  readonly metrics: MailMetrics
  readonly audit: Audit
  readonly later: MailLater
  /** Counts the mails to one user, on all replicas. @throws {SlowDown} there were enough */
  countMail(userId: string): Promise<void>
}

/** The account of a limit: the same for whoever is known and for whoever is not. @throws {SlowDown} */
export async function countAsking(email: string, ip: string, limits: Limits): Promise<void> {
  const attempt = limits.begin(ip)
  try {
    // no backend's id begins with a dot: this is no account of any
    await attempt.claim(`.reset:${canonicalEmail(email) ?? email.normalize('NFKC').trim().toLowerCase()}`)
    attempt.failed()
  } catch (error) {
    attempt.released()
    throw error
  }
}

/**
 * Sends somebody the way to a new password, if they may have one, or tells where theirs is kept. Whoever asked has been
 * answered before and learns nothing of how it ends. Always to the address that is stored.
 */
export async function mailReset(asked: string, trail: Trail, log: Log, tools: AskingTools): Promise<void> {
  const refuse = (reason: string) => tools.audit.record({ ...trail, outcome: 'refused', reason }, log)
  const email = canonicalEmail(asked)
  const user = email === undefined ? undefined : await tools.users.byEmail(email)
  if (!user) return refuse('unknown-account')
  trail.user = user.id
  const standing = standingOf(user, tools.backends)
  if (standing === 'inactive') return refuse('disabled')
  if (standing === 'nowhere') return refuse('not-allowed')
  // an address that nobody vouches for may be somebody else's
  if (standing === 'here' && !user.emailVouched) return refuse('no-email')
  const kind = standing === 'here' ? 'password-reset' : 'password-elsewhere'
  if (!tools.mailer) {
    tools.metrics.mailed(kind, 'unconfigured')
    log.warn({ event: 'mail_unconfigured', user: user.id }, 'a reset was asked for, and no mail is configured')
    return refuse('not-configured')
  }
  try {
    await tools.countMail(user.id)
  } catch (error) {
    if (!(error instanceof SlowDown)) throw error
    return refuse('slow_down')
  }
  await tools.audit.record({ ...trail, outcome: 'success', details: { mail: kind } }, log)
  const mail = await mailFor(user, kind, tools)
  const isNeeded = async ({ reset }: Mail): Promise<boolean> => reset === undefined || isGood(reset.token, tools)
  const until = mail.reset?.expiresAt ?? tools.now() + tools.ttlMs
  await sendMail(mail, until, log, { ...tools, mailer: tools.mailer, isNeeded })
}

/** Whether a token would still be taken. */
async function isGood(token: string, tools: ResetTools): Promise<boolean> {
  try {
    return (await holderOf(token, tools)) !== undefined
  } catch (error) {
    if (error instanceof InvalidResetToken) return false
    throw error
  }
}

async function mailFor(user: User, kind: Mail['kind'], tools: ResetTools): Promise<Mail> {
  const { id, email, attributes } = user
  const { displayName, firstName } = attributes
  const person = { id, email, name: String(displayName ?? firstName ?? '') }
  const mail = { id: `msg_${randomUUID()}`, at: tools.now(), kind, user: person }
  if (kind === 'password-reset') return { ...mail, reset: await resetFor(user, tools), places: [] }
  return { ...mail, places: othersOf(user, tools.backends).map(({ id, place }) => place ?? id) }
}

/** What setting a password by a token needs beside. */
export interface ConfirmTools extends ResetTools {
  readonly passwords: Pick<Passwords, 'hash'>
  readonly policy: PasswordPolicy
}

/**
 * Sets the password of whoever a token was made for, and ends all their sessions. Once: what the token is bound to has
 * changed then, and of two that use it at once one finds it changed.
 * @throws {InvalidResetToken} it was not made for what is so now, or has had its time
 * @throws {PasswordRefused} the password is not taken; the token stays good @throws {InvalidRequest}
 */
export async function resetPassword(
  token: string,
  newPassword: string,
  { trail, log }: { readonly trail: Trail; readonly log: Log },
  tools: ConfirmTools
): Promise<void> {
  refuseMalformed(newPassword)
  const { user, from } = await holderOf(token, tools)
  trail.user = user.id
  await tools.policy.demand(newPassword, user)
  const to = await tools.passwords.hash(newPassword)
  if (!(await tools.users.replacePasswordHash(user.id, { from, to, at: tools.now() }))) throw new InvalidResetToken()
  log.info({ event: 'password_reset', user: user.id }, 'password reset')
}

async function holderOf(token: string, tools: ResetTools): Promise<{ user: User; from: string | null }> {
  const presented = tools.tokens.open(token)
  if (!presented || presented.expiresAt <= tools.now()) throw new InvalidResetToken()
  const user = await tools.users.byId(presented.userId)
  const binding = user && (await bindingOf(user, tools))
  if (!binding || !presented.matches(binding)) throw new InvalidResetToken()
  if (standingOf(user, tools.backends) !== 'here') throw new InvalidResetToken()
  return { user, from: binding.passwordHash }
}
