import type { Static } from 'typebox'
import { type LoggedIn, login } from '../../auth/login.ts'
import { matchesAny } from '../../auth/pattern.ts'
import { permissionsOf } from '../../auth/permissions.ts'
import { traced } from '../../auth/tracing.ts'
import { InvalidGrant, InvalidRequest, InvalidToken } from '../../errors.ts'
import { type IssuedToken, issueAccessToken } from '../../tokens/access-token.ts'
import { permissionsFor } from '../../tokens/audience.ts'
import { readUnverified } from '../../unverified-jwt.ts'
import { type Bearer, holderOf, holderOfToken } from '../bearer.ts'
import { accessTokenType, type TokenExchangeGrant } from '../schemas.ts'
import { type GrantRequest, ttlOf } from './grant.ts'
import { issueForLogin, type Wanted, wantedBy } from './issue.ts'

const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
const idTokenType = 'urn:ietf:params:oauth:token-type:id_token'

/**
 * RFC 8693: a token of ours for another audience, or a token of another issuer that a backend accepts as a login. Whose it
 * is says its `iss`: one that calls itself ours never reaches a backend.
 */
export async function exchange(body: Static<typeof TokenExchangeGrant>, asked: GrantRequest): Promise<IssuedToken> {
  refuseUnsupported(body)
  const wanted = wantedBy(body, asked)
  const { login, tokens } = asked.parts
  const isOurs = readUnverified(body.subject_token)?.claims.iss === tokens.issuer
  const isForeign = !isOurs && login.chain.some(({ backend }) => backend.takes.includes('token'))
  const answer = isForeign ? await exchangeForeign(body, wanted, asked) : await exchangeOurs(body, wanted, asked)
  return { ...answer, issued_token_type: accessTokenType }
}

/** A login by a token from elsewhere. Who did not prove to be a client gets nothing that outlives the token. */
async function exchangeForeign(
  { subject_token: token, subject_token_type: tokenType }: Static<typeof TokenExchangeGrant>,
  wanted: Wanted,
  asked: GrantRequest
): Promise<IssuedToken> {
  const { client, context, parts } = asked
  try {
    const request = { ...context, chain: client.chain }
    const loggedIn = await login({ kind: 'token', token, tokenType }, request, parts.login)
    const bounded = boundedBy(loggedIn, client.isConfidential, parts.tokens.now())
    return await issueForLogin(bounded, wanted, asked, { amr: [], act: { sub: client.id } })
  } catch (error) {
    throw error instanceof InvalidGrant ? invalidSubject(error) : error
  }
}

/** @throws {InvalidGrant} nothing would be left of it */
function boundedBy(loggedIn: LoggedIn, isConfidential: boolean, now: number): LoggedIn {
  const { until = Number.POSITIVE_INFINITY, expiresAt = until } = loggedIn.proof ?? {}
  const ends = isConfidential ? until : Math.min(until, expiresAt)
  if (ends < now + 1000) throw new InvalidGrant('the token is about to expire')
  return { ...loggedIn, proof: { until: ends } }
}

/**
 * A token of ours for another audience of the client's, with what the user may do there now; the public client gets no more
 * than the subject token holds. It ends with the session, or else with the subject token.
 */
async function exchangeOurs(
  body: Static<typeof TokenExchangeGrant>,
  { audience, scope }: Wanted,
  asked: GrantRequest
): Promise<IssuedToken> {
  const { client, context, parts, trail } = asked
  if (body.subject_token_type === idTokenType) throw invalidSubject('no ID token is ours')
  const { claims, user } = await traced(context, 'token.verify', () =>
    orInvalidSubject(holderOfToken(asked.request, body.subject_token, parts))
  )
  Object.assign(trail, { user: user.id, backend: claims.backend, session: claims.sid })
  const backend = parts.login.chain.find(({ id }) => id === claims.backend)
  if (!backend) throw invalidSubject()
  const { permissions, session } = await heldNow({ claims, user }, asked)
  const limit = limitOf({ claims, user }, permissions.names, asked)
  const loggedIn = { user, backend, subject: '', permissions, at: (claims.auth_time ?? claims.iat) * 1000 }
  const answer = await issueAccessToken(
    {
      ...{ loggedIn, clientId: client.id, audience, amr: claims.amr ?? [], sid: claims.sid, log: context.log, trail },
      // what narrows the permissions stands in the token as well, where whoever looks them up anew finds it
      scope: limit ? limit.filter((name) => scope === undefined || matchesAny(scope, name)) : scope,
      ...(limit && { within: limit }),
      notAfter: session?.expiresAt ?? claims.exp * 1000,
      act: { sub: client.id, ...(claims.act ? { act: claims.act } : {}) },
      span: context.span,
      ...ttlOf(client)
    },
    parts.tokens
  )
  context.log.info(
    { event: 'exchanged', user: user.id, backend: backend.id, client: client.id, audience: audience.id },
    'exchanged'
  )
  return answer
}

/**
 * What the user holds now, and the session.
 * @throws {InvalidRequest} the user was logged out while the backends were asked, and would get a token from after that
 */
async function heldNow({ claims, user }: Bearer, { context, parts }: GrantRequest) {
  const { chain, timeoutMs, permissions: permissionTools } = parts.login
  const asking = { ...context, deadline: performance.now() + timeoutMs }
  const permissions = await permissionsOf(chain, user, asking, permissionTools)
  const [session] = await Promise.all([
    traced(context, 'session.find', () => parts.sessions.store.byId(claims.sid)),
    orInvalidSubject(holderOf(claims, parts))
  ])
  return { permissions, session }
}

function refuseUnsupported(body: Static<typeof TokenExchangeGrant>): void {
  if (body.actor_token !== undefined || body.actor_token_type !== undefined) {
    throw new InvalidRequest('Actor tokens are not taken: the client that asks is the actor')
  }
  if (![accessTokenType, idTokenType, jwtType].includes(body.subject_token_type)) {
    throw new InvalidRequest('This subject_token_type is not taken')
  }
  if (![undefined, accessTokenType, jwtType].includes(body.requested_token_type)) {
    throw new InvalidRequest('This requested_token_type is not issued')
  }
}

/** RFC 8693 2.2.2: a bad subject token is a bad request. */
const orInvalidSubject = (bearer: Promise<Bearer>): Promise<Bearer> =>
  bearer.catch((error) => {
    throw error instanceof InvalidToken ? invalidSubject(error) : error
  })

const invalidSubject = (cause?: unknown): InvalidRequest =>
  new InvalidRequest('The subject_token is not valid, or not accepted here', cause)

/**
 * What the new token may not go beyond: for a client that did not prove itself whatever the subject token holds; `undefined`
 * where that is everything. A client that did has its licence in its list of audiences, which superusers write.
 */
function limitOf(bearer: Bearer, names: readonly string[], asked: GrantRequest): readonly string[] | undefined {
  if (asked.client.isConfidential) return undefined
  const limit = held(bearer, names, asked)
  return bearer.claims.scope === undefined && limit.length === names.length ? undefined : limit
}

/** What the subject token holds of the permissions of now. */
function held({ claims }: Bearer, names: readonly string[], { parts }: GrantRequest): readonly string[] {
  const { permissions } = claims
  if (permissions) return names.filter((name) => permissions.includes(name))
  const audience = parts.audiences.find(({ id }) => id === claims.aud)
  return audience ? permissionsFor(names, audience, claims.scope?.split(' ')) : []
}
