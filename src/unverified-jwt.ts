/** A JSON object of a token. */
export type JsonObject = Readonly<Record<string, unknown>>

/** What a compact JWS (RFC 7515 3.1) says of itself: to be believed in nothing but whom to ask about it. */
export interface UnverifiedJwt {
  readonly header: JsonObject
  readonly claims: JsonObject
}

const compact = /^[\w-]+\.[\w-]+\.[\w-]+$/
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The header and the claims of a JWT (RFC 7519), unverified; `undefined` for anything else, an encrypted one too. */
export function readUnverified(token: string): UnverifiedJwt | undefined {
  if (!compact.test(token)) return undefined
  const [header, claims] = token.split('.').slice(0, 2).map(objectOf)
  return header && claims && { header, claims }
}

function objectOf(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
