import { Refusal } from '../errors.ts'
import type { Credentials, PermissionObject, TraceStep } from './backend.ts'
import type { VouchedEmail } from './email.ts'
import { explainAttributes, explainEmail } from './explain-account.ts'
import { askChain, causes, type Found, type NameAlone, type Rehearsal } from './explain-chain.ts'
import type { Link } from './link.ts'
import { type LoginTools, userToolsOf } from './login.ts'
import { type Login, recordOf, recordWithoutEmail, userAfter } from './login-record.ts'
import { afterwards } from './mirroring.ts'
import type { Permissions } from './permission-decision.ts'
import { permissionsOf } from './permissions.ts'
import type { RequestContext } from './question.ts'
import type { User } from './user-store.ts'
import { joinRefusalOf } from './users.ts'

/** A step on the way to an answer; the backend is null where it is our own. */
export interface ExplainedStep extends TraceStep {
  readonly backend: string | null
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

/**
 * Asks the chain as a login would, and tells what happens. Counts nothing against the limits, and writes nothing down:
 * no user is made or changed, no token used up.
 */
export async function explainLogin(request: ExplainRequest, tools: LoginTools): Promise<Explanation> {
  const steps: ExplainedStep[] = []
  const rehearsal = rehearsalOf(request, tools, steps)
  const found = await askChain(request.presented, request.backend, rehearsal)
  if (typeof found === 'string') return { outcome: found, steps }
  try {
    explainAttributes(found, rehearsal)
    const email = explainEmail(found, rehearsal)
    const user = email && (await explainUser(found, email, rehearsal))
    if (!user) return { outcome: 'refused', steps }
    const permissions = await explainPermissions(found, user, rehearsal)
    const onObject = request.object && (await permissionsOn(request.object, found, user, rehearsal))
    return {
      outcome: 'accepted',
      steps,
      login: { backend: found.link, user, permissions, ...(onObject && { onObject }) }
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    rehearsal.tell(null, { step: 'permissions', outcome: 'failed', text: causes(error).join(': ') })
    return { outcome: 'unavailable', steps }
  }
}

function rehearsalOf({ log, ip = '127.0.0.1' }: ExplainRequest, tools: LoginTools, steps: ExplainedStep[]): Rehearsal {
  const tell: Rehearsal['tell'] = (backend, step) => steps.push({ ...step, backend })
  return {
    tools,
    tell,
    asking: () => ({
      ...{ log, ip, clientId: 'explain', trace: tell },
      deadline: performance.now() + tools.timeoutMs
    })
  }
}

async function explainUser(found: Found, email: VouchedEmail, rehearsal: Rehearsal): Promise<User | undefined> {
  const { tools, asking, tell } = rehearsal
  const { link, identity } = found
  const refuse = (text: string, remedy: string): undefined =>
    void tell(null, { step: 'user', outcome: 'failed', text, remedy })
  const login: Login = { email, backend: link, identity: tools.checked(identity, link), at: tools.now() }
  const known =
    (await tools.store.byIdentity(link.id, identity.subject)) ??
    (identity.userId === undefined ? undefined : await tools.store.byId(identity.userId))
  const holder = known ?? (await tools.store.byEmail(email.value))
  if (holder && !holder.isActive && !link.backend.allowsInactive)
    return refuse(`${holder.email} is inactive`, `latchkey users activate ${holder.email}`)
  if (!holder && !link.create) return refuse('there is no such user, and `create: false` makes none', 'create the user')
  const refusal = holder && !known ? await joinRefusalOf(login, holder, userToolsOf(asking(), tools)) : undefined
  if (holder && refusal !== undefined)
    return refuse(
      `${holder.email} is another user, whom this account may not join: ${refusal}`,
      `latchkey users link ${holder.email}, if they are one person`
    )
  const [words, user] = holder
    ? [known ? `is the user ${holder.email}` : `joins the user ${holder.email}`, holder]
    : [`becomes a new user ${email.value}`, newUser(email)]
  tell(null, { step: 'user', outcome: 'ok', text: words })
  return afterLogin(user, login, tools)
}

/** The user with what the login would bring along. */
async function afterLogin(user: User, login: Login, { chain, store }: LoginTools): Promise<User> {
  const record = recordOf(user, login, chain)
  const holder = record.email && (await store.byEmail(record.email.value))
  return userAfter(user, holder && holder.id !== user.id ? recordWithoutEmail(record, user) : record)
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

async function explainPermissions(found: Found, user: User, rehearsal: Rehearsal): Promise<Permissions> {
  const { tools, asking, tell } = rehearsal
  const permissions = await permissionsOf(tools.chain, user, asking(), ...afterwards(found, tools))
  for (const [name, { granted, origins }] of permissions.decisions) {
    const because = origins.map(({ source, because }) => `${source}: ${because}`).join('; ')
    const text = granted ? `${name} (${because})` : `${name} is vetoed (${because})`
    tell(null, { step: 'permission', outcome: granted ? 'ok' : 'note', text })
  }
  if (permissions.decisions.size === 0) tell(null, { step: 'permission', outcome: 'note', text: 'none' })
  return permissions
}

function permissionsOn(object: PermissionObject, found: Found, user: User, { tools, asking }: Rehearsal) {
  const [permissionTools, options] = afterwards(found, tools)
  const request = { ...asking(), trace: () => undefined }
  return permissionsOf(tools.chain, user, request, permissionTools, { ...options, object })
}
