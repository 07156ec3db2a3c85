import type { FastifyRequest } from 'fastify'
import type { AuditKind } from '../auth/audit.ts'
import { traced } from '../auth/tracing.ts'
import { InvalidRequest, UnsupportedGrantType } from '../errors.ts'
import type { IssuedToken } from '../tokens/access-token.ts'
import { type Audited, audited } from './audited.ts'
import { addressLimit, clientOf } from './client.ts'
import type { ClientParameters } from './client-proof.ts'
import { clientCredentials } from './grants/client-credentials.ts'
import { exchange } from './grants/exchange.ts'
import { type GrantRequest, grantContext } from './grants/grant.ts'
import { password } from './grants/password.ts'
import { proxy, takesHeaders } from './grants/proxy.ts'
import { refresh } from './grants/refresh.ts'
import type { AppParts } from './parts.ts'
import { errors, type Grant, grants, proxyGrant, ref, TokenAnswer, TokenRequest, tokenExchange } from './schemas.ts'
import type { App } from './server.ts'
import { recognised } from './token-query.ts'

/** `POST /token` (RFC 6749 3.2): credentials or a token in, a signed access token out. */
export function tokenRoute(app: App, parts: AppParts): void {
  app.post(
    '/token',
    {
      config: { rateLimit: addressLimit(parts) },
      preValidation: async (request) => readGrant(request, parts),
      onSend: (_request, reply, _payload, done) => {
        reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
        done()
      },
      schema: {
        operationId: 'token',
        summary: 'Get an access token',
        description:
          'The grants `password` (RFC 6749 4.3, for first-party services), `refresh_token` (6), `client_credentials` (4.4) ' +
          'and token exchange (RFC 8693: a token of ours, or of an issuer that a backend takes); where a backend `proxy` is configured, ' +
          '`urn:latchkey:params:oauth:grant-type:proxy`, a login by the headers of a proxy. ' +
          'A form, or JSON as an extension, where `grant_type` defaults to `password`. In a form, empty and unknown parameters are ignored (RFC 6749 3.2); in JSON they are refused. No parameter may come ' +
          'twice but `audience` and `resource`.',
        tags: ['tokens'],
        security: [],
        consumes: ['application/x-www-form-urlencoded', 'application/json'],
        body: ref(TokenRequest),
        response: { 200: ref(TokenAnswer), ...errors(400, 401, 413, 415, 429, 500, 503) }
      }
    },
    async (request) => {
      const { body } = request
      const kind = auditKindOf[body.grant_type]
      return audited(kind, request, parts, (act) => grant(request, body, parts, act))
    }
  )
}

/** As what each grant is written down: one that is missing here does not compile. */
export const auditKindOf: Readonly<Record<Grant['grant_type'], AuditKind>> = {
  password: 'login',
  refresh_token: 'refresh',
  client_credentials: 'client_token',
  [tokenExchange]: 'exchange',
  [proxyGrant]: 'login'
}

async function grant(request: FastifyRequest, body: Grant, parts: AppParts, act: Audited): Promise<IssuedToken> {
  const { span } = request
  span?.tell({ 'latchkey.grant_type': body.grant_type })
  const asked = { grant: body.grant_type, trail: act.trail }
  const client = await traced({ span }, 'client.authenticate', () =>
    clientOf(request, body as ClientParameters, asked, parts)
  )
  span?.tell({ 'latchkey.client.id': client.id })
  return answer(body, { client, request, parts, ...grantContext(body, client, request, act) })
}

function answer(body: Grant, asked: GrantRequest): Promise<IssuedToken> {
  if (body.grant_type === 'password') return password(body, asked)
  if (body.grant_type === 'refresh_token') return refresh(body, asked)
  if (body.grant_type === tokenExchange) return exchange(body, asked)
  if (body.grant_type === proxyGrant) return proxy(body, asked)
  return clientCredentials(body, asked)
}

const byName = new Map(grants.map((grant) => [grant.properties.grant_type.const, grant]))

/** The grants that work. */
export const grantTypes = ({ login }: Pick<AppParts, 'login'>): readonly Grant['grant_type'][] =>
  [...byName.keys()].filter((name) => name !== proxyGrant || takesHeaders(login.chain))

/** Chooses the grant before its shape is looked at, so that an unknown one is called so (RFC 6749 5.2). */
function readGrant(request: FastifyRequest, parts: AppParts): void {
  const { body } = request
  if (body === undefined) throw new InvalidRequest('The body is missing')
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new InvalidRequest('The body must be an object')
  const fields = body as Record<string, unknown>
  const isForm = !/^application\/json/i.test(request.headers['content-type'] ?? '')
  if (!isForm && fields.grant_type === undefined) fields.grant_type = 'password'
  const name = fields.grant_type
  if (name === undefined || name === '') throw new InvalidRequest("body: 'grant_type' is missing")
  if (typeof name !== 'string') throw new InvalidRequest("body: 'grant_type' must be one string")
  const type = grantTypes(parts).find((known) => known === name)
  const grant = type && byName.get(type)
  if (grant === undefined) throw new UnsupportedGrantType()
  if (isForm) request.body = recognised(fields, grant.properties)
}
