import type { JSONWebKeySet, JWTPayload } from 'jose'
import type { Log, SingleUse } from '../auth/ports.ts'
import { readUnverified } from '../unverified-jwt.ts'
import type { PublicKeys, RegisteredClient } from './client.ts'
import { createRemoteKeys } from './remote-keys.ts'

/** What assertions may be signed with: never anything symmetric, never `none`. */
export const assertionAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const

/** The only `client_assertion_type` (RFC 7523 2.2). */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** `private_key_jwt`: clients that prove who they are with a key of their own. */
export interface Assertions {
  /**
   * Whether an assertion is a client's, for us, of now, and comes for the first time (RFC 7523 3, OpenID Connect core 9).
   * @throws {TemporarilyUnavailable} the client's keys or the database can't be had
   */
  verify(assertion: string, client: KeyHolder): Promise<boolean>
}

/** A client, as far as its keys go. */
type KeyHolder = Pick<RegisteredClient, 'id' | 'allowPrivate' | 'mayFetchFrom'> &
  Partial<Pick<RegisteredClient, 'jwks' | 'jwksUri'>>

/** What verifying needs. */
export interface AssertionOptions {
  /** Whom assertions may be for: the issuer and the token endpoint. */
  readonly audiences: readonly string[]
  readonly singleUse: SingleUse
  readonly log: Log
  readonly now: () => number
}

const leewaySeconds = 30
const maxLifeSeconds = 300

/** Verifies assertions. The library is loaded when the first one comes: few services have such clients. */
export function createAssertions({ audiences, singleUse, log, now }: AssertionOptions): Assertions {
  const remote = createRemoteKeys({ log, now })

  const claimsOf = async (assertion: string, client: KeyHolder) => {
    const { jwks, jwksUri, id } = client
    const expected = { id, audiences: [...audiences], at: new Date(now()) }
    if (jwksUri === undefined) return signedClaims(assertion, jwks ?? { keys: [] }, expected)
    const source = { uri: jwksUri, client }
    const claims = await signedClaims(assertion, await remote.at(source), expected)
    return claims === 'no-key' ? signedClaims(assertion, await remote.renewed(source), expected) : claims
  }

  return {
    async verify(assertion, client) {
      const claims = await claimsOf(assertion, client)
      if (typeof claims === 'string' || !isSound(claims, now() / 1000)) return false
      return singleUse.use(client.id, claims.jti, Math.ceil(claims.exp + leewaySeconds + 1) * 1000)
    }
  }
}

/** Who an assertion says that it is of, unverified. */
export function subjectOf(assertion: string): string | undefined {
  const subject = readUnverified(assertion)?.claims.sub
  return typeof subject === 'string' && subject !== '' ? subject : undefined
}

interface Expected {
  readonly id: string
  readonly audiences: string[]
  readonly at: Date
}

async function signedClaims(
  assertion: string,
  keys: PublicKeys,
  { id, audiences, at }: Expected
): Promise<JWTPayload | 'no-key' | 'refused'> {
  const { createLocalJWKSet, errors, jwtVerify } = await import('jose')
  try {
    const { payload, protectedHeader } = await jwtVerify(assertion, createLocalJWKSet(keys as JSONWebKeySet), {
      ...{ issuer: id, subject: id, audience: audiences, algorithms: [...assertionAlgorithms] },
      ...{ clockTolerance: leewaySeconds, currentDate: at, requiredClaims: ['exp', 'jti'] }
    })
    return isAssertionType(protectedHeader.typ) ? payload : 'refused'
  } catch (error) {
    return error instanceof errors.JWKSNoMatchingKey ? 'no-key' : 'refused'
  }
}

/** An access token or another token of the same key is no assertion (RFC 8725 3.11). */
const isAssertionType = (typ: string | undefined): boolean =>
  typ === undefined || /^(application\/)?(jwt|client-authentication\+jwt)$/i.test(typ)

/** What the library does not look at: one audience, a short life, no birth in the future, an id. */
function isSound(claims: JWTPayload, nowSeconds: number): claims is JWTPayload & { exp: number; jti: string } {
  const { aud, exp, iat, jti } = claims
  const isOne = typeof aud === 'string' || (Array.isArray(aud) && aud.length === 1)
  const isShort = exp !== undefined && exp <= nowSeconds + maxLifeSeconds + leewaySeconds
  const isBorn = iat === undefined || iat <= nowSeconds + leewaySeconds
  return isOne && isShort && isBorn && typeof jti === 'string' && jti !== ''
}
