import fastifyJwt from '@fastify/jwt'
import type { FastifyRequest } from 'fastify'
import type { User } from '../auth/user-store.ts'
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

const verifiedTokens = 1000
const credentials = /^Bearer +([\w.~+/=-]+)$/i

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
      // A signature stays what it is: the key is looked up before, and dates, audience and user are checked behind, each time.
      cache: verifiedTokens,
      extractToken: (request) => credentials.exec(request.headers.authorization ?? '')?.[1]
    }
  })
}

/**
 * The bearer of an access token of ours (RFC 6750 2.1), whatever its audience: the one way in for all that take one. The
 * user must be there and active at this moment.
 * @throws {InvalidToken} for whatever is wrong with the token
 */
export async function bearerOf(request: FastifyRequest, parts: AppParts): Promise<Bearer> {
  if (!/^Bearer( |$)/i.test(request.headers.authorization ?? '')) throw new InvalidToken('no token', { none: true })
  const claims = checkClaims(await verified(request), {
    issuer: parts.tokens.issuer,
    audiences: new Set(parts.audiences.map(({ id }) => id)),
    nowSeconds: parts.tokens.now() / 1000
  })
  const user = await parts.login.store.byId(claims.sub)
  if (!user?.isActive) throw new InvalidToken('the user is gone or inactive')
  return { claims, user }
}

async function verified(request: FastifyRequest): Promise<unknown> {
  try {
    return await request.jwtVerify()
  } catch (error) {
    throw error instanceof Refusal ? error : new InvalidToken(error)
  }
}
