import { Refusal } from '../errors.ts'
import { mergeAttributes } from './attributes.ts'
import type { Credentials, PermissionObject, TraceStep } from './backend.ts'
import type { VouchedEmail } from './email.ts'
import { explainAttributes, explainEmail } from './explain-account.ts'
import { askChain, causes, type Found, type NameAlone, type Rehearsal } from './explain-chain.ts'
import { joinRefusal } from './joining.ts'
import type { Link } from './link.ts'
import type { LoginTools } from './login.ts'
import { afterwards } from './mirroring.ts'
import { isOwnPermission, type Permissions, permissionsOf } from './permissions.ts'
import type { RequestContext } from './question.ts'
import type { User, UserIdentity } from './user-store.ts'

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
  const { link, identity } = found
  const { store } = rehearsal.tools
  const refuse = (text: string, remedy: string): undefined =>
    void rehearsal.tell(null, { step: 'user', outcome: 'failed', text, remedy })
  const known =
    (await store.byIdentity(link.id, identity.subject)) ??
    (identity.userId === undefined ? undefined : await store.byId(identity.userId))
  const holder = known ?? (await store.byEmail(email.value))
  if (holder && !holder.isActive && !link.backend.allowsInactive)
    return refuse(`${holder.email} is inactive`, `latchkey users activate ${holder.email}`)
  if (!holder && !link.create) return refuse('there is no such user, and `create: false` makes none', 'create the user')
  const refusal = holder && !known ? await joinRefusalOf(found, email, holder, rehearsal) : undefined
  if (holder && refusal !== undefined)
    return refuse(
      `${holder.email} is another user, whom this account may not join: ${refusal}`,
      `latchkey users link ${holder.email}, if they are one person`
    )
  const [words, user] = holder
    ? [known ? `is the user ${holder.email}` : `joins the user ${holder.email}`, holder]
    : [`becomes a new user ${email.value}`, newUser(email)]
  rehearsal.tell(null, { step: 'user', outcome: 'ok', text: words })
  return afterLogin(user, found, rehearsal)
}

/** The user with the fields that the login would bring along. */
function afterLogin(user: User, found: Found, rehearsal: Rehearsal): User {
  const before = user.identities.find((seen) => isOf(found, seen))
  const now = seenNow(found, rehearsal)
  const seen = found.link.updateAttributes === 'create' && before ? { ...now, attributes: before.attributes } : now
  const identities = [...user.identities.filter((other) => other !== before), seen]
  return { ...user, identities, attributes: mergeAttributes(rehearsal.tools.chain, identities, user.ownAttributes) }
}

/** Why the account may not join whoever has its address; undefined where it may, or did before. */
async function joinRefusalOf(found: Found, email: VouchedEmail, holder: User, rehearsal: Rehearsal) {
  if (holder.identities.some((seen) => isOf(found, seen))) return undefined
  const { chain, permissions } = rehearsal.tools
  const isPrivileged = async (user: User, arriving?: Found): Promise<boolean> => {
    const [tools, options] = arriving ? afterwards(arriving, rehearsal.tools) : [permissions]
    const whole = { ...options, isComplete: true }
    const held = await permissionsOf(chain, { ...user, isActive: true }, rehearsal.asking(), tools, whole)
    return user.isSuperuser || held.names.some(isOwnPermission)
  }
  const joined = {
    ...holder,
    isSuperuser: found.identity.isSuperuser === true,
    identities: [...holder.identities, seenNow(found, rehearsal)]
  }
  return joinRefusal({
    ...{ email, backend: found.link.id, user: holder },
    privileged: await isPrivileged(holder),
    bringsPrivilege: holder.hasPassword && (await isPrivileged(joined, found))
  })
}

const isOf = ({ link, identity }: Found, { backend, subject }: UserIdentity): boolean =>
  backend === link.id && subject === identity.subject

function seenNow({ link, identity }: Found, { tools }: Rehearsal): UserIdentity {
  const { subject, username, attributes, isSuperuser = false } = tools.checked(identity, link)
  return { backend: link.id, subject, username, attributes, isSuperuser, lastSeenAt: tools.now() }
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
