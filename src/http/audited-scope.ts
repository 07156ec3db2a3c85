import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Along, AuditKind, AuditOutcome, EndedAct, Trail } from '../auth/audit.ts'
import { addressOf } from './address.ts'
import type { AppParts } from './parts.ts'
import type { App } from './server.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route writes down more than its scope could know. */
    readonly auditsItself?: boolean
    /** The route writes down its success, by `recordSuccess`. */
    readonly auditsSuccess?: boolean
  }
}

/** Who asks: a user, by a token that a client got. */
export interface Asker {
  /** The user's id. */
  readonly user: string
  readonly client: string
}

/**
 * Writes down the success of an act before its scope would, with what is written in the same commit.
 * @throws {TemporarilyUnavailable} it could not be written, and whatever `along` throws where it is refused
 */
export async function recordSuccess(
  request: FastifyRequest,
  reply: FastifyReply,
  { audit, asker }: { readonly audit: AppParts['audit']; readonly asker: Asker },
  along: readonly Along[] = []
): Promise<void> {
  const act = actOf(request, reply, asker)
  if (act) await audit.record(act, request.log, along)
}

/**
 * Writes down every act in a scope of routes that a user with a token calls, before it is answered: whatever route is added
 * to the scope, and however it ends. Looks (GET, HEAD) are none, nor are requests by nobody known.
 */
export function auditScope(scope: App, { audit }: AppParts, askerOf: (request: FastifyRequest) => Asker | undefined) {
  /** An act that could not be written down is answered by an error, which is sent, too. */
  const seen = new WeakSet<FastifyRequest>()
  scope.addHook('onSend', async (request, reply) => {
    const asker = askerOf(request)
    const { auditsItself, auditsSuccess } = request.routeOptions.config
    if (auditsItself || (auditsSuccess && reply.statusCode < 400) || seen.has(request)) return
    if (['GET', 'HEAD', 'OPTIONS'].includes(request.method) || asker === undefined) return
    seen.add(request)
    const act = actOf(request, reply, asker)
    if (act) await audit.record(act, request.log)
  })
}

function actOf(request: FastifyRequest, reply: FastifyReply, { user, client }: Asker): EndedAct | undefined {
  const { schema, config } = request.routeOptions
  const { operationId } = (schema ?? {}) as { operationId?: string }
  if (operationId === undefined) return undefined
  const isOwn = config.access === 'self'
  const kind: AuditKind = !isOwn ? 'administration' : /password/i.test(operationId) ? 'password_change' : 'account'
  return {
    ...{ kind, outcome: outcomeOf(reply), action: operationId, client, request: request.id, ip: addressOf(request) },
    ...(reply.statusCode < 400 ? detailsOf(request) : { reason: String(reply.statusCode) }),
    ...objectOf(operationId, request, reply),
    ...(isOwn ? { user } : { actor: user })
  }
}

/** What it was done to: by the path, where it is new by where it is now, or by what was granted to whom. */
function objectOf(operationId: string, request: FastifyRequest, reply: FastifyReply): Partial<Trail> {
  const { id, name, user } = (request.params ?? {}) as { id?: string; name?: string; user?: string }
  const location = reply.getHeader('location')
  const made = typeof location === 'string' ? location.split('/').at(-1) : undefined
  const object = id ?? name ?? (made && decodeURIComponent(made))
  if (object === undefined) return reply.statusCode < 400 ? holderOf(request) : {}
  if (user !== undefined) return { target: object, user: user.toLowerCase() }
  if (/^\/admin\/users(\/|$)/.test(request.routeOptions.url ?? '')) return { user: object.toLowerCase() }
  return operationId.includes('Session') ? { session: object.toLowerCase() } : { target: object }
}

type Given = Readonly<Record<string, unknown>>

/** What a request that was not refused said, in its body or its query. */
const givenIn = ({ body, query }: FastifyRequest): Given => ({ ...Object(query), ...Object(body) })

/** Whose a permission on an object is. */
function holderOf(request: FastifyRequest): Partial<Trail> {
  const { user, group } = givenIn(request)
  return {
    ...(typeof user === 'string' && { user: user.toLowerCase() }),
    ...(typeof group === 'string' && { target: group })
  }
}

/** Which account, and which permission on what; else the names of what changed: no value that may be secret. */
function detailsOf(request: FastifyRequest): Partial<Trail> {
  const { backend, subject, permission, objectType, objectId, ...given } = givenIn(request)
  if (typeof backend === 'string' && typeof subject === 'string') return { backend, subject }
  if (typeof permission === 'string') return { details: { permission, ...texts({ objectType, objectId }) } }
  const changed = Object.keys(given)
  return changed.length === 0 ? {} : { details: { changed } }
}

const texts = (given: Given): Record<string, string> =>
  Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))

function outcomeOf({ statusCode }: FastifyReply): AuditOutcome {
  if (statusCode < 400) return 'success'
  if (statusCode === 503) return 'unavailable'
  return statusCode < 500 ? 'refused' : 'failed'
}
