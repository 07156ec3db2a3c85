import type { FastifyRequest } from 'fastify'
import { type Actor, demand } from '../../admin/actor.ts'
import { isSuperuser } from '../../auth/permissions.ts'
import type { User } from '../../auth/user-store.ts'
import { InvalidToken } from '../../errors.ts'
import { scopeOf } from '../../tokens/audience.ts'
import type { AccessClaims } from '../../tokens/verify.ts'
import type { Asker } from '../audited-scope.ts'
import { type Bearer, bearerOf } from '../bearer.ts'
import { livePermissions } from '../live-permissions.ts'
import type { AppParts } from '../parts.ts'

/** What a route asks of its caller: one of the service's own permissions, or no more than to be a user of ours. */
export type Access = `latchkey.${string}` | 'self'

/** Who calls, and what they may do at this moment. */
export interface Caller {
  readonly user: User
  readonly claims: AccessClaims
  /** With what the token's scope leaves of the permissions; nobody is a superuser by a token that was narrowed. */
  readonly actor: Actor
}

const callers = new WeakMap<FastifyRequest, Caller>()

const askers = new WeakMap<FastifyRequest, Asker>()

/** Who asks, also where the right is missing. */
export const askerOf = (request: FastifyRequest): Asker | undefined => askers.get(request)

/** The same where somebody does: in every route of a guarded scope. */
export function askerBehind(request: FastifyRequest): Asker {
  const asker = askers.get(request)
  if (asker === undefined) throw new Error('a route outside of a guarded scope writes down who asked')
  return asker
}

/** Who calls; known in every route of a guarded scope. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request)
  if (caller === undefined) throw new Error('a route outside of a guarded scope asks who calls')
  return caller
}

/**
 * Lets a request in whose bearer has what the route asks for: a live user of ours, by a token for the issuer itself, with the
 * permission as it is now.
 * @param access absent for what is no route: nobody without a token learns that it is none
 * @throws {InvalidToken} {InsufficientScope} {TemporarilyUnavailable} the permissions can't be told now
 */
export async function admit(request: FastifyRequest, access: Access | undefined, parts: AppParts): Promise<void> {
  const bearer = await bearerOf(request, parts)
  askers.set(request, { user: bearer.user.id, client: bearer.claims.client_id })
  if (bearer.claims.aud !== parts.tokens.issuer) throw new InvalidToken('for another audience')
  const needsPermissions = access !== undefined && access !== 'self'
  const caller = needsPermissions ? await withPermissions(bearer, request, parts) : alone(bearer)
  if (needsPermissions) demand(caller.actor, access)
  callers.set(request, caller)
}

const noPermissions: ReadonlySet<string> = new Set()

const alone = ({ user, claims }: Bearer): Caller => ({
  ...{ user, claims },
  actor: { kind: 'user', id: user.id, isSuperuser: false, permissions: noPermissions }
})

async function withPermissions(bearer: Bearer, request: FastifyRequest, parts: AppParts): Promise<Caller> {
  const { names } = await livePermissions(bearer, request, parts)
  const { user, claims } = bearer
  const isAll = user.isActive && scopeOf(claims) === undefined && isSuperuser(parts.login.chain, user)
  return { user, claims, actor: { kind: 'user', id: user.id, isSuperuser: isAll, permissions: new Set(names) } }
}
