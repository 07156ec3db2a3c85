import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { createProbes, type Probes } from '../auth/probing.ts'
import { AccessDenied, TemporarilyUnavailable } from '../errors.ts'
import Type from '../schema/type.ts'
import { isLoopback } from './address.ts'
import type { AppParts } from './parts.ts'
import { errors, Health, ref, StatusAnswer } from './schemas.ts'
import type { App } from './server.ts'

const pingTimeoutMs = 2000

const figures = 'latchkey_logins_total{backend="corp",outcome="accepted"} 1024\n'

/** `/livez`, `/readyz`, `/status`, `/metrics`: for orchestrators, alarms and people. A dead directory ends none of them. */
export function operationRoutes(app: App, parts: AppParts): void {
  const probe = { tags: ['operations'], security: [], response: { 200: ref(Health), ...errors(500, 503) } }
  app.get('/livez', { schema: { operationId: 'livez', summary: 'The process answers', ...probe } }, async () => ({
    status: 'ok' as const
  }))
  app.get('/readyz', { schema: { operationId: 'readyz', summary: 'The database answers', ...probe } }, async () => {
    if (parts.isDraining() || !(await databaseAnswers(parts))) throw new TemporarilyUnavailable('not ready')
    return { status: 'ok' as const }
  })

  const probes = createProbes(parts.login.chain, parts.log)
  const operators = { onRequest: async (request: FastifyRequest) => admitOperator(request, parts) }
  app.get(
    '/status',
    {
      ...operators,
      schema: {
        operationId: 'status',
        summary: 'The state of the database, of Redis and of each backend',
        description: 'Each backend is asked whether it answers, once a second at most.',
        tags: ['operations'],
        security: [],
        response: { 200: ref(StatusAnswer), ...errors(403, 500) }
      }
    },
    async () => statusOf(parts, probes)
  )
  app.get(
    '/metrics',
    {
      ...operators,
      schema: {
        operationId: 'metrics',
        summary: 'Figures for Prometheus',
        tags: ['operations'],
        security: [],
        produces: ['text/plain'],
        response: { 200: Type.String({ examples: [figures] }), ...errors(403, 500) }
      }
    },
    async (_request, reply) => reply.type(parts.metrics.contentType).send(await parts.metrics.text())
  )
}

const forwarding = /^(x-forwarded-.*|x-real-ip|forwarded|via)$/

/**
 * Loopback is who came by no proxy at all; everybody else must be in `ops.from`, by an address that a trusted proxy
 * vouches for. A forwarded request has the proxy's own address: where no proxy is trusted, it is nobody's.
 */
function admitOperator(request: FastifyRequest, parts: AppParts): void {
  const forwarded = Object.keys(request.headers).some((name) => forwarding.test(name))
  const peer = request.socket.remoteAddress ?? ''
  if (!forwarded && isLoopback(peer)) return
  if (forwarded && parts.trustedProxies.length === 0) throw new AccessDenied()
  if (!parts.isOperator(request.ip)) throw new AccessDenied()
}

async function databaseAnswers({ pingDatabase }: AppParts): Promise<boolean> {
  const abort = new AbortController()
  const timeout = sleep(pingTimeoutMs, false, { signal: abort.signal }).catch(() => false)
  const answered = await Promise.race([
    pingDatabase().then(
      () => true,
      () => false
    ),
    timeout
  ])
  abort.abort()
  return answered
}

async function statusOf(parts: AppParts, probes: Probes): Promise<Static<typeof StatusAnswer>> {
  const [isThere, answering, shared] = await Promise.all([
    databaseAnswers(parts),
    probes(),
    parts.sharedCounters?.ping()
  ])
  const database = stateOf(isThere)
  const redis = shared && { redis: stateOf(shared.answers) }
  const backends = parts.login.chain.map(({ id, type, breaker }) => {
    const { state, lastError, since } = breaker.status()
    const at = since === null ? null : new Date(since).toISOString()
    return { id, type, answers: answering.has(id), state, last_error: lastError, since: at }
  })
  const healthy = backends.every(({ answers, state }) => answers && state === 'closed')
  const status = healthy && isThere && (shared?.answers ?? true) ? 'ok' : 'degraded'
  return { status, version: parts.version, database, ...redis, backends }
}

const stateOf = (answers: boolean): 'ok' | 'unavailable' => (answers ? 'ok' : 'unavailable')
