import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Audit } from '../auth/audit.ts'
import { InvalidRequest, MethodNotAllowed, NotFound, Refusal, SlowDown, TemporarilyUnavailable } from '../errors.ts'
import { watchMethods } from './methods.ts'
import type { App } from './server.ts'

/**
 * The one place where an error becomes an answer: what is in the catalogue passes, what a schema refused names its field,
 * and all else is logged and becomes 500 without detail.
 */
export function answerErrors(app: App, { audit }: { readonly audit: Audit }): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof SlowDown) audit.limited()
    return answerError(refusalOf(error, request), request, reply)
  })
  const methodsOf = watchMethods(app)
  app.setNotFoundHandler((request, reply) => answerError(notFound(methodsOf(request.url)), request, reply))
}

/** That a path is not there, or has other methods. */
export const notFound = (methods: readonly string[]): Refusal =>
  methods.length > 0 ? new MethodNotAllowed(methods) : new NotFound()

/** Answers an error in the words of RFC 6749 5.2; none is a fault of ours. */
export function answerError(refusal: Refusal | undefined, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  writeHead(refusal, request, reply)
  if (refusal === undefined) return reply.send({ error: 'server_error', error_description: 'The service failed' })
  const { code, description, errorCode } = refusal
  const body = { error: code, error_description: description, ...(errorCode && { error_code: errorCode }) }
  return reply.send(body)
}

/** The status and the headers of an error's answer, whatever its body looks like; an outage is told in the log. */
export function writeHead(refusal: Refusal | undefined, request: FastifyRequest, reply: FastifyReply): void {
  reply.code(refusal?.statusCode ?? 500)
  reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
  if (refusal instanceof TemporarilyUnavailable) request.log.warn({ err: refusal }, 'temporarily unavailable')
  if (refusal?.retryAfterSeconds !== undefined) reply.header('retry-after', refusal.retryAfterSeconds)
  if (refusal?.challenge !== undefined) reply.header('www-authenticate', refusal.challenge)
  if (refusal instanceof MethodNotAllowed) reply.header('allow', refusal.allow)
}

/** What a caller may see of an error: an entry of the catalogue, or nothing of what is in the log now. */
export function refusalOf(error: FastifyError, request: FastifyRequest): Refusal | undefined {
  if (error instanceof Refusal) return error
  if (error.validation) return new InvalidRequest(describe(error, request), error)
  const status = error.statusCode ?? 500
  if (status >= 400 && status < 500) {
    return new Refusal('invalid_request', {
      description: texts[status] ?? 'The request is malformed',
      statusCode: status
    })
  }
  request.log.error({ err: error }, 'request failed')
  return undefined
}

const texts: Readonly<Record<number, string>> = {
  408: 'The request took too long',
  413: 'The body is too large',
  414: 'The address is too long',
  415: 'The content type must be application/x-www-form-urlencoded or application/json'
}

/** Names the field and what was expected of it; never the value. */
function describe({ validation, validationContext: where = 'body' }: FastifyError, { body }: FastifyRequest): string {
  if (where === 'body' && body === undefined) return 'The body is missing'
  const [first] = validation ?? []
  if (first === undefined) return 'The request is malformed'
  const { instancePath, keyword, params, message } = first
  const field = instancePath.slice(1).replaceAll('/', '.')
  if (keyword === 'additionalProperties') return `${where}: unknown parameter ${quoted(params.additionalProperty)}`
  if (keyword === 'required') return `${where}: ${quoted(params.missingProperty)} is missing`
  // The pattern itself has quotes and backslashes, which RFC 6749 5.2 keeps out of error_description.
  const wrong = keyword === 'pattern' ? 'has characters that are not allowed' : (message ?? 'is malformed')
  return `${where}${field === '' ? '' : `: ${quoted(field)}`} ${wrong}`
}

/** A name that the caller chose may hold anything: RFC 6749 5.2 allows few characters in error_description. */
const quoted = (name: unknown): string =>
  `'${String(name)
    .replace(/[^\w.-]/g, '?')
    .slice(0, 60)}'`
