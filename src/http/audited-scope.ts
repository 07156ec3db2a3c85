import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AuditOutcome } from '../auth/audit.ts'
import type { AppParts } from './parts.ts'
import type { App } from './server.ts'

/**
 * Writes down every act of a scope of administration, by its operation's name, before it is answered: whatever route is
 * added to the scope, and however it ends. Looks (GET, HEAD) are none.
 * @param actorOf the id of the user who asks, where it is known
 */
export function auditScope(scope: App, { audit }: AppParts, actorOf: (request: FastifyRequest) => string | undefined) {
  scope.addHook('onSend', async (request, reply) => {
    const { operationId } = (request.routeOptions.schema ?? {}) as { operationId?: string }
    if (['GET', 'HEAD', 'OPTIONS'].includes(request.method) || operationId === undefined) return
    if (audited.has(request)) return
    audited.add(request)
    const actor = actorOf(request)
    const { id } = (request.params ?? {}) as { id?: string }
    await audit.record(
      {
        ...{
          kind: 'administration',
          outcome: outcomeOf(reply),
          action: operationId,
          request: request.id,
          ip: request.ip
        },
        ...(reply.statusCode < 400 ? {} : { reason: String(reply.statusCode) }),
        ...(actor === undefined ? {} : { actor }),
        ...(id === undefined ? {} : operationId.includes('User') ? { user: id.toLowerCase() } : { target: id })
      },
      request.log
    )
  })
}

/** An answer that could not be written down is answered by an error, which is sent, too. */
const audited = new WeakSet<FastifyRequest>()

function outcomeOf({ statusCode }: FastifyReply): AuditOutcome {
  if (statusCode < 400) return 'success'
  if (statusCode === 503) return 'unavailable'
  return statusCode < 500 ? 'refused' : 'failed'
}
