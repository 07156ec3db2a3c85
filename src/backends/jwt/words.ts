import type { RejectedReason } from '../../auth/backend.ts'
import type { UnverifiedJwt } from '../../unverified-jwt.ts'
import type { JwtOptions } from './options.ts'

const text = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, 200) : (JSON.stringify(value)?.slice(0, 200) ?? 'nothing')

function dateOf(seconds: unknown): string {
  const date = new Date(Number(seconds) * 1000)
  return typeof seconds === 'number' && !Number.isNaN(date.valueOf()) ? date.toISOString() : text(seconds)
}

const kidOf = ({ header: { kid } }: UnverifiedJwt): string => (kid === undefined ? '' : `, ${text(kid)}`)

const audiencesOf = ({ claims: { aud } }: UnverifiedJwt): string =>
  Array.isArray(aud) ? aud.map(text).join(', ').slice(0, 500) : text(aud)

/** How it was signed. */
export const signatureWords = (jwt: UnverifiedJwt): string =>
  `${text(jwt.header.alg)}, by a key of the issuer${kidOf(jwt)}`

/** Whom it is for, and when. */
export const claimWords = (jwt: UnverifiedJwt): string =>
  `for ${audiencesOf(jwt)}, issued at ${dateOf(jwt.claims.iat)}, good until ${dateOf(jwt.claims.exp)}`

/** Why this backend is not asked about a token. */
export const strangerWords = (jwt: UnverifiedJwt | undefined, { issuer }: JwtOptions): string =>
  jwt === undefined
    ? 'it is no signed JWT (RFC 7519) of at most 16 KiB'
    : `its issuer is ${text(jwt.claims.iss)}, and this backend takes tokens of ${issuer}`

/** What a token has where something else is wanted: never the token itself, nor its signature. */
export function mistakeIn(jwt: UnverifiedJwt, reason: RejectedReason, options: JwtOptions): string {
  const { header, claims } = jwt
  const dates = `iat ${dateOf(claims.iat)}, exp ${dateOf(claims.exp)}, now ${new Date().toISOString()}`
  const words: Partial<Record<RejectedReason, string>> = {
    'wrong-type': `typ ${text(header.typ)}`,
    'wrong-algorithm': `alg ${text(header.alg)}; \`algorithms\`: ${(options.algorithms ?? ['by discovery']).join(', ')}`,
    'unknown-key': `no key of the issuer fits alg ${text(header.alg)}${kidOf(jwt)}`,
    'wrong-signature': `alg ${text(header.alg)}${kidOf(jwt)}: the key is there, and did not sign this`,
    'wrong-audience': `aud ${audiencesOf(jwt)}; \`audiences\`: ${options.audiences.join(', ')}`,
    'wrong-actor': `may_act ${text(claims.may_act)}`,
    'bound-to-a-key': `cnf ${text(claims.cnf)}`,
    expired: dates,
    'not-yet-valid': `nbf ${dateOf(claims.nbf)}, ${dates}`,
    'too-old': `auth_time ${dateOf(claims.auth_time)}, ${dates}; \`maxAge\`: ${options.maxAge ?? '1h'}`
  }
  return words[reason] ?? reason
}
