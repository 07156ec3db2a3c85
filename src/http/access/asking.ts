import type { FastifyRequest } from 'fastify'
import { createEvaluator, type Evaluator } from '../../auth/evaluation.ts'
import { InvalidRequest, InvalidToken, Refusal } from '../../errors.ts'
import type { ClientParameters } from '../client-proof.ts'
import type { AppParts } from '../parts.ts'
import type { App } from '../server.ts'
import { type Caller, callerOf, contextOf } from './caller.ts'

const callers = new WeakMap<FastifyRequest, Caller>()

/** Who asks is known before the body is read, but for clients that prove it in the body: before it is looked at. */
export function askWhoFirst(routes: App, parts: AppParts): void {
  routes.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
    if (request.headers.authorization === undefined) return
    callers.set(request, await callerOf(request, {}, parts))
  })
  routes.addHook('preParsing', async (request) => {
    // The specification knows no other status for a wrong content type.
    if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''))
      throw new InvalidRequest('The content type must be application/json')
  })
  routes.addHook('preValidation', async (request) => {
    if (!callers.has(request)) callers.set(request, await callerOf(request, proofIn(request.body), parts))
  })
  routes.setErrorHandler((error, request) => {
    const isAnswer = error instanceof Refusal && error.statusCode !== 400
    throw callers.has(request) || isAnswer ? error : new InvalidToken('no token', { none: true })
  })
}

/** How a client may prove in the body who it is, whatever else stands there. */
function proofIn(body: unknown): ClientParameters {
  const { client_id, client_secret, client_assertion, client_assertion_type } = Object(body)
  const given = { client_id, client_secret, client_assertion, client_assertion_type }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'string' && value !== ''))
}

/** Who asks. */
export function callerBehind(request: FastifyRequest): Caller {
  const caller = callers.get(request)
  if (caller === undefined) throw new InvalidToken('no token', { none: true })
  return caller
}

/** What answers a request's questions. */
export const evaluatorFor = (request: FastifyRequest, parts: AppParts): Evaluator => {
  const { chain, store, permissions } = parts.login
  const context = contextOf(callerBehind(request), request, parts)
  return createEvaluator(context, { chain, store, permissions, search: parts.permissionSearch })
}
