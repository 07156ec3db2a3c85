import { BackendUnavailable, InvalidGrant, TemporarilyUnavailable } from '../errors.ts'
import type { Identity } from './backend.ts'
import { emailOf } from './email.ts'
import type { Chain, Link } from './link.ts'
import { type LoggedIn, type LoginTools, userToolsOf } from './login.ts'
import { permissionsOf } from './permissions.ts'
import { ask, type RequestContext } from './question.ts'
import { traced } from './tracing.ts'
import { isLoggedOut, type User } from './user-store.ts'
import { recordLogin } from './users.ts'

/** Who logged in, at which backend, and when: what a session remembers. */
export interface RememberedLogin {
  readonly userId: string
  readonly backend: string
  readonly subject: string
  /** Epoch milliseconds. */
  readonly authenticatedAt: number
  /** The session that remembers it. */
  readonly id: string
}

/** The login that a session goes back to holds no longer; whoever keeps the session ends it. */
export class LoginOver extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`the login is over: ${reason}`)
    this.name = 'LoginOver'
    this.reason = reason
  }
}

/**
 * Asks the backend that authenticated for the account once more, past any cache (Django's get_user), and brings the user up
 * to date with permissions of now. A backend that can't be asked is taken at its word until the session ends.
 * @param chain the backends that are asked for this client
 * @throws {LoginOver} the account is gone or disabled, the backend left the configuration, the user is gone, inactive or logged out
 * @throws {TemporarilyUnavailable} the backend could not tell: nothing follows from that
 * @throws {InvalidGrant} it is not this client's to ask, or the account's address is none to take
 */
export async function logInAgain(
  login: RememberedLogin,
  request: RequestContext,
  chain: Chain,
  tools: LoginTools
): Promise<LoggedIn> {
  const backend = backendOf(login, chain, tools)
  const identity = await identityOf(backend, login.subject, request)
  const user = await upToDate(await userOf(login, backend, tools), { identity, backend }, request, tools)
  const options = identity ? { identity: { backend: backend.id, identity } } : {}
  const permissions = await permissionsOf(tools.chain, user, request, tools.permissions, options)
  return { user, backend, subject: login.subject, permissions, at: login.authenticatedAt }
}

/**
 * Who could be logged in again, as far as we know it ourselves: the backend is not asked.
 * @throws {LoginOver} {InvalidGrant} as `logInAgain` does
 */
export const whoseLogin = async (
  login: RememberedLogin,
  chain: Chain,
  tools: Pick<LoginTools, 'chain' | 'store'>
): Promise<User> => userOf(login, backendOf(login, chain, tools), tools)

function backendOf(login: RememberedLogin, chain: Chain, tools: Pick<LoginTools, 'chain'>): Link {
  const backend = tools.chain.find(({ id }) => id === login.backend)
  if (!backend) throw new LoginOver('its backend left the configuration')
  if (chain.includes(backend)) return backend
  throw new InvalidGrant(`backend ${backend.id} is not for this client`, { reason: 'not-for-client' })
}

async function userOf(login: RememberedLogin, { backend }: Link, { store }: Pick<LoginTools, 'store'>): Promise<User> {
  const user = await store.byId(login.userId)
  if (!user) throw new LoginOver('the user is gone')
  if (!user.isActive && !backend.allowsInactive) throw new LoginOver('the user is inactive')
  if (isLoggedOut(user, login.authenticatedAt, login.id)) throw new LoginOver('the user was logged out')
  const { backend: id, subject } = login
  if (!user.identities.some((seen) => seen.backend === id && seen.subject === subject)) {
    throw new LoginOver('the identity is no longer the user’s')
  }
  return user
}

async function identityOf(link: Link, subject: string, request: RequestContext): Promise<Identity | undefined> {
  const { backend } = link
  if (!backend.identity) return undefined
  try {
    const answer = await ask(
      link,
      request,
      (context) => context,
      async (context) => backend.identity?.(subject, context),
      'backend.identity'
    )
    if (answer?.state === 'present') return answer.identity
    throw new LoginOver(answer?.state === 'disabled' ? `the account is ${answer.reason}` : 'the account is gone')
  } catch (error) {
    throw error instanceof BackendUnavailable ? new TemporarilyUnavailable(error) : error
  }
}

async function upToDate(
  user: User,
  seen: { identity: Identity | undefined; backend: Link },
  request: RequestContext,
  tools: LoginTools
): Promise<User> {
  const { identity, backend } = seen
  if (!identity) return user
  const email = emailOf(identity, backend)
  const seenNow = { email, identity, backend, at: tools.now(), isLogin: false, holder: user }
  return traced(request, 'user.record', (within) => recordLogin(seenNow, userToolsOf(within, tools)))
}
