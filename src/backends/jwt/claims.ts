import type { RejectedReason } from '../../auth/backend.ts'
import { milliseconds } from '../../config/units.ts'
import type { JsonObject } from '../../unverified-jwt.ts'
import type { JwtOptions } from './options.ts'

/** Clocks may differ by so much. */
export const leewaySeconds = 30
const usualMaxAge = '1h'
const idTokenType = 'urn:ietf:params:oauth:token-type:id_token'

/** What a token is held against. */
export interface Expected {
  readonly audiences: ReadonlySet<string>
  readonly maxAgeSeconds: number
  readonly maxAuthAgeSeconds?: number
  readonly singleUse: boolean
}

/** The claims that every token has which is taken, in whole epoch seconds. */
export interface SoundClaims {
  readonly exp: number
  readonly iat: number
  readonly jti?: string
}

/** What the options expect of a token. */
export const expectedBy = ({ audiences, maxAge, maxAuthAge, singleUse }: JwtOptions): Expected => ({
  audiences: new Set(audiences),
  maxAgeSeconds: milliseconds(maxAge ?? usualMaxAge) / 1000,
  ...(maxAuthAge === undefined ? {} : { maxAuthAgeSeconds: milliseconds(maxAuthAge) / 1000 }),
  singleUse: singleUse ?? false
})

/** Who presents a token, as what, and when. */
export interface Presented {
  readonly tokenType: string
  readonly clientId: string
  readonly nowSeconds: number
}

/**
 * Checks claims behind a good signature (RFC 7519 4.1, RFC 8725 3.8-3.10), each with its type: whole dates that hold now,
 * one of our audiences, and nothing that only somebody else may present.
 */
export function soundClaims(
  claims: JsonObject,
  expected: Expected,
  presented: Presented
): SoundClaims | RejectedReason {
  const { exp, iat, nbf, auth_time: authTime, jti, azp } = claims
  const isTyped =
    isDate(exp) && isDate(iat) && isOptional(nbf, isDate) && isOptional(authTime, isDate) && isOptional(jti, isText)
  if (!isTyped || !isOptional(azp, isText) || (expected.singleUse && jti === undefined)) return 'malformed'
  // A logout token or another event (RFC 8417 2.2) says nothing of who is there.
  if (claims.events !== undefined) return 'wrong-type'
  // RFC 7800 3: it is good in the hands of a key's holder only, and no key was shown.
  if (claims.cnf !== undefined) return 'bound-to-a-key'
  if (!isAudience(claims.aud, expected.audiences, presented.tokenType)) return 'wrong-audience'
  if (claims.may_act !== undefined && Object(claims.may_act).sub !== presented.clientId) return 'wrong-actor'
  return (
    datesMistake({ exp, iat, nbf, authTime }, expected, presented.nowSeconds) ?? {
      exp,
      iat,
      ...(isText(jti) && { jti })
    }
  )
}

interface Dates {
  readonly exp: number
  readonly iat: number
  readonly nbf: number | undefined
  readonly authTime: number | undefined
}

function datesMistake(
  { exp, iat, nbf = iat, authTime }: Dates,
  { maxAgeSeconds, maxAuthAgeSeconds }: Expected,
  nowSeconds: number
): RejectedReason | undefined {
  if (exp + leewaySeconds <= nowSeconds) return 'expired'
  if (Math.max(iat, nbf, authTime ?? 0) > nowSeconds + leewaySeconds) return 'not-yet-valid'
  if (nowSeconds >= iat + maxAgeSeconds) return 'too-old'
  if (maxAuthAgeSeconds === undefined) return undefined
  return authTime === undefined || nowSeconds >= authTime + maxAuthAgeSeconds ? 'too-old' : undefined
}

/** RFC 7519 4.1.3. OpenID Connect core 3.1.3.7 (3): an ID token for others beside us is for us only where we trust them all. */
function isAudience(aud: unknown, ours: ReadonlySet<string>, tokenType: string): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (named.length === 0 || !named.every(isText)) return false
  return tokenType === idTokenType ? named.every((one) => ours.has(one)) : named.some((one) => ours.has(one))
}

const isDate = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 1024
const isOptional = <Value>(value: unknown, is: (value: unknown) => value is Value): value is Value | undefined =>
  value === undefined || is(value)
