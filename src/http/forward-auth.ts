import type { FastifyReply } from 'fastify'
import { InsufficientScope } from '../errors.ts'
import Type from '../schema/type.ts'
import { type Bearer, bearerOf } from './bearer.ts'
import { livePermissions } from './live-permissions.ts'
import type { AppParts } from './parts.ts'
import { errors } from './schemas.ts'
import type { App } from './server.ts'

/** A gateway's buffer for all headers of an answer is often no larger. */
const maxHeaderBytes = 4096

const Query = Type.Object(
  { permission: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'Needed, or 403' })) },
  { additionalProperties: true }
)

/** `GET /auth` for gateways (nginx auth_request, Traefik ForwardAuth): who is behind a bearer token. */
export function forwardAuthRoute(app: App, parts: AppParts): void {
  app.get(
    '/auth',
    {
      schema: {
        operationId: 'auth',
        summary: 'Check a token for a gateway',
        description:
          '204 with `X-Auth-Subject`, `X-Auth-Email`, `X-Auth-Backend` and `X-Auth-Permissions` (separated by spaces; left ' +
          'out where longer than 4 KiB), 401 with a challenge, 403 where the token does not carry `permission`.',
        tags: ['tokens'],
        security: [{ bearer: [] }],
        querystring: Query,
        response: { 204: { type: 'null', description: 'The token is good' }, ...errors(400, 401, 403, 500, 503) }
      }
    },
    async (request, reply) => {
      const bearer = await bearerOf(request, parts)
      const { permission } = request.query
      // a digest stands in the token where the list was too long
      const permissions = bearer.claims.permissions ?? (await livePermissions(bearer, request, parts)).names
      if (permission !== undefined && !permissions.includes(permission)) throw new InsufficientScope()
      return headed(reply, bearer, permissions).header('cache-control', 'no-store').code(204).send()
    }
  )
}

function headed(reply: FastifyReply, { claims, user }: Bearer, permissions: readonly string[]): FastifyReply {
  const list = permissions.join(' ')
  reply
    .header('x-auth-subject', user.id)
    .header('x-auth-email', asBytes(user.email))
    .header('x-auth-backend', claims.backend)
  return Buffer.byteLength(list) <= maxHeaderBytes ? reply.header('x-auth-permissions', asBytes(list)) : reply
}

/** UTF-8 as the bytes of a header, which Node takes as one character each (RFC 9110 5.5). */
const asBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
