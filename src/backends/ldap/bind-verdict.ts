import type { BackendContext, DeniedReason, PasswordWarnings, Verdict } from '../../auth/backend.ts'
import { stateOfBind } from './account-state.ts'
import { failedResult } from './connections/failure.ts'
import type { Result } from './connections/messages.ts'
import { codes } from './connections/result-codes.ts'
import { passwordPolicyOf } from './password-policy.ts'

/** Why nobody is let in by a bind. */
export type Refused = Exclude<Verdict, { outcome: 'accepted' }>

const states: Readonly<Record<DeniedReason, readonly [text: string, remedy: string]>> = {
  disabled: ['the account is disabled', 'enable it in the directory'],
  locked: ['the account is locked', 'wait until the lock ends, or unlock it in the directory'],
  expired: ['the account has expired', 'give it a later date in the directory'],
  'password-expired': ['the password is right, and has expired', 'change it'],
  'must-change-password': ['the password is right, and must be changed before it can be used', 'change it'],
  'not-allowed': ['the account may not log in at this hour or from here', 'look at its hours and workstations']
}

/** Tells of a state where somebody wants to know. */
export const traceState = ({ trace }: Pick<BackendContext, 'trace'>, reason: DeniedReason): void => {
  const [text, remedy] = states[reason]
  trace?.({ step: 'state', outcome: 'failed', text, remedy })
}

/** Tells what a server answers to a person's bind. */
const traceAnswer = ({ trace }: Pick<BackendContext, 'trace'>, { code, diagnostic }: Result): void => {
  const said = diagnostic === '' ? '' : `: ${diagnostic.slice(0, 200)}`
  if (code === codes.success) trace?.({ step: 'password', outcome: 'ok', text: 'the directory takes the password' })
  else trace?.({ step: 'password', outcome: 'failed', text: `the directory answers with LDAP result ${code}${said}` })
}

/** Another password, and none at all. */
const wrong: ReadonlySet<number> = new Set([codes.invalidCredentials, codes.inappropriateAuthentication])

/**
 * What the answer to a user's bind means; `undefined`: the password is right, and nothing speaks against the account.
 * @throws {LdapFailure} the answer is neither yes nor no
 */
export const refusalOf = (
  result: Result,
  server: { readonly isActiveDirectory: boolean },
  context: Pick<BackendContext, 'trace'>
): Refused | undefined => {
  const reason = stateOfBind(result, server)
  traceAnswer(context, result)
  if (reason !== undefined) {
    traceState(context, reason)
    return { outcome: 'denied', reason }
  }
  // An account without a password can't be told from one with another: servers answer either way.
  if (wrong.has(result.code)) return { outcome: 'rejected', reason: 'wrong-password' }
  if (result.code !== codes.success) throw failedResult('bind', result)
  const { graceLogins, expiresInSeconds } = passwordPolicyOf(result)
  if (graceLogins !== undefined) {
    const text = `the password has expired, and will do ${graceLogins} more times`
    context.trace?.({ step: 'state', outcome: 'note', text })
  }
  if (expiresInSeconds !== undefined) {
    context.trace?.({ step: 'state', outcome: 'note', text: `the password expires in ${expiresInSeconds} s` })
  }
  return undefined
}

/** What the answer to a bind that succeeded says of the password; `undefined`: nothing. */
export const warningsOf = (result: Result): PasswordWarnings | undefined => {
  const { graceLogins, expiresInSeconds } = passwordPolicyOf(result)
  if (graceLogins !== undefined) return { graceLoginsLeft: graceLogins }
  return expiresInSeconds === undefined ? undefined : { passwordExpiresInSeconds: expiresInSeconds }
}
