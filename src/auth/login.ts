import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidGrant, Refusal } from '../errors.ts'
import type { Audit } from './audit.ts'
import type { Credentials, Identity, PasswordWarnings, Proof } from './backend.ts'
import { type Accepted, authenticate, type ChainTools, chosenFrom } from './chain.ts'
import { emailOf } from './email.ts'
import type { Chain, Link } from './link.ts'
import { afterwards } from './mirroring.ts'
import { moveIn } from './moving.ts'
import type { Permissions } from './permission-decision.ts'
import { isOwnPermission, isSuperuser, type PermissionTools, permissionsOf } from './permissions.ts'
import type { RequestContext } from './question.ts'
import { traced } from './tracing.ts'
import type { User, UserStore } from './user-store.ts'
import { recordLogin, type UserTools } from './users.ts'

/** What a login needs: the chain, our own tables and the limits of time. */
export interface LoginTools extends ChainTools {
  readonly chain: Chain
  readonly store: UserStore
  readonly permissions: PermissionTools
  /** Takes down that an account became our own. */
  readonly audit: Pick<Audit, 'record'>
  /** One deadline for all backends together. */
  readonly timeoutMs: number
  /** No failed login is answered before. */
  readonly failureFloorMs: number
  /** See `UserTools.checked`. */
  checked(identity: Identity, backend: Link): Identity
  /** Epoch milliseconds. */
  now(): number
}

/** Who asks, and whom. */
export interface LoginRequest extends Omit<RequestContext, 'deadline'> {
  /** The backends that may be asked; absent: all. Permissions come from all of them whatever stands here. */
  readonly chain?: Chain
  /** The only one of them to be asked. */
  readonly backend?: string
}

/** Somebody who is logged in: what a token is issued for. */
export interface LoggedIn {
  readonly user: User
  /** The backend that authenticated. */
  readonly backend: Link
  /** The backend's id for the account. */
  readonly subject: string
  readonly permissions: Permissions
  /** Epoch milliseconds. */
  readonly at: number
  /** How long this proof holds, where the backend can't be asked again. */
  readonly proof?: Proof
  /** What the backend said of the password, where it said anything. */
  readonly warnings?: PasswordWarnings
}

/** Sessions of a backend that can't be asked for an account end so long after the proof. */
const proofMs = 3_600_000

/**
 * Credentials in, one person with their permissions out.
 * @throws {InvalidGrant} for every reason why not, no sooner than the failure floor
 * @throws {TemporarilyUnavailable} {SlowDown} {InvalidRequest} as `authenticate` does
 */
export function login(credentials: Credentials, asked: LoginRequest, tools: LoginTools): Promise<LoggedIn> {
  const kind = () => ({ 'latchkey.credentials.kind': credentials.kind })
  return traced(asked, 'login', (within) => logIn(credentials, within, tools), kind)
}

async function logIn(credentials: Credentials, asked: LoginRequest, tools: LoginTools): Promise<LoggedIn> {
  const began = performance.now()
  const presentedAt = tools.now()
  const request = { ...asked, deadline: began + tools.timeoutMs }
  const chain = asked.chain ?? tools.chain
  let by = ''
  try {
    const accepted = await authenticate(chosenFrom(chain, asked.backend), credentials, request, tools)
    by = accepted.backend.id
    const loggedIn = await admit(accepted, presentedAt, request, tools)
    if (accepted.move) {
      const moving = { ...loggedIn, accepted, credentials, chain }
      await traced(request, 'user.move', (within) => moveIn(moving, within, tools))
    }
    tools.metrics.loginEnded(by, 'accepted', (performance.now() - began) / 1000)
    request.log.info({ event: 'login', backend: by, user: loggedIn.user.id, client: asked.clientId }, 'login')
    return loggedIn
  } catch (error) {
    const outcome = error instanceof Refusal ? error.code : 'server_error'
    tools.metrics.loginEnded(by, outcome, (performance.now() - began) / 1000)
    if (error instanceof Refusal) {
      const fields = { event: 'login_failed', outcome, client: asked.clientId, ip: asked.ip, reason: error.cause }
      request.log.info(fields, 'login failed')
    }
    await asked.refused?.(error)
    if (error instanceof InvalidGrant) await traced(request, 'login.floor', () => untilFloor(began, tools))
    throw error
  }
}

const untilFloor = (began: number, { failureFloorMs }: LoginTools): Promise<void> =>
  sleep(Math.max(0, began + failureFloorMs - performance.now()))

async function admit(
  accepted: Accepted,
  presentedAt: number,
  request: RequestContext,
  tools: LoginTools
): Promise<LoggedIn> {
  const { backend, identity, warnings } = accepted
  const at = tools.now()
  const proof = accepted.proof ?? proofOf(backend, at)
  const email = emailOf(identity, backend)
  const user = await traced(request, 'user.record', (within) =>
    recordLogin({ email, identity, backend, at, began: presentedAt }, userToolsOf(within, tools))
  )
  const options = { identity: { backend: backend.id, identity } }
  const permissions = await permissionsOf(tools.chain, user, request, tools.permissions, options)
  const more = { ...(proof && { proof }), ...(warnings && { warnings }) }
  return { user, backend, subject: identity.subject, permissions, at, ...more }
}

const proofOf = ({ backend }: Link, at: number): Proof | undefined =>
  backend.identity ? undefined : { until: at + proofMs }

/** What finding the person behind an identity needs, whoever brings it: a login or a sync. */
export function userToolsOf(
  request: RequestContext,
  { store, chain, checked, permissions }: Pick<LoginTools, 'store' | 'chain' | 'checked' | 'permissions'>
): UserTools & { readonly store: UserStore } {
  const privileged: UserTools['privileged'] = async (user, arriving) => {
    if (isSuperuser(chain, user)) return true
    const [tools, options] = arriving ? afterwards(arriving, { permissions, store }) : [permissions]
    const whole = { ...options, isComplete: true }
    const { names } = await permissionsOf(chain, { ...user, isActive: true }, request, tools, whole)
    return names.some(isOwnPermission)
  }
  return { store, chain, checked, privileged, log: request.log, ...(request.along && { along: request.along }) }
}
