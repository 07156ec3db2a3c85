import type { Static } from 'typebox'
import { LoginOver, logInAgain } from '../../auth/log-in-again.ts'
import type { LoggedIn } from '../../auth/login.ts'
import { matchesAny } from '../../auth/pattern.ts'
import { traced } from '../../auth/tracing.ts'
import { InvalidGrant, InvalidScope, InvalidTarget } from '../../errors.ts'
import { type IssuedToken, issueAccessToken } from '../../tokens/access-token.ts'
import { type Audience, chooseAudience, parseScope } from '../../tokens/audience.ts'
import type { Session } from '../../tokens/session-store.ts'
import type { RefreshGrant } from '../schemas.ts'
import { type GrantRequest, ttlOf } from './grant.ts'

/**
 * RFC 6749 6: the backend that authenticated is asked again, then the refresh token is rotated; never more than the session
 * has, less on request.
 */
export async function refresh(body: Static<typeof RefreshGrant>, asked: GrantRequest): Promise<IssuedToken> {
  const { client, context, parts, trail } = asked
  const { sessions } = parts
  const session = await traced(context, 'session.find', () =>
    sessions.find(body.refresh_token, client.id, context.log, trail)
  )
  const audience = audienceOf(session, asked)
  const scope = scopeOf(session, body.scope)
  const loggedIn = await traced(context, 'login.again', (within) => again(session, { ...asked, context: within }))
  const rotated = sessions.rotate(session, context.along, context.log)
  const answer = await issueAccessToken(
    {
      ...{ loggedIn, clientId: client.id, audience, scope, amr: session.amr, log: context.log, sid: session.id },
      ...{ notAfter: session.expiresAt, trail, span: context.span, ...ttlOf(client) },
      // The session began with an exchange, in which the client acts for the user (RFC 8693 4.1).
      ...(loggedIn.backend.backend.takes.includes('token') ? { act: { sub: client.id } } : {})
    },
    parts.tokens
  )
  // the event of the refresh stands in the log as well
  context.log.debug(
    { event: 'refreshed', session: session.id, user: session.userId, backend: session.backend, client: client.id },
    'refreshed'
  )
  return { ...answer, refresh_token: sessions.tokenOf(rotated) }
}

/** The session's own audience, for as long as it is the client's. @throws {InvalidTarget} another one is asked for */
function audienceOf({ audience }: Session, { target, client }: GrantRequest): Audience {
  const own = client.audiences.filter(({ id }) => id === audience)
  if (own.length === 0) throw new InvalidGrant('its audience is no longer the client’s', { reason: 'not-for-client' })
  if ([...target.audience, ...target.resource].some((name) => name !== audience)) throw new InvalidTarget()
  return chooseAudience(target, own)
}

/** @throws {InvalidScope} RFC 6749 6: more than the session has is asked for */
function scopeOf(session: Session, asked: string | undefined): readonly string[] | undefined {
  const granted = session.scope === null ? undefined : session.scope.split(' ').filter((name) => name !== '')
  const wanted = parseScope(asked)
  if (wanted === undefined || granted === undefined) return wanted ?? granted
  if (!wanted.every((name) => granted.includes(name) || matchesAny(granted, name))) throw new InvalidScope()
  return wanted
}

async function again(session: Session, { client, context, parts }: GrantRequest): Promise<LoggedIn> {
  const deadline = performance.now() + parts.login.timeoutMs
  try {
    return await logInAgain(session, { ...context, deadline }, client.chain, parts.login)
  } catch (error) {
    if (!(error instanceof LoginOver)) throw error
    await parts.sessions.end(session, error.reason, context.log)
    throw new InvalidGrant(error, { reason: 'login-over' })
  }
}
