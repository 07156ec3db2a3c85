import { setTimeout as sleep } from 'node:timers/promises'
import { BackendUnavailable, InvalidGrant, Refusal } from '../errors.ts'
import type {
  AuthenticateContext,
  BackendContext,
  Credentials,
  Identity,
  PermissionObject,
  TraceStep,
  Verdict
} from './backend.ts'
import { chosenFrom } from './chain.ts'
import { emailOf, type VouchedEmail } from './email.ts'
import { emailRemedy, verdictWords } from './explain-words.ts'
import { joinRefusal } from './joining.ts'
import type { Link } from './link.ts'
import type { LoginTools } from './login.ts'
import { isOwnPermission, type Permissions, permissionsOf } from './permissions.ts'
import { ask, type RequestContext } from './question.ts'
import type { User } from './user-store.ts'

/** A step on the way to an answer; the backend is null where it is our own. */
export interface ExplainedStep extends TraceStep {
  readonly backend: string | null
}

/** A login name without a password. */
export interface NameAlone {
  readonly kind: 'name'
  readonly username: string
}

/** Whose login is to be explained. */
export interface ExplainRequest {
  /** What is presented; of a name alone the account is looked up, and nobody is logged in. */
  readonly presented: Credentials | NameAlone
  /** The only backend to be asked. */
  readonly backend?: string
  /** What is held on it is told, too. */
  readonly object?: PermissionObject
  /** Where the call comes from. Default: this machine. */
  readonly ip?: string
  readonly log: RequestContext['log']
}

/** How a login would end, and everything on its way there. */
export interface Explanation {
  readonly outcome: 'accepted' | 'refused' | 'unavailable'
  readonly steps: readonly ExplainedStep[]
  /** What a token would be issued for. */
  readonly login?: {
    readonly backend: Link
    readonly user: User
    readonly permissions: Permissions
    readonly onObject?: Permissions
  }
}

type Tell = (backend: string | null, step: TraceStep) => void
type Asking = () => RequestContext
type Found = { readonly link: Link; readonly identity: Identity }

/**
 * Asks the chain as a login would, and tells what happens. Counts nothing against the limits, and writes nothing down:
 * no user is made or changed, no token used up.
 */
