import type { FastifyRequest } from 'fastify'
import { permissionsOf } from '../auth/permissions.ts'
import { permissionsFor, scopeOf } from '../tokens/audience.ts'
import { addressOf } from './address.ts'
import type { Bearer } from './bearer.ts'
import type { AppParts } from './parts.ts'

/**
 * What the holder of a token may do now, of what the token's audience and scope let through, and the groups.
 * @throws {TemporarilyUnavailable} as `permissionsOf` does
 */
export async function livePermissions(
  { claims, user }: Bearer,
  request: Pick<FastifyRequest, 'ip' | 'log' | 'span'>,
  { login, audiences }: AppParts
): Promise<{ readonly names: readonly string[]; readonly groups: readonly string[] }> {
  const deadline = performance.now() + login.timeoutMs
  const { log, span } = request
  const context = { log, span, clientId: claims.client_id, ip: addressOf(request), deadline }
  const { names, groups } = await permissionsOf(login.chain, user, context, login.permissions)
  const audience = audiences.find(({ id }) => id === claims.aud)
  return { names: audience ? permissionsFor(names, audience, scopeOf(claims)) : [], groups }
}
