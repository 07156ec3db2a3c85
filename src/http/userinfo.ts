import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { ownClaims, personClaims } from '../tokens/access-token.ts'
import { bearerOf } from './bearer.ts'
import { livePermissions } from './live-permissions.ts'
import type { AppParts } from './parts.ts'
import { errors, ref, UserInfo } from './schemas.ts'
import type { App } from './server.ts'

/** `GET` and `POST /userinfo` (OpenID Connect core 5.3): the live user behind a bearer token, with the permissions of now. */
export function userinfoRoute(app: App, parts: AppParts): void {
  const schema = {
    summary: 'The user behind a token',
    description: 'The user as the database has it now; 401 when the user is gone or inactive.',
    tags: ['tokens'],
    security: [{ bearer: [] }],
    response: { 200: ref(UserInfo), ...errors(401, 500, 503) }
  }
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<Static<typeof UserInfo>> => {
    reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
    return userinfoOf(request, parts)
  }
  app.get('/userinfo', { schema: { operationId: 'userinfo', ...schema } }, handler)
  app.post('/userinfo', { schema: { operationId: 'userinfoByPost', ...schema } }, handler)
}

async function userinfoOf(request: FastifyRequest, parts: AppParts): Promise<Static<typeof UserInfo>> {
  const bearer = await bearerOf(request, parts)
  const { claims, user } = bearer
  const { names, groups } = await livePermissions(bearer, request, parts)
  const { firstName, lastName, initials, employeeNumber } = user.attributes
  return {
    ...ownClaims(user, parts.tokens.claims),
    sub: user.id,
    ...personClaims(user),
    ...text('given_name', firstName),
    ...text('family_name', lastName),
    ...text('initials', initials),
    ...text('employee_number', employeeNumber),
    updated_at: Math.floor(user.updatedAt / 1000),
    backend: claims.backend,
    permissions: [...names],
    groups: [...groups]
  }
}

const text = <Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> =>
  value === undefined ? {} : ({ [name]: String(value) } as Record<Name, string>)
