import type { FastifyRequest } from 'fastify'
import { login } from '../auth/login.ts'
import { InvalidRequest, UnsupportedGrantType } from '../errors.ts'
import { issueAccessToken } from '../tokens/access-token.ts'
import { chooseAudience, parseScope } from '../tokens/audience.ts'
import { addressLimit, chosenBackend, clientOf, tokensFor } from './client.ts'
import type { AppParts } from './parts.ts'
import { errors, PasswordGrant, ref, TokenAnswer } from './schemas.ts'
import type { App } from './server.ts'

/** The grants that work. */
export const grantTypes = ['password'] as const

/** `POST /token` (RFC 6749 3.2): a person's credentials in, a signed access token out. */
export function tokenRoute(app: App, parts: AppParts): void {
  app.post(
    '/token',
    {
      config: { rateLimit: addressLimit(parts) },
      preValidation: async (request) => readGrant(request),
      onSend: async (_request, reply) => {
        reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      },
      schema: {
        operationId: 'token',
        summary: 'Get an access token',
        description:
          'The grant `password` of RFC 6749 4.3 for first-party services. A form, or JSON as an extension, where ' +
          '`grant_type` defaults to `password`. In a form, empty and unknown parameters are ignored (RFC 6749 3.2); in ' +
          'JSON they are refused. No parameter may come twice but `audience` and `resource`.',
        tags: ['tokens'],
        security: [],
        consumes: ['application/x-www-form-urlencoded', 'application/json'],
        body: ref(PasswordGrant),
        response: { 200: ref(TokenAnswer), ...errors(400, 401, 413, 415, 429, 500, 503) }
      }
    },
    async (request) => {
      const { body, log } = request
      const client = await clientOf(request, body, body.grant_type, parts)
      const audience = chooseAudience(
        { audience: list(body.audience), resource: list(body.resource) },
        client.audiences
      )
      const scope = parseScope(body.scope)
      const { username, password } = body
      const isGone = (): boolean => request.raw.socket.destroyed
      const asked = {
        log,
        clientId: client.id,
        ip: client.ip,
        isGone,
        chain: client.chain,
        ...chosenBackend(body.backend, client)
      }
      const loggedIn = await login({ kind: 'password', username, password }, asked, parts.login)
      const asks = { loggedIn, clientId: client.id, audience, scope, amr: ['pwd'], log }
      return issueAccessToken(asks, tokensFor(client, parts))
    }
  )
}

const list = (value: string | string[] | undefined): readonly string[] => [value ?? []].flat()

/** Chooses the grant before its shape is looked at, so that an unknown one is called so (RFC 6749 5.2). */
function readGrant(request: FastifyRequest): void {
  const { body } = request
  if (body === undefined) throw new InvalidRequest('The body is missing')
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new InvalidRequest('The body must be an object')
  const fields = body as Record<string, unknown>
  const isForm = !/^application\/json/i.test(request.headers['content-type'] ?? '')
  if (!isForm && fields.grant_type === undefined) fields.grant_type = 'password'
  const grant = fields.grant_type
  if (grant === undefined || grant === '') throw new InvalidRequest("body: 'grant_type' is missing")
  if (typeof grant !== 'string') throw new InvalidRequest("body: 'grant_type' must be one string")
  if (!grantTypes.some((known) => known === grant)) throw new UnsupportedGrantType()
  if (isForm) request.body = recognised(fields)
}

/** RFC 6749 3.2: parameters without a value are as if omitted, and unrecognised ones are ignored. */
function recognised(fields: Record<string, unknown>): Record<string, unknown> {
  const known = Object.entries(fields).filter(
    ([name, value]) => Object.hasOwn(PasswordGrant.properties, name) && value !== ''
  )
  return Object.fromEntries(known)
}
