import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Along, AuditKind, AuditOutcome, EndedAct, Trail } from '../auth/audit.ts'
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

/**
 * Writes down the success of an act before its scope would, with what is written in the same commit.
 * @throws {TemporarilyUnavailable} it could not be written, and whatever `along` throws where it is refused
 */
export async function recordSuccess(
  request: FastifyRequest,
  reply: FastifyReply,
  { audit, actor }: { readonly audit: AppParts['audit']; readonly actor: string },
  along: readonly Along[] = []
): Promise<void> {
  const act = actOf(request, reply, actor)
  if (act) await audit.record(act, request.log, along)
}

/**
 * Writes down every act in a scope of routes that a user with a token calls, before it is answered: whatever route is added
 * to the scope, and however it ends. Looks (GET, HEAD) are none, nor are requests by nobody known.
 * @param askerOf the id of the user who asks
 */
export function auditScope(scope: App, { audit }: AppParts, askerOf: (request: FastifyRequest) => string | undefined) {
  /** An act that could not be written down is answered by an error, which is sent, too. */
  const seen = new WeakSet<FastifyRequest>()
  scope.addHook('onSend', async (request, reply) => {
    const actor = askerOf(request)
    const { auditsItself, auditsSuccess } = request.routeOptions.config
    if (auditsItself || (auditsSuccess && reply.statusCode < 400) || seen.has(request)) return
    if (['GET', 'HEAD', 'OPTIONS'].includes(request.method) || actor === undefined) return
    seen.add(request)
    const act = actOf(request, reply, actor)
    if (act) await audit.record(act, request.log)
  })
}

function actOf(request: FastifyRequest, reply: FastifyReply, actor: string): EndedAct | undefined {
  const { schema, config } = request.routeOptions
  const { operationId } = (schema ?? {}) as { operationId?: string }
  if (operationId === undefined) return undefined
  const isOwn = config.access === 'self'
  const kind: AuditKind = !isOwn ? 'administration' : /password/i.test(operationId) ? 'password_change' : 'account'
  return {
    ...{ kind, outcome: outcomeOf(reply), action: operationId, request: request.id, ip: request.ip },
    ...(isOwn ? { user: actor } : { actor }),
    ...(reply.statusCode < 400 ? {} : { reason: String(reply.statusCode) }),
    ...objectOf(operationId, request, reply)
  }
}

/** What it was done to: by the path, or where it is new, by where it is now. */
function objectOf(operationId: string, { params }: FastifyRequest, reply: FastifyReply): Partial<Trail> {
  const { id, name, user } = (params ?? {}) as { id?: string; name?: string; user?: string }
  const location = reply.getHeader('location')
  const made = typeof location === 'string' ? location.split('/').at(-1) : undefined
  const object = id ?? name ?? (made && decodeURIComponent(made))
  if (object === undefined) return {}
  if (user !== undefined) return { target: object, user: user.toLowerCase() }
  if (operationId.includes('Session')) return { session: object.toLowerCase() }
  return /User(?!s)/.test(operationId) ? { user: object.toLowerCase() } : { target: object }
}

function outcomeOf({ statusCode }: FastifyReply): AuditOutcome {
  if (statusCode < 400) return 'success'
  if (statusCode === 503) return 'unavailable'
  return statusCode < 500 ? 'refused' : 'failed'
}
