import type { Static } from 'typebox'
import { type LoggedIn, login } from '../../auth/login.ts'
import { type IssuedToken, issueAccessToken } from '../../tokens/access-token.ts'
import { chooseAudience, grantedScope, parseScope, permissionsFor } from '../../tokens/audience.ts'
import { chosenBackend } from '../client.ts'
import type { PasswordGrant } from '../schemas.ts'
import { type GrantRequest, ttlOf } from './grant.ts'

const amr = ['pwd'] as const

/** RFC 6749 4.3: a person's credentials in; with a session, where the client may refresh. */
export async function password(body: Static<typeof PasswordGrant>, asked: GrantRequest): Promise<IssuedToken> {
  const { client, context, parts, trail } = asked
  const audience = chooseAudience(asked.target, client.audiences)
  const scope = parseScope(body.scope)
  const { username, password } = body
  const loggedIn = await login(
    { kind: 'password', username, password },
    { ...context, chain: client.chain, ...chosenBackend(body.backend, client) },
    parts.login
  )
  const issue = { loggedIn, clientId: client.id, audience, scope, amr, log: context.log, trail, ...ttlOf(client) }
  const warnings = String(body.warnings) === 'true' ? warningsOf(loggedIn) : {}
  if (!client.mayUse('refresh_token')) return { ...(await issueAccessToken(issue, parts.tokens)), ...warnings }
  const granted = scope && grantedScope(scope, permissionsFor(loggedIn.permissions.names, audience, scope))
  const session = await parts.sessions.begin({
    ...{ loggedIn, clientId: client.id, audience: audience.id, scope: granted ?? null, amr },
    ...(client.refreshTtlSeconds === undefined ? {} : { refreshTtlMs: client.refreshTtlSeconds * 1000 })
  })
  const answer = await issueAccessToken({ ...issue, sid: session.id, notAfter: session.expiresAt }, parts.tokens)
  return { ...answer, refresh_token: parts.sessions.tokenOf(session), ...warnings }
}

/** What the backend said of the password's time, for a client that asked. */
function warningsOf({ warnings }: LoggedIn): { password_expires_in?: number; grace_logins_left?: number } {
  const { passwordExpiresInSeconds, graceLoginsLeft } = warnings ?? {}
  return {
    ...(passwordExpiresInSeconds === undefined ? {} : { password_expires_in: passwordExpiresInSeconds }),
    ...(graceLoginsLeft === undefined ? {} : { grace_logins_left: graceLoginsLeft })
  }
}
