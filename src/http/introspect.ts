import type { FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'
import type { Static } from 'typebox'
import { LoginOver, whoseLogin } from '../auth/log-in-again.ts'
import type { User } from '../auth/user-store.ts'
import { InvalidGrant, InvalidToken } from '../errors.ts'
import type { Audience } from '../tokens/audience.ts'
import type { Session } from '../tokens/session-store.ts'
import { checkClientClaims } from '../tokens/verify.ts'
import { audited } from './audited.ts'
import { claimsOfToken, holderOf } from './bearer.ts'
import { type Client, confidentialClientOf } from './client.ts'
import type { AppParts } from './parts.ts'
import { errors, Introspection, ref, TokenQuery } from './schemas.ts'
import type { App } from './server.ts'
import { readForm } from './token-query.ts'

const inactive = { active: false } as const
const jwtMediaType = 'application/token-introspection+jwt'

/** `POST /introspect` (RFC 7662): whether a token is alive and what it says; signed where asked for (RFC 9701). */
export function introspectRoute(app: App, parts: AppParts): void {
  app.post(
    '/introspect',
    {
      preValidation: async (request) => readForm(request, TokenQuery),
      schema: {
        operationId: 'introspect',
        summary: 'Ask whether a token is alive',
        description:
          'For confidential clients: access tokens of ours, and their own refresh tokens. `{"active": false}` for all ' +
          `else. With \`Accept: ${jwtMediaType}\` the answer is a signed JWT (RFC 9701).`,
        tags: ['tokens'],
        security: [{ client: [] }],
        consumes: ['application/x-www-form-urlencoded', 'application/json'],
        body: ref(TokenQuery),
        response: { 200: ref(Introspection), ...errors(400, 401, 413, 415, 429, 500, 503) }
      }
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      const client = await audited(
        'introspection',
        request,
        parts,
        ({ trail }) => confidentialClientOf(request, request.body, trail, parts),
        () => true
      )
      const answer = await introspectionOf(request, request.body.token, client, parts)
      if (!wantsJwt(request)) return answer
      const signed = await signedAnswer(answer, client, parts)
      // a text is not serialized by the schema of the JSON answer
      return reply
        .type(jwtMediaType)
        .serializer(String)
        .send(signed as never)
    }
  )
}

/** Whether the JWT is liked better than JSON, or as well and named first (RFC 9110 12.5.1); who likes neither gets JSON. */
const wantsJwt = ({ headers }: FastifyRequest): boolean =>
  new Negotiator({ headers }).mediaType(['application/json', jwtMediaType]) === jwtMediaType

async function introspectionOf(
  request: FastifyRequest,
  token: string,
  client: Client,
  parts: AppParts
): Promise<Static<typeof Introspection>> {
  const session = await parts.sessions.owned(token, client.id)
  if (session) return refreshTokenAnswer(session, token, { client, request }, parts)
  try {
    const claims = await claimsOfToken(request, token, parts)
    const own = await clientAnswer(claims, parts)
    if (own) return own
    const { user, claims: checked } = await holderOf(claims, parts)
    return { active: true, token_type: 'Bearer', username: user.email, ...checked }
  } catch (error) {
    if (error instanceof InvalidToken) return inactive
    throw error
  }
}

/** A token that a client got for itself; it ends with the client. */
async function clientAnswer(
  claims: unknown,
  { tokens, audiences, sessions, clients }: AppParts
): Promise<Static<typeof Introspection> | undefined> {
  const checked = checkClientClaims(claims, {
    issuer: tokens.issuer,
    audiences: new Set(audiences.map(({ id }) => id)),
    nowSeconds: tokens.now() / 1000
  })
  if (!checked) return undefined
  const [owner, isRevoked] = await Promise.all([
    clients.registry.byId(checked.client_id),
    sessions.store.isRevoked({ jti: checked.jti, sid: '' })
  ])
  if (!owner || isRevoked) throw new InvalidToken('the client is gone, or the token was revoked')
  return { active: true, token_type: 'Bearer', ...checked }
}

/** Alive only as the newest of its session, where the client may still refresh it; the look does not end anything. */
async function refreshTokenAnswer(
  session: Session,
  token: string,
  { client, request }: { readonly client: Client; readonly request: FastifyRequest },
  { sessions, login, tokens }: AppParts
): Promise<Static<typeof Introspection>> {
  if (sessions.tokenOf(session) !== token || session.idleExpiresAt <= tokens.now()) return inactive
  if (!client.mayUse('refresh_token') || !client.audiences.some(({ id }) => id === session.audience)) return inactive
  const user = await whoseLogin(session, client.chain, login).catch(nobodyAnyMore)
  request.log.debug({ session: session.id }, 'refresh token introspected')
  if (!user) return inactive
  return {
    active: true,
    token_type: 'refresh_token',
    client_id: session.clientId,
    username: user.email,
    ...(session.scope === null ? {} : { scope: session.scope }),
    iss: tokens.issuer,
    sub: user.id,
    aud: session.audience,
    iat: Math.floor(session.rotatedAt / 1000),
    exp: Math.floor(session.idleExpiresAt / 1000)
  }
}

function nobodyAnyMore(error: unknown): User | undefined {
  if (error instanceof LoginOver || error instanceof InvalidGrant) return undefined
  throw error
}

/** RFC 9701 5: for this client alone, and no access token. */
function signedAnswer(
  answer: Static<typeof Introspection>,
  client: Client,
  { tokens, audiences }: AppParts
): Promise<string> {
  const [issuer] = audiences as readonly [Audience]
  const claims = {
    iss: tokens.issuer,
    aud: client.id,
    iat: Math.floor(tokens.now() / 1000),
    token_introspection: answer
  }
  return tokens.keys.sign(claims, (client.audiences[0] ?? issuer).algorithm, 'token-introspection+jwt')
}
