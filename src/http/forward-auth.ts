import type { FastifyReply, FastifyRequest } from 'fastify'
import { InsufficientScope } from '../errors.ts'
import Type from '../schema/type.ts'
import { type Bearer, bearerOf } from './bearer.ts'
import { ignoreBodies } from './bodies.ts'
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

/** `GET /auth` for gateways (nginx auth_request, Traefik ForwardAuth, Envoy ext_authz): who is behind a bearer token. */
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
      const { bearer, permissions } = await heldBy(request, parts)
      const { permission } = request.query
      if (permission !== undefined && !permissions.includes(permission)) throw new InsufficientScope()
      return headed(reply, bearer, permissions).code(204).send()
    }
  )
  envoyRoute(app, parts)
}

/** Envoy's ext_authz asks with the method of the request, its path behind a prefix and maybe its body; only 200 lets it pass. */
function envoyRoute(app: App, parts: AppParts): void {
  app.register(async (scope: App) => {
    ignoreBodies(scope)
    scope.route({
      method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
      url: '/auth/envoy/*',
      schema: { hide: true },
      handler: async (request, reply) => {
        const { bearer, permissions } = await heldBy(request, parts)
        const answer = headed(reply, bearer, permissions)
        // what is not set would be the caller's own
        if (!answer.hasHeader('x-auth-permissions'))
          answer.header('x-envoy-auth-headers-to-remove', 'x-auth-permissions')
        return answer.code(200).send()
      }
    })
  })
}

async function heldBy(
  request: FastifyRequest,
  parts: AppParts
): Promise<{ readonly bearer: Bearer; readonly permissions: readonly string[] }> {
  const bearer = await bearerOf(request, parts)
  // a digest stands in the token where the list was too long
  return { bearer, permissions: bearer.claims.permissions ?? (await livePermissions(bearer, request, parts)).names }
}

function headed(reply: FastifyReply, { claims, user }: Bearer, permissions: readonly string[]): FastifyReply {
  const list = permissions.join(' ')
  reply
    .header('x-auth-subject', user.id)
    .header('x-auth-email', asBytes(user.email))
    .header('x-auth-backend', claims.backend)
    .header('cache-control', 'no-store')
  return Buffer.byteLength(list) <= maxHeaderBytes ? reply.header('x-auth-permissions', asBytes(list)) : reply
}

/** UTF-8 as the bytes of a header, which Node takes as one character each (RFC 9110 5.5). */
const asBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
