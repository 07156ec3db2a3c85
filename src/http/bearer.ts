import fastifyJwt from '@fastify/jwt'
import type { FastifyRequest } from 'fastify'
import { isLoggedOut, type User } from '../auth/user-store.ts'
import { InvalidToken, Refusal } from '../errors.ts'
import { type AccessClaims, checkClaims, type JoseHeader, keyFor } from '../tokens/verify.ts'
import type { AppParts } from './parts.ts'
import type { App } from './server.ts'

/** Who is behind a bearer token. */
export interface Bearer {
  readonly claims: AccessClaims
  /** As the database has it now. */
  readonly user: User
}

const credentials = /^Bearer +([\w.~+/=-]+)$/i

/** What each request has, for as long as it is being verified. */
const presented = new WeakMap<FastifyRequest, string>()

/** Lets `bearerOf` verify signatures: with our keys only, each with its own algorithm. */
export async function acceptBearers(app: App, { tokens }: AppParts): Promise<void> {
  await app.register(fastifyJwt, {
    secret: {
      private: '',
      public: async (_request: FastifyRequest, token: unknown) =>
        keyFor((token as { header?: JoseHeader }).header, tokens.keys)
    },
    decode: { complete: true },
    verify: {
      algorithms: ['ES256', 'RS256', 'EdDSA'],
      extractToken: (request) => presented.get(request)
    }
  })
}

/**
 * The bearer of an access token of ours (RFC 6750 2.1), whatever its audience: see `holderOf`.
 * @throws {InvalidToken} for whatever is wrong with the token
 */
export async function bearerOf(request: FastifyRequest, parts: AppParts): Promise<Bearer> {
  const { authorization = '' } = request.headers
  if (!/^Bearer( |$)/i.test(authorization)) throw new InvalidToken('no token', { none: true })
  return holderOfToken(request, credentials.exec(authorization)?.[1] ?? '', parts)
}

/** The same for a token that came elsewhere. @throws {InvalidToken} */
export async function holderOfToken(request: FastifyRequest, token: string, parts: AppParts): Promise<Bearer> {
  return holderOf(await claimsOfToken(request, token, parts), parts)
}

/** The claims of a token of ours, a user's or a client's, that has not expired; alive or not. @throws {InvalidToken} */
export async function claimsOfToken(
  request: FastifyRequest,
  token: string,
  { verifiedTokens }: Pick<AppParts, 'verifiedTokens'>
): Promise<unknown> {
  const known = await verifiedTokens.claimsOf(token)
  if (known !== undefined) return known
  presented.set(request, token)
  try {
    const claims = await request.jwtVerify<object>()
    await verifiedTokens.remember(token, claims)
    return claims
  } catch (error) {
    throw error instanceof Refusal ? error : new InvalidToken(error)
  } finally {
    presented.delete(request)
  }
}

/**
 * Who holds these claims now: the one way in for all that take an access token. The user must be there, active and not
 * logged out since, the backend still configured, neither token nor session revoked.
 * @throws {InvalidToken}
 */
export async function holderOf(verified: unknown, { tokens, audiences, sessions, login }: AppParts): Promise<Bearer> {
  const claims = checkClaims(verified, {
    issuer: tokens.issuer,
    audiences: new Set(audiences.map(({ id }) => id)),
    nowSeconds: tokens.now() / 1000
  })
  const [user, isRevoked] = await Promise.all([login.store.byId(claims.sub), sessions.store.isRevoked(claims)])
  const backend = login.chain.find(({ id }) => id === claims.backend)
  if (!backend) throw new InvalidToken('its backend left the configuration')
  if (!user) throw new InvalidToken('the user is gone')
  if (!user.isActive && !backend.backend.allowsInactive) throw new InvalidToken('the user is inactive')
  if (isLoggedOut(user, claims.iat * 1000, claims.sid)) throw new InvalidToken('the user was logged out')
  if (isRevoked) throw new InvalidToken('revoked')
  return { claims, user }
}
