import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AccountKey,
  BackendUnavailable,
  InvalidGrant,
  InvalidRequest,
  PasswordRefused,
  TemporarilyUnavailable
} from '../errors.ts'
import type { PasswordChange } from './backend.ts'
import { authenticate, type ChainTools, chosenFrom } from './chain.ts'
import { verdictOnShape } from './credentials.ts'
import type { Chain, Link } from './link.ts'
import { ask, type RequestContext } from './question.ts'

/** Whose password: an account that is known, or a login name for somebody who can't log in before. */
export interface ChangePasswordRequest {
  readonly account: AccountKey | { readonly username: string; readonly backend?: string }
  readonly oldPassword: string
  readonly newPassword: string
}

/** What changing a password needs. */
export interface ChangePasswordTools extends ChainTools {
  readonly chain: Chain
  /** No wrong old password is answered before. */
  readonly failureFloorMs: number
}

/**
 * Changes a password at the backend that has it, as the user: the old one is tried as at a login and counts as a try.
 * By name it also works after `must_change` or `password_expired`, where the source lets it. To end the user's sessions is
 * the caller's.
 * @returns whose password it was
 * @throws {InvalidGrant} the old password is wrong, or the account is refused; no sooner than the failure floor
 * @throws {PasswordRefused} the source does not take the new one, and why
 * @throws {TemporarilyUnavailable} {SlowDown} {InvalidRequest} as `authenticate` does
 */
export async function changePassword(
  change: ChangePasswordRequest,
  request: RequestContext,
  tools: ChangePasswordTools
): Promise<AccountKey> {
  return changing(request, tools, async () => {
    refuseMalformed(change.newPassword)
    const account = await accountOf(change, request, tools)
    const link = tools.chain.find(({ id }) => id === account.backend)
    if (!link?.backend.changePassword) throw new PasswordRefused('not-allowed')
    await changeAt(link, account.subject, change, request, tools)
    return account
  })
}

/** Runs a change. What is refused is written down, and a wrong old password answered no sooner than the failure floor. */
export async function changing(
  request: RequestContext,
  { failureFloorMs }: Pick<ChangePasswordTools, 'failureFloorMs'>,
  work: () => Promise<AccountKey>
): Promise<AccountKey> {
  const began = performance.now()
  try {
    const account = await work()
    request.log.info({ event: 'password_changed', ...account, client: request.clientId }, 'password changed')
    return account
  } catch (error) {
    await request.refused?.(error)
    if (error instanceof InvalidGrant) await sleep(Math.max(0, began + failureFloorMs - performance.now()))
    throw error
  }
}

/** @throws {InvalidRequest} nobody types that */
export function refuseMalformed(newPassword: string): void {
  const verdict = verdictOnShape({ kind: 'password', username: 'anybody', password: newPassword })
  if (verdict) throw new InvalidRequest('The new password is empty, too long or malformed')
}

async function accountOf(
  { account, oldPassword }: ChangePasswordRequest,
  request: RequestContext,
  tools: ChangePasswordTools
): Promise<AccountKey> {
  if ('subject' in account) return account
  const { username, backend } = account
  try {
    const credentials = { kind: 'password', username, password: oldPassword } as const
    const accepted = await authenticate(chosenFrom(tools.chain, backend), credentials, request, tools)
    return { backend: accepted.backend.id, subject: accepted.identity.subject }
  } catch (error) {
    if (error instanceof InvalidGrant && error.account) return error.account
    throw error
  }
}

async function changeAt(
  link: Link,
  subject: string,
  { oldPassword, newPassword }: ChangePasswordRequest,
  request: RequestContext,
  { limits }: ChangePasswordTools
): Promise<void> {
  const attempt = limits.begin(request.ip)
  try {
    await attempt.claim(`${link.id}:${subject}`)
    const { backend } = link
    const answer = await ask(
      link,
      request,
      (context) => context,
      async (context) => backend.changePassword?.(subject, oldPassword, newPassword, context),
      'backend.change-password'
    )
    settle(answer ?? { outcome: 'unknown' })
    attempt.succeeded()
  } catch (error) {
    if (error instanceof InvalidGrant) attempt.failed()
    else attempt.released()
    throw error instanceof BackendUnavailable ? new TemporarilyUnavailable(error) : error
  }
}

function settle(change: PasswordChange): void {
  if (change.outcome === 'refused') throw new PasswordRefused(change.reason)
  if (change.outcome === 'changed') return
  const reason = 'reason' in change ? change.reason : 'unknown-account'
  throw new InvalidGrant({ changePassword: change }, { reason })
}
