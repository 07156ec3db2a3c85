import type { FastifyRequest } from 'fastify'
import { InvalidToken, UnauthorizedClient } from '../errors.ts'
import { isIssued } from '../tokens/verify.ts'
import { type Audited, audited } from './audited.ts'
import { claimsOfToken } from './bearer.ts'
import { authenticateClient, type Client } from './client.ts'
import type { AppParts } from './parts.ts'
import { errors, ref, TokenQuery } from './schemas.ts'
import type { App } from './server.ts'
import { readForm } from './token-query.ts'

/**
 * `POST /revoke` (RFC 7009): ends the session of a refresh token, or one access token, for the client that it was issued to.
 * 200 says that it is dead, or was no token; where that could not be written down, the answer is 503.
 */
export function revokeRoute(app: App, parts: AppParts): void {
  app.post(
    '/revoke',
    {
      preValidation: async (request) => readForm(request, TokenQuery),
      schema: {
        operationId: 'revoke',
        summary: 'Revoke a token',
        description:
          'A refresh token ends its session and all access tokens of it; an access token ends itself alone. 200 also for ' +
          'what is no token of ours (RFC 7009 2.2). A public client may revoke its own.',
        tags: ['tokens'],
        security: [{ client: [] }, {}],
        consumes: ['application/x-www-form-urlencoded', 'application/json'],
        body: ref(TokenQuery),
        response: { 200: { type: 'null', description: 'It is dead' }, ...errors(400, 401, 413, 415, 429, 500, 503) }
      }
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      await audited(
        'revocation',
        request,
        parts,
        async ({ trail }) => {
          const client = await authenticateClient(request, request.body, trail, parts)
          return revoke(request, request.body.token, { client, trail }, parts)
        },
        (isRevoked) => !isRevoked
      )
      // RFC 7009 2.2: the status says it all
      return reply.code(200).send(undefined as never)
    }
  )
}

/** Whether there was anything to revoke. */
async function revoke(
  request: FastifyRequest,
  token: string,
  { client, trail }: { readonly client: Client } & Pick<Audited, 'trail'>,
  parts: AppParts
): Promise<boolean> {
  const { sessions } = parts
  const session = await sessions.owned(token, client.id)
  if (session) {
    const { id, userId, backend, subject } = session
    Object.assign(trail, { session: id, user: userId, backend, subject })
    await sessions.end(session, 'revoked', request.log)
    return true
  }
  const claims = await claimsOfToken(request, token, parts).catch((error) => {
    if (error instanceof InvalidToken) return undefined
    throw error
  })
  if (!isIssued(claims)) return false
  const { jti, sid, backend, aud } = claims
  Object.assign(trail, {
    jti,
    audience: aud,
    ...(backend === undefined ? {} : { user: claims.sub, backend, session: sid })
  })
  if (claims.client_id !== client.id) throw new UnauthorizedClient('The token was issued to another client')
  await sessions.store.revoke(claims.jti, claims.exp * 1000)
  request.log.info({ event: 'token_revoked', jti: claims.jti, client: client.id }, 'token revoked')
  return true
}
