import { BackendUnavailable, TemporarilyUnavailable } from '../errors.ts'
import type { Grant, Identity, PermissionAnswer, PermissionObject, PermissionRequest } from './backend.ts'
import type { Chain, Link } from './link.ts'
import { groupName } from './names.ts'
import { matchesPattern } from './pattern.ts'
import { ask, type RequestContext } from './question.ts'
import { traced } from './tracing.ts'
import type { PermissionStore, User, UserStore } from './user-store.ts'

/** Where a permission comes from, or what vetoes it. */
export interface Origin {
  /** A backend's id; `stored` for our own tables, `superuser`, or `configuration` for the anonymous user. */
  readonly source: string
  readonly because: string
}

/** How it was decided on one permission. */
export interface PermissionDecision {
  readonly granted: boolean
  /** All that grant it; where it is vetoed, the veto comes last. */
  readonly origins: readonly Origin[]
}

/** Somebody's permissions over all sources. */
export interface Permissions {
  /** The names that are held, sorted by code unit. */
  readonly names: readonly string[]
  /** Every permission that any source spoke of. */
  readonly decisions: ReadonlyMap<string, PermissionDecision>
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
}

/** What the gathering needs beside the backends. */
export interface PermissionTools {
  readonly users: Pick<UserStore, 'storedPermissions' | 'groupPermissions'>
  readonly registry: Pick<PermissionStore, 'registered'>
  /** What anybody holds who did not log in. */
  readonly anonymous: readonly string[]
}

/** Options of one gathering. */
export interface PermissionOptions {
  /** The identity of this very login, so that its backend need not look it up again. */
  readonly identity?: { readonly backend: string; readonly identity: Identity }
  /** Absent: what is held generally. Present: that, and what is held on exactly this object. */
  readonly object?: PermissionObject
  /** No backend is passed over, whatever `permissionsOnUnavailable` says: somebody is to be kept from what others hold. */
  readonly isComplete?: boolean
}

interface Source {
  readonly name: string
  readonly answer: PermissionAnswer
}

/**
 * The superset over every backend where the user has an identity, in chain order, then our own tables, for the user whoever
 * authenticated them; `null` is the anonymous user. For each permission the first source that grants or vetoes it decides,
 * and within one source the veto wins. Inactive: none. Active superuser: every registered permission, no veto. What is held on
 * an object alone is asked for with it, and stands beside what is held generally, each at its source's place.
 * @throws {TemporarilyUnavailable} a backend could not tell, and is not to be passed over
 */
export function permissionsOf(
  chain: Chain,
  user: User | null,
  request: RequestContext,
  tools: PermissionTools,
  options: PermissionOptions = {}
): Promise<Permissions> {
  return traced(request, 'permissions', (within) => gather(chain, user, within, tools, options))
}

async function gather(
  chain: Chain,
  user: User | null,
  request: RequestContext,
  tools: PermissionTools,
  options: PermissionOptions
): Promise<Permissions> {
  if (user !== null && !user.isActive) return decide([])
  const [asked, own] = await Promise.all([
    Promise.all(questions(chain, user, options).map((question) => answerOf(question, request, tools, options))),
    traced(request, 'permissions.stored', () => ownSource(user, tools, options.object))
  ])
  const sources = [...byBackend(asked.filter((source) => source !== undefined)), own]
  if (user === null || !isSuperuser(chain, user)) return decide(sources)
  const everything = (await tools.registry.registered()).map((permission) => ({ permission, origin: 'superuser' }))
  const withoutVetoes = sources.map(({ name, answer }) => ({ name, answer: { ...answer, vetoes: [] } }))
  return decide([...withoutVetoes, { name: 'superuser', answer: { grants: everything } }])
}

/** Whether our own flag or an identity at a backend that is still configured makes the user a superuser. */
export function isSuperuser(chain: ReadonlyArray<Pick<Link, 'id'>>, user: User): boolean {
  const isConfigured = (backend: string): boolean => chain.some(({ id }) => id === backend)
  return user.ownSuperuser || user.identities.some(({ isSuperuser, backend }) => isSuperuser && isConfigured(backend))
}

/** Whether a name is one of the service's own permissions, which open its administration. */
export const isOwnPermission = (name: string): boolean => name.startsWith('latchkey.')

interface Question {
  readonly link: Link
  readonly subject: string | null
  readonly identity?: Identity
  readonly remembered?: string
  readonly email?: string
}

function questions(chain: Chain, user: User | null, { identity: given }: PermissionOptions): Question[] {
  if (user === null) return chain.filter(({ backend }) => backend.permissions).map((link) => ({ link, subject: null }))
  return chain.flatMap((link): Question[] => {
    const seen = user.identities.filter(({ backend }) => backend === link.id)
    // An address that nobody vouches for may be anybody's: it opens no other account's permissions.
    const byEmail = seen.length === 0 && link.backend.authorizesAll && user.emailVouched
    if (byEmail) return [{ link, subject: null, email: user.email }]
    return seen.map(({ subject, remembered }) => {
      const same = given?.backend === link.id && given.identity.subject === subject
      const known = same ? { identity: given.identity } : {}
      return { link, subject, ...known, ...(remembered !== undefined && { remembered }) }
    })
  })
}

