import type { RejectedReason } from '../../auth/backend.ts'
import type { JsonObject } from '../../unverified-jwt.ts'
import type { IssuerKeys } from './keys.ts'

/** OpenID Connect core 2, RFC 9068 2.1: ID tokens, access tokens, and those that don't say. */
const types = /^(application\/)?(jwt|at\+jwt)$/i
const accessToken = /at\+jwt$/i
const idTokenType = 'urn:ietf:params:oauth:token-type:id_token'

/**
 * What is wrong with a header before any key is looked for (RFC 8725 3.1, 3.11): another type of token, such as a logout
 * token or a proof of possession; an extension that must be understood; a token within the token. Keys and addresses of
 * keys in the header count for nothing.
 */
export function headerMistake(header: JsonObject, tokenType: string): RejectedReason | undefined {
  const { typ, alg, kid, crit, b64, cty, zip } = header
  if (typ !== undefined && (typeof typ !== 'string' || !types.test(typ))) return 'wrong-type'
  if (tokenType === idTokenType && typeof typ === 'string' && accessToken.test(typ)) return 'wrong-type'
  const isPlain = [crit, b64, cty, zip].every((value) => value === undefined)
  const isTyped = typeof alg === 'string' && (kid === undefined || (typeof kid === 'string' && kid !== ''))
  return isPlain && isTyped ? undefined : 'malformed'
}

/** How the signature stands with these keys; `no-key`: none of them is meant. @throws a key of the set is unusable */
export async function signatureMistake(
  token: string,
  header: JsonObject,
  { find, algorithms }: IssuerKeys
): Promise<RejectedReason | 'no-key' | undefined> {
  if (!algorithms.includes(String(header.alg))) return 'wrong-algorithm'
  const { compactVerify, errors } = await import('jose')
  try {
    await compactVerify(token, find, { algorithms: [...algorithms] })
    return undefined
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return 'no-key'
    if (error instanceof errors.JWKSMultipleMatchingKeys) return 'unknown-key'
    if (error instanceof errors.JOSEError) return 'wrong-signature'
    throw error
  }
}
