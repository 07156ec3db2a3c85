import type { LoggedIn } from '../../auth/login.ts'
import { type IssuedToken, issueAccessToken } from '../../tokens/access-token.ts'
import { type Audience, chooseAudience, grantedScope, parseScope, permissionsFor } from '../../tokens/audience.ts'
import { type GrantRequest, ttlOf } from './grant.ts'

/** What a login is for, as the request says. */
export interface Wanted {
  readonly audience: Audience
  readonly scope: readonly string[] | undefined
}

/** The audience and the scope of a request. @throws {InvalidTarget} {InvalidScope} */
export const wantedBy = (body: { readonly scope?: string }, { target, client }: GrantRequest): Wanted => ({
  audience: chooseAudience(target, client.audiences),
  scope: parseScope(body.scope)
})

/** How somebody logged in: RFC 8176, and RFC 8693 4.1 where a client acts for them. */
export interface Manner {
  readonly amr: readonly string[]
  readonly act?: object
}

/** The answer to a login, whatever the credentials were: with a session, where the client may refresh. It ends with the proof. */
export async function issueForLogin(
  loggedIn: LoggedIn,
  { audience, scope }: Wanted,
  { client, context, parts, trail }: GrantRequest,
  manner: Manner
): Promise<IssuedToken> {
  const until = loggedIn.proof && { notAfter: loggedIn.proof.until }
  const issue = {
    ...{ loggedIn, clientId: client.id, audience, scope, log: context.log, span: context.span, trail },
    ...{ ...manner, ...ttlOf(client), ...until }
  }
  if (!client.mayUse('refresh_token')) return issueAccessToken(issue, parts.tokens)
  const granted = scope && grantedScope(scope, permissionsFor(loggedIn.permissions.names, audience, scope))
  const wanted = {
    ...{ loggedIn, clientId: client.id, audience: audience.id, scope: granted ?? null, amr: manner.amr },
    ...(client.refreshTtlSeconds === undefined ? {} : { refreshTtlMs: client.refreshTtlSeconds * 1000 })
  }
  const session = parts.sessions.begin(wanted, context.along)
  const answer = await issueAccessToken({ ...issue, sid: session.id, notAfter: session.expiresAt }, parts.tokens)
  return { ...answer, refresh_token: parts.sessions.tokenOf(session) }
}