async function answerOf(
  { link, ...question }: Question,
  request: RequestContext,
  { users }: PermissionTools,
  { object, isComplete }: PermissionOptions
): Promise<Source | undefined> {
  const isAnonymous = question.subject === null && question.email === undefined
  try {
    const answer = await askForPermissions(link, question, request, object)
    if (isAnonymous || answer.known === false) return { name: link.id, answer }
    const localGroups = (answer.localGroups ?? []).flatMap((name) => groupName(name) ?? [])
    const local = localGroups.length > 0 ? await users.groupPermissions(localGroups) : []
    const grants = link.grants.map((permission) => ({ permission, origin: 'everyone whom the backend knows' }))
    return {
      name: link.id,
      answer: {
        ...answer,
        grants: [...answer.grants, ...local, ...grants],
        vetoes: [...(answer.vetoes ?? []), ...vetoesOf(link)]
      }
    }
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    request.log.warn({ err: error, backend: link.id }, 'permissions unavailable')
    if (link.permissionsOnUnavailable !== 'skip' || isComplete) throw new TemporarilyUnavailable(error)
    // an outage, which somebody may bring about, is no way past a veto
    return isAnonymous ? undefined : { name: link.id, answer: { grants: [], vetoes: vetoesOf(link) } }
  }
}

const vetoesOf = ({ veto }: Link): Grant[] => veto.map((permission) => ({ permission, origin: 'veto of the backend' }))

/** Generally and on the object at once, but for a backend to which all objects are one: it is asked once. */
function askForPermissions(
  link: Link,
  question: PermissionRequest,
  request: RequestContext,
  object: PermissionObject | undefined
): Promise<PermissionAnswer> {
  const { backend } = link
  if (backend.permissions === undefined) return Promise.resolve({ grants: [] })
  return ask(
    link,
    request,
    (context) => context,
    async (context) => {
      const asking = async (asked: PermissionRequest) => (await backend.permissions?.(asked, context)) ?? { grants: [] }
      if (object === undefined || backend.ignoresObjects) return asking(question)
      return both(...(await Promise.all([asking(question), asking({ ...question, object })])))
    },
    'backend.permissions'
  )
}

/** Within one backend a veto wins, whichever of the two answers has it. */
const both = (generally: PermissionAnswer, there: PermissionAnswer): PermissionAnswer => ({
  ...generally,
  grants: unequal([...generally.grants, ...there.grants]),
  vetoes: unequal([...(generally.vetoes ?? []), ...(there.vetoes ?? [])]),
  groups: [...new Set([...(generally.groups ?? []), ...(there.groups ?? [])])],
  localGroups: [...new Set([...(generally.localGroups ?? []), ...(there.localGroups ?? [])])]
})

/** Several accounts at one backend are one source, in which a veto of either wins. */
const byBackend = (sources: readonly Source[]): Source[] =>
  [...Map.groupBy(sources, ({ name }) => name)].map(([name, same]) => ({
    name,
    answer: same.map(({ answer }) => answer).reduce(both)
  }))

const unequal = (grants: readonly Grant[]): Grant[] => [
  ...new Map(grants.map((grant) => [`${grant.permission}\n${grant.origin}`, grant])).values()
]

async function ownSource(
  user: User | null,
  { users, anonymous }: PermissionTools,
  object: PermissionObject | undefined
): Promise<Source> {
  if (user === null) {
    const grants = anonymous.map((permission) => ({ permission, origin: 'permissions.anonymous' }))
    return { name: 'configuration', answer: { grants } }
  }
  return { name: 'stored', answer: await users.storedPermissions(user.id, object) }
}

function decide(sources: readonly Source[]): Permissions {
  const decisions = new Map<string, { granted: boolean; origins: Origin[] }>()
  const vetoes: Array<{ source: string; veto: Grant }> = []
  const groups = new Set<string>()
  for (const { name, answer } of sources) {
    for (const group of answer.groups ?? []) groups.add(group)
    for (const veto of answer.vetoes ?? []) vetoes.push({ source: name, veto })
    for (const { permission, origin } of answer.grants) {
      const known = decisions.get(permission)
      if (known?.granted) known.origins.push({ source: name, because: origin })
      if (known) continue
      const veto = vetoes.find((entry) => matchesPattern(entry.veto.permission, permission))
      const because = { source: name, because: origin }
      const origins = veto ? [because, { source: veto.source, because: veto.veto.origin }] : [because]
      decisions.set(permission, { granted: veto === undefined, origins })
    }
  }
  const names = [...decisions].filter(([, { granted }]) => granted).map(([name]) => name)
  return { names: names.sort(), decisions, groups: [...groups].sort() }
}
