import type { Static } from 'typebox'
import { InvalidToken } from '../errors.ts'
import Type from '../schema/type.ts'
import type { KeyRing } from './key-ring.ts'
import { createShape } from './shape.ts'

const Text = Type.String({ minLength: 1 })
const Seconds = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** The claims of an access token of ours that a route may rely on; dates in whole epoch seconds. */
export const AccessClaims = Type.Object({
  iss: Text,
  sub: Text,
  aud: Text,
  iat: Seconds,
  exp: Seconds,
  nbf: Type.Optional(Seconds),
  jti: Text,
  sid: Text,
  client_id: Text,
  backend: Text,
  scope: Type.Optional(Type.String()),
  auth_time: Type.Optional(Seconds),
  amr: Type.Optional(Type.Array(Type.String())),
  permissions: Type.Optional(Type.Array(Type.String())),
  act: Type.Optional(Type.Object({ sub: Text }, { additionalProperties: true }))
})
/** See the shape of the same name. */
export type AccessClaims = Static<typeof AccessClaims>

const isAccessClaims = createShape(AccessClaims)

/** The claims of a token that a client got for itself: no user's, and never taken for one (RFC 9700 4.15). */
const ClientClaims = Type.Object({
  ...{ iss: Text, sub: Text, aud: Text, iat: Seconds, exp: Seconds, jti: Text, client_id: Text },
  gty: Type.Literal('client_credentials'),
  scope: Type.Optional(Type.String()),
  permissions: Type.Optional(Type.Array(Type.String()))
})
type ClientClaims = Static<typeof ClientClaims>

const isClientClaims = createShape(ClientClaims)

/** What every token of ours has, a user's or a client's; a backend, a session and an audience a user's only. */
export const isIssued = createShape(
  Type.Object({
    ...{ jti: Text, exp: Seconds, client_id: Text, sub: Text, aud: Text },
    ...{ backend: Type.Optional(Text), sid: Type.Optional(Text) }
  })
)

/** The header of a compact JWS (RFC 7515 4.1), as far as it is read. */
export interface JoseHeader {
  readonly alg?: unknown
  readonly typ?: unknown
  readonly kid?: unknown
  readonly crit?: unknown
}

const types: readonly unknown[] = ['at+jwt', 'application/at+jwt', 'jwt']

/**
 * The public key (SPKI, PEM) for a token's header: only a key of ours, only with the algorithm that it was made for, only
 * the `typ` of an access token (RFC 8725 3.1, 3.11), no critical extension.
 * @throws {InvalidToken}
 */
export async function keyFor(header: JoseHeader | undefined, keys: Pick<KeyRing, 'findKey'>): Promise<string> {
  const key = typeof header?.kid === 'string' ? await keys.findKey(header.kid) : undefined
  if (key === undefined || header === undefined) throw new InvalidToken('no key of ours')
  if (header.alg !== key.algorithm) throw new InvalidToken('not the algorithm of the key')
  if (header.crit !== undefined) throw new InvalidToken('critical extension')
  if (typeof header.typ !== 'string' || !types.includes(header.typ.toLowerCase()))
    throw new InvalidToken('not an access token')
  return key.pem
}

/**
 * Checks the claims behind a good signature: issuer, audience, whole-numbered dates that hold now, and that nothing is
 * missing that every access token of ours has (RFC 9068 4, RFC 8725 3.8-3.9).
 * @throws {InvalidToken}
 */
export function checkClaims(claims: unknown, expected: ExpectedClaims): AccessClaims {
  if (!isAccessClaims(claims)) throw new InvalidToken('not the claims of an access token')
  checkDates(claims, expected)
  return claims
}

/** The same for a client's own token; `undefined` where it is none. @throws {InvalidToken} */
export function checkClientClaims(claims: unknown, expected: ExpectedClaims): ClientClaims | undefined {
  if (!isClientClaims(claims)) return undefined
  checkDates(claims, expected)
  return claims
}

/** What a token must hold to be taken. */
export interface ExpectedClaims {
  readonly issuer: string
  readonly audiences: ReadonlySet<string>
  readonly nowSeconds: number
}

function checkDates(
  claims: { iss: string; aud: string; exp: number; iat: number; nbf?: number },
  expected: ExpectedClaims
): void {
  if (claims.iss !== expected.issuer) throw new InvalidToken('foreign issuer')
  if (!expected.audiences.has(claims.aud)) throw new InvalidToken('foreign audience')
  if (claims.exp <= expected.nowSeconds) throw new InvalidToken('expired')
  if (Math.max(claims.iat, claims.nbf ?? 0) > expected.nowSeconds + clockSkewSeconds) {
    throw new InvalidToken('not valid yet')
  }
}

/** Replicas' clocks may differ by so much. */
const clockSkewSeconds = 30
