import type { Static } from 'typebox'
import { type LoggedIn, login } from '../../auth/login.ts'
import type { IssuedToken } from '../../tokens/access-token.ts'
import { chosenBackend } from '../client.ts'
import type { PasswordGrant } from '../schemas.ts'
import type { GrantRequest } from './grant.ts'
import { issueForLogin, wantedBy } from './issue.ts'

const amr = ['pwd'] as const

/** RFC 6749 4.3: a person's credentials in; with a session, where the client may refresh. */
export async function password(body: Static<typeof PasswordGrant>, asked: GrantRequest): Promise<IssuedToken> {
  const { client, context, parts } = asked
  const wanted = wantedBy(body, asked)
  const { username, password } = body
  const loggedIn = await login(
    { kind: 'password', username, password },
    { ...context, chain: client.chain, ...chosenBackend(body.backend, client) },
    parts.login
  )
  const warnings = String(body.warnings) === 'true' ? warningsOf(loggedIn) : {}
  return { ...(await issueForLogin(loggedIn, wanted, asked, { amr })), ...warnings }
}

/** What the backend said of the password's time, for a client that asked. */
function warningsOf({ warnings }: LoggedIn): { password_expires_in?: number; grace_logins_left?: number } {
  const { passwordExpiresInSeconds, graceLoginsLeft } = warnings ?? {}
  return {
    ...(passwordExpiresInSeconds === undefined ? {} : { password_expires_in: passwordExpiresInSeconds }),
    ...(graceLoginsLeft === undefined ? {} : { grace_logins_left: graceLoginsLeft })
  }
}
