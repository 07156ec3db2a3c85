import type { FastifyRequest } from 'fastify'
import { type Entity, isUser } from '../../auth/evaluation.ts'
import { isSuperuser, permissionsOf } from '../../auth/permissions.ts'
import type { RequestContext } from '../../auth/question.ts'
import { InsufficientScope, InvalidToken } from '../../errors.ts'
import type { Audience } from '../../tokens/audience.ts'
import { permissionsFor } from '../../tokens/audience.ts'
import { checkClientClaims } from '../../tokens/verify.ts'
import { addressOf } from '../address.ts'
import { audited } from '../audited.ts'
import { type Bearer, claimsOfToken, holderOf } from '../bearer.ts'
import { confidentialClientOf } from '../client.ts'
import type { ClientParameters } from '../client-proof.ts'
import type { AppParts } from '../parts.ts'

/** Who asks: a service that proved who it is, or somebody with a token. */
export type Caller =
  | { readonly kind: 'client'; readonly id: string; readonly ip: string }
  | { readonly kind: 'bearer'; readonly bearer: Bearer }

const evaluatePermission = 'latchkey.evaluate'

/**
 * Who is behind a request: a confidential client in one of its ways or by a token of its own, or the bearer of a user's token.
 * Tokens count where their audience is the issuer.
 * @throws {InvalidToken} {InvalidClient} {InvalidRequest}
 */
export async function callerOf(request: FastifyRequest, body: ClientParameters, parts: AppParts): Promise<Caller> {
  const { authorization } = request.headers
  const [, token] = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization ?? '') ?? []
  if (token !== undefined) return callerOfToken(request, token, parts)
  const hasProof =
    authorization !== undefined || body.client_secret !== undefined || body.client_assertion !== undefined
  if (!hasProof) throw new InvalidToken('no token', { none: true })
  if (/^Bearer( |$)/i.test(authorization ?? '')) throw new InvalidToken('malformed')
  const { id, ip } = await audited(
    'evaluation',
    request,
    parts,
    ({ trail }) => confidentialClientOf(request, body, trail, parts),
    () => true
  )
  return { kind: 'client', id, ip }
}

async function callerOfToken(request: FastifyRequest, token: string, parts: AppParts): Promise<Caller> {
  const verified = await claimsOfToken(request, token, parts)
  const audiences = parts.audiences.slice(0, 1)
  const own = checkClientClaims(verified, {
    issuer: parts.tokens.issuer,
    audiences: new Set(audiences.map(({ id }) => id)),
    nowSeconds: parts.tokens.now() / 1000
  })
  if (own === undefined) return { kind: 'bearer', bearer: await holderOf(verified, { ...parts, audiences }) }
  const [client, isRevoked] = await Promise.all([
    parts.clients.registry.byId(own.client_id),
    parts.sessions.store.isRevoked({ jti: own.jti, sid: '' })
  ])
  if (!client || isRevoked) throw new InvalidToken('the client is gone, or the token was revoked')
  return { kind: 'client', id: client.id, ip: addressOf(request) }
}

/** What goes along with a caller's questions to the backends. */
export function contextOf(caller: Caller, request: FastifyRequest, { login }: AppParts): RequestContext {
  const asked = caller.kind === 'client' ? caller : { id: caller.bearer.claims.client_id, ip: addressOf(request) }
  const { log, span } = request
  return { log, span, clientId: asked.id, ip: asked.ip, deadline: performance.now() + login.timeoutMs }
}

/**
 * Whether a caller may ask about these subjects (none: about everybody): a client about all, a bearer about itself, a holder
 * of `latchkey.evaluate` about all. Whoever may ask about others learns the reasons, too: they name groups and backends.
 * @throws {InsufficientScope}
 */
export async function mayAsk(
  caller: Caller,
  subjects: readonly Entity[],
  request: FastifyRequest,
  parts: AppParts
): Promise<{ readonly learnsReasons: boolean }> {
  if (caller.kind === 'client') return { learnsReasons: true }
  const { user } = caller.bearer
  if (subjects.length > 0 && subjects.every((subject) => isUser(subject, user))) return { learnsReasons: false }
  if (!(await mayEvaluate(caller.bearer, contextOf(caller, request, parts), parts))) throw new InsufficientScope()
  return { learnsReasons: true }
}

/** As of now, and no more than the token's scope leaves. */
async function mayEvaluate({ user, claims }: Bearer, context: RequestContext, parts: AppParts): Promise<boolean> {
  const { chain, permissions } = parts.login
  const { names } = await permissionsOf(chain, user, context, permissions)
  const held = user.isActive && isSuperuser(chain, user) ? [...names, evaluatePermission] : names
  const [issuer] = parts.audiences as readonly [Audience]
  const scope = claims.scope?.split(' ').filter((name) => name !== '')
  return permissionsFor(held, issuer, scope).includes(evaluatePermission)
}
