import type { Static } from 'typebox'
import { permissionsOf } from '../../auth/permissions.ts'
import { InvalidRequest, InvalidToken } from '../../errors.ts'
import { type IssuedToken, issueAccessToken } from '../../tokens/access-token.ts'
import { chooseAudience, parseScope, permissionsFor } from '../../tokens/audience.ts'
import { type Bearer, holderOfToken } from '../bearer.ts'
import { accessTokenType, type TokenExchangeGrant } from '../schemas.ts'
import { type GrantRequest, ttlOf } from './grant.ts'

const jwtType = 'urn:ietf:params:oauth:token-type:jwt'

/**
 * RFC 8693: a token of ours for another audience of the client's, with what the user may do there now; the public client
 * gets no more than the subject token holds. It ends with the session, or else with the subject token.
 */
export async function exchange(body: Static<typeof TokenExchangeGrant>, asked: GrantRequest): Promise<IssuedToken> {
  const { client, context, parts, trail } = asked
  refuseUnsupported(body)
  const audience = chooseAudience(asked.target, client.audiences)
  const scope = parseScope(body.scope)
  const { claims, user } = await subjectOf(body.subject_token, asked)
  Object.assign(trail, { user: user.id, backend: claims.backend, session: claims.sid })
  const backend = parts.login.chain.find(({ id }) => id === claims.backend)
  if (!backend) throw invalidSubject()
  const deadline = performance.now() + parts.login.timeoutMs
  const permissions = await permissionsOf(parts.login.chain, user, { ...context, deadline }, parts.login.permissions)
  const session = await parts.sessions.store.byId(claims.sid)
  const loggedIn = { user, backend, subject: '', permissions, at: (claims.auth_time ?? claims.iat) * 1000 }
  const answer = await issueAccessToken(
    {
      ...{ loggedIn, clientId: client.id, audience, scope, amr: claims.amr ?? [], sid: claims.sid, log: context.log },
      trail,
      notAfter: session?.expiresAt ?? claims.exp * 1000,
      act: { sub: client.id, ...(claims.act ? { act: claims.act } : {}) },
      ...ttlOf(client),
      ...(!client.isConfidential ? { within: held({ claims, user }, permissions.names, asked) } : {})
    },
    parts.tokens
  )
  context.log.info(
    { event: 'exchanged', user: user.id, backend: backend.id, client: client.id, audience: audience.id },
    'exchanged'
  )
  return { ...answer, issued_token_type: accessTokenType }
}

function refuseUnsupported(body: Static<typeof TokenExchangeGrant>): void {
  if (body.actor_token !== undefined || body.actor_token_type !== undefined) {
    throw new InvalidRequest('Actor tokens are not taken: the client that asks is the actor')
  }
  if (![accessTokenType, jwtType].includes(body.subject_token_type)) {
    throw new InvalidRequest('This subject_token_type is not taken')
  }
  if (![undefined, accessTokenType, jwtType].includes(body.requested_token_type)) {
    throw new InvalidRequest('This requested_token_type is not issued')
  }
}

/** RFC 8693 2.2.2: a bad subject token is a bad request. */
async function subjectOf(token: string, { request, parts }: GrantRequest): Promise<Bearer> {
  try {
    return await holderOfToken(request, token, parts)
  } catch (error) {
    throw error instanceof InvalidToken ? invalidSubject(error) : error
  }
}

const invalidSubject = (cause?: unknown): InvalidRequest =>
  new InvalidRequest('The subject_token is not a valid access token of this service', cause)

/** What the subject token holds of the permissions of now. */
function held({ claims }: Bearer, names: readonly string[], { parts }: GrantRequest): readonly string[] {
  const { permissions } = claims
  if (permissions) return names.filter((name) => permissions.includes(name))
  const audience = parts.audiences.find(({ id }) => id === claims.aud)
  return audience ? permissionsFor(names, audience, claims.scope?.split(' ')) : []
}
