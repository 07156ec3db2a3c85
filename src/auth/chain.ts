import {
  type AccountKey,
  BackendUnavailable,
  type ErrorCode,
  InvalidGrant,
  InvalidRequest,
  TemporarilyUnavailable
} from '../errors.ts'
import { askingOf, type LoginState, noteFirst } from './asking.ts'
import type {
  AuthenticateContext,
  Credentials,
  DeniedReason,
  Identity,
  MoveToLocal,
  PasswordWarnings,
  Proof,
  Verdict
} from './backend.ts'
import type { Chain, Link } from './link.ts'
import type { Limits, LoginMetrics, Passwords } from './ports.ts'
import { ask, type RequestContext } from './question.ts'
import { traced } from './tracing.ts'

/** What the chain needs beside its backends. */
export interface ChainTools {
  readonly passwords: Passwords
  readonly limits: Limits
  readonly metrics: LoginMetrics
}

/** The backend that accepted, and who it was. */
export interface Accepted {
  readonly backend: Link
  readonly identity: Identity
  readonly warnings?: PasswordWarnings
  readonly proof?: Proof
  readonly move?: MoveToLocal
}

/**
 * Asks the backends in their order until one accepts or ends it (Django's authenticate, with failover). Every failed try
 * at a password costs one hash and counts against the account, known or not; an outage counts for nothing.
 * @throws {InvalidGrant} nobody accepted
 * @throws {TemporarilyUnavailable} nobody accepted, and somebody could not tell
 * @throws {SlowDown} the account is locked
 */
export async function authenticate(
  chain: Chain,
  credentials: Credentials,
  request: RequestContext,
  tools: ChainTools
): Promise<Accepted> {
  const login = beginLogin(request, tools)
  try {
    if (credentials.kind === 'password') await login.attempt.claim(accountOfName(credentials.username))
    const accepted = await traced(request, 'chain', (inner) => askInOrder(chain, credentials, inner, tools, login))
    // whoever has an account of the same name elsewhere could guess at this one for ever
    login.attempt.succeeded((account) => !login.guessed.has(account))
    return accepted
  } catch (error) {
    settle(login, error)
    throw error
  }
}

/** The chain without the backends that this request is not for. @throws {InvalidRequest} there is no such backend */
export function chosenFrom(chain: Chain, backend: string | undefined): Chain {
  if (backend === undefined) return chain
  const chosen = chain.filter(({ id }) => id === backend)
  if (chosen.length === 0) throw new InvalidRequest('There is no such backend')
  return chosen
}

function beginLogin(request: RequestContext, tools: ChainTools): LoginState {
  return { attempt: tools.limits.begin(request.ip), guessed: new Set(), found: [], hashed: false }
}

async function askInOrder(
  chain: Chain,
  credentials: Credentials,
  request: RequestContext,
  tools: ChainTools,
  login: LoginState
): Promise<Accepted> {
  const unavailable: BackendUnavailable[] = []
  let toBeChanged: ChangeNeeded | undefined
  const outcomes: Record<string, string> = {}
  const cause = { outcomes, found: login.found }
  for (const link of chain) {
    if (!link.backend.takes.includes(credentials.kind)) continue
    const verdict = await verdictOf(link, credentials, request, tools, login)
    outcomes[link.id] = describe(verdict)
    if (verdict instanceof BackendUnavailable) {
      request.log.warn({ err: verdict, backend: link.id }, 'backend unavailable')
      unavailable.push(verdict)
      if (link.onUnavailable === 'stop') break
    } else if (verdict.outcome === 'accepted') {
      const { outcome: _accepted, identity, ...more } = verdict
      Object.assign(request.trail ?? {}, { backend: link.id, subject: identity.subject, username: identity.username })
      return { backend: link, identity, ...more }
    } else if (verdict.outcome === 'denied') {
      toBeChanged = changeNeeded(link, verdict)
      if (verdict.subject !== undefined) noteFirst(request, link, verdict.subject)
      break
    } else if (verdict.outcome === 'rejected' && link.onRejected === 'stop') {
      break
    }
  }
  if (credentials.kind === 'password' && !login.hashed) {
    await tools.passwords.verifyDecoy(credentials.password, request)
  }
  if (unavailable.length > 0 && !toBeChanged) throw new TemporarilyUnavailable(cause)
  throw new InvalidGrant(cause, { ...toBeChanged, reason: reasonOf(Object.values(outcomes)) })
}

/** Why nobody accepted, in the words of the last verdict that has any. */
function reasonOf(outcomes: readonly string[]): string {
  const told = outcomes.findLast((outcome) => /^(denied|rejected): /.test(outcome))
  return told === undefined ? 'unknown-account' : told.replace(/^\w+: /, '')
}

interface ChangeNeeded {
  readonly errorCode: ErrorCode
  readonly account?: AccountKey
}

/** After a right password the caller learns that it must be changed: nobody else could be told so. */
function changeNeeded({ id }: Link, { reason, subject }: Verdict & { outcome: 'denied' }): ChangeNeeded | undefined {
  const errorCode = errorCodes[reason]
  return errorCode && { errorCode, ...(subject !== undefined && { account: { backend: id, subject } }) }
}

const errorCodes: Partial<Record<DeniedReason, ErrorCode>> = {
  'must-change-password': 'must_change',
  'password-expired': 'password_expired'
}

async function verdictOf(
  link: Link,
  credentials: Credentials,
  request: RequestContext,
  tools: ChainTools,
  login: LoginState
): Promise<Verdict | BackendUnavailable> {
  const began = performance.now()
  const { extend, found, isWaiting } = askingOf(link, request, tools, login)
  let outcome = 'error'
  try {
    const question = (context: AuthenticateContext) => link.backend.authenticate(credentials, context)
    const verdict = await ask(link, request, extend, question, 'backend.authenticate', isWaiting)
    outcome = verdict.outcome
    if (outcome === 'rejected') for (const account of found) login.guessed.add(account)
    return verdict
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    outcome = 'unavailable'
    return error
  } finally {
    tools.metrics.backendAnswered(link.id, outcome, (performance.now() - began) / 1000)
  }
}

function settle({ attempt, guessed }: LoginState, error: unknown): void {
  if (error instanceof InvalidGrant && error.errorCode === undefined) attempt.failed()
  else if (error instanceof TemporarilyUnavailable) attempt.failed((account) => guessed.has(account))
  else attempt.released()
}

function describe(verdict: Verdict | BackendUnavailable): string {
  if (verdict instanceof BackendUnavailable) return `unavailable: ${verdict.reason}`
  return 'reason' in verdict ? `${verdict.outcome}: ${verdict.reason}` : verdict.outcome
}

/** One account for all spellings of a name that differ in case, width or outer space only. */
function accountOfName(username: string): string {
  return `name:${username.normalize('NFKC').trim().toLowerCase()}`
}
