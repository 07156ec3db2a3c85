import { BackendUnavailable, TemporarilyUnavailable } from '../errors.ts'
import type { Grant, Identity, PermissionAnswer, PermissionObject, PermissionRequest } from './backend.ts'
import type { Chain, Link } from './link.ts'
import { groupName } from './names.ts'
import { both, byBackend, decide, type Permissions, type Source } from './permission-decision.ts'
import { ask, type RequestContext } from './question.ts'
import { traced } from './tracing.ts'
import type { PermissionStore, User, UserStore } from './user-store.ts'

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