export async function explainLogin(request: ExplainRequest, tools: LoginTools): Promise<Explanation> {
  const steps: ExplainedStep[] = []
  const tell: Tell = (backend, step) => steps.push({ ...step, backend })
  const asking: Asking = () => ({
    log: request.log,
    clientId: 'explain',
    ip: request.ip ?? '127.0.0.1',
    deadline: performance.now() + tools.timeoutMs,
    trace: tell
  })
  const found = await askChain(request, tools, asking, tell)
  if (typeof found === 'string') return { outcome: found, steps }
  try {
    const email = explainEmail(found, tell)
    const user = email && (await explainUser(found, email, tools, asking, tell))
    if (!user) return { outcome: 'refused', steps }
    const permissions = await explainPermissions(found, user, tools, asking, tell)
    const { object } = request
    const onObject =
      object &&
      (await permissionsOf(tools.chain, user, { ...asking(), trace: () => undefined }, tools.permissions, { object }))
    return {
      outcome: 'accepted',
      steps,
      login: { backend: found.link, user, permissions, ...(onObject && { onObject }) }
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    tell(null, { step: 'permissions', outcome: 'failed', text: causes(error).join(': ') })
    return { outcome: 'unavailable', steps }
  }
}

/** A backend whose time is over is not waited for; it tells just afterwards what it was doing. */
export const lastSteps = (): Promise<void> => sleep(50)

/** What an error and its causes say. */
export function causes(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [error.message, ...causes(error.cause)]
}

async function askChain(
  request: ExplainRequest,
  tools: LoginTools,
  asking: Asking,
  tell: Tell
): Promise<Found | 'refused' | 'unavailable'> {
  let isUnavailable = false
  for (const link of chosenFrom(tools.chain, request.backend)) {
    const verdict = await verdictOf(link, request, tools, asking, tell)
    if (verdict === undefined) continue
    if (verdict instanceof BackendUnavailable) {
      isUnavailable = true
      if (link.onUnavailable === 'stop') break
    } else if (verdict.outcome === 'accepted') return { link, identity: verdict.identity }
    else if (verdict.outcome === 'denied') return 'refused'
    else if (verdict.outcome === 'rejected' && link.onRejected === 'stop') break
  }
  return isUnavailable ? 'unavailable' : 'refused'
}

async function verdictOf(
  link: Link,
  { presented }: ExplainRequest,
  tools: LoginTools,
  asking: Asking,
  tell: Tell
): Promise<Verdict | BackendUnavailable | undefined> {
  const { backend } = link
  const say = (outcome: TraceStep['outcome'], text: string) => tell(link.id, { step: 'verdict', outcome, text })
  const kind = presented.kind === 'name' ? 'password' : presented.kind
  if (!backend.takes.includes(kind)) {
    say('note', `takes no ${kind}s: is not asked`)
    return undefined
  }
  const began = performance.now()
  try {
    const verdict = await ask(link, asking(), extendBy(tools), async (context) => {
      if (presented.kind === 'name') return backend.lookUp?.(presented.username, context)
      return backend.authenticate(presented, context)
    })
    if (verdict === undefined) say('note', 'cannot be asked without a password')
    else {
      const outcome = verdict.outcome === 'accepted' ? 'ok' : verdict.outcome === 'unknown' ? 'note' : 'failed'
      const ms = performance.now() - began
      tell(link.id, { step: 'verdict', outcome, ms, ...verdictWords(verdict, link, presented.kind) })
    }
    return verdict
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    await lastSteps()
    say('failed', `could not tell: ${[error.reason, ...causes(error.cause)].join(': ')}`)
    return error
  }
}

const extendBy =
  ({ passwords }: LoginTools) =>
  (context: BackendContext): AuthenticateContext => ({
    ...context,
    isRehearsal: true,
    found: async () => undefined,
    verifyPassword(hash, password, { weak } = {}) {
      const onUnusable = (reason: string) =>
        context.trace?.({ step: 'hash', outcome: 'failed', text: `the stored hash can't be used: ${reason}` })
      return passwords.verify(hash, password, { weak, onUnusable })
    }
  })

function explainEmail({ link, identity }: Found, tell: Tell): VouchedEmail | undefined {
  try {
    const email = emailOf(identity, link)
    const vouched = email.vouched ? 'vouched for' : 'not vouched for: it joins nobody who has it already'
    tell(link.id, { step: 'email', outcome: 'ok', text: `${email.value}, ${vouched}` })
    return email
  } catch (error) {
    if (!(error instanceof InvalidGrant)) throw error
    const given = identity.emails.length === 0 ? 'it gave none' : `it gave ${identity.emails.join(', ')}`
    const text = `${String(error.cause)}: ${given}`
    tell(link.id, { step: 'email', outcome: 'failed', text, remedy: emailRemedy(identity, link) })
    return undefined
  }
}

async function explainUser(
  { link, identity }: Found,
  email: VouchedEmail,
  tools: LoginTools,
  asking: Asking,
  tell: Tell
): Promise<User | undefined> {
  const { store, chain } = tools
  const refuse = (text: string, remedy: string): undefined =>
    void tell(null, { step: 'user', outcome: 'failed', text, remedy })
  const known =
    (await store.byIdentity(link.id, identity.subject)) ??
    (identity.userId === undefined ? undefined : await store.byId(identity.userId))
  const holder = known ?? (await store.byEmail(email.value))
  if (holder && !holder.isActive && !link.backend.allowsInactive)
    return refuse(`${holder.email} is inactive`, `latchkey users activate ${holder.email}`)
  if (!holder && !link.create) return refuse('there is no such user, and `create: false` makes none', 'create the user')
  if (holder && !known && !holder.identities.some(({ backend, subject }) => same(backend, subject))) {
    const isPrivileged = async (user: User): Promise<boolean> => {
      const held = await permissionsOf(chain, { ...user, isActive: true }, asking(), tools.permissions)
      return user.isSuperuser || held.names.some(isOwnPermission)
    }
    const joined = {
      ...holder,
      isSuperuser: identity.isSuperuser === true,
      identities: [...holder.identities, seenNow()]
    }
    const refusal = joinRefusal({
      ...{ email, backend: link.id, user: holder },
      privileged: await isPrivileged(holder),
      bringsPrivilege: holder.hasPassword && (await isPrivileged(joined))
    })
    if (refusal !== undefined)
      return refuse(
        `${holder.email} is another user, whom this account may not join: ${refusal}`,
        `latchkey users link ${holder.email}, if they are one person`
      )
  }
  const [words, user] = holder
    ? [known ? `is the user ${holder.email}` : `joins the user ${holder.email}`, holder]
    : [`becomes a new user ${email.value}`, newUser(email)]
  tell(null, { step: 'user', outcome: 'ok', text: words })
  return { ...user, identities: [...user.identities.filter((seen) => !same(seen.backend, seen.subject)), seenNow()] }

  function same(backend: string, subject: string): boolean {
    return backend === link.id && subject === identity.subject
  }
  function seenNow() {
    const { subject, username, attributes, isSuperuser = false } = tools.checked(identity, link)
    return { backend: link.id, subject, username, attributes, isSuperuser, lastSeenAt: tools.now() }
  }
}

const newUser = ({ value, vouched }: VouchedEmail): User => ({
  id: '(new)',
  email: value,
  emailVouched: vouched,
  attributes: {},
  ownAttributes: {},
  isActive: true,
  isSuperuser: false,
  ownSuperuser: false,
  hasPassword: false,
  identities: [],
  createdAt: 0,
  updatedAt: 0,
  lastLoginAt: null,
  tokensValidFrom: 0,
  sparedSession: null,
  version: 0
})

async function explainPermissions(
  { link, identity }: Found,
  user: User,
  tools: LoginTools,
  asking: Asking,
  tell: Tell
): Promise<Permissions> {
  const options = { identity: { backend: link.id, identity } }
  const permissions = await permissionsOf(tools.chain, user, asking(), tools.permissions, options)
  for (const [name, { granted, origins }] of permissions.decisions) {
    const because = origins.map(({ source, because }) => `${source}: ${because}`).join('; ')
    const text = granted ? `${name} (${because})` : `${name} is vetoed (${because})`
    tell(null, { step: 'permission', outcome: granted ? 'ok' : 'note', text })
  }
  if (permissions.decisions.size === 0) tell(null, { step: 'permission', outcome: 'note', text: 'none' })
  return permissions
}
