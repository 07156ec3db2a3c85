import type { Credentials, HeaderCredentials, TokenCredentials, Verdict } from './backend.ts'

/** In code points: no login name and no password that anybody types is longer. */
export const longest = { username: 320, password: 1024 } as const

/** Control characters, lone surrogates, and U+FFFD, which stands where bytes were not UTF-8 (two byte strings, one name). */
const unusable = /[\p{Cc}\p{Cs}\ufffd]/u

/**
 * The verdict on credentials that no backend needs to see, whoever calls: something else than text, empty, over-long, or with
 * characters that nobody types. RFC 4513 5.1.2: many directories answer a bind with an empty password with success.
 */
export function verdictOnShape(credentials: Credentials): Verdict | undefined {
  if (credentials.kind !== 'password') return isTyped(credentials) ? undefined : { outcome: 'unknown' }
  const { username, password } = credentials
  if (!isUsable(username, longest.username)) return { outcome: 'unknown' }
  if (password === '') return { outcome: 'rejected', reason: 'empty-password' }
  return isUsable(password, longest.password) ? undefined : { outcome: 'rejected', reason: 'malformed' }
}

function isTyped(credentials: TokenCredentials | HeaderCredentials): boolean {
  if (credentials.kind === 'token') return [credentials.token, credentials.tokenType].every(isText)
  return isText(credentials.peer) && Array.isArray(credentials.headers) && credentials.headers.flat().every(isText)
}

const isText = (value: unknown): boolean => typeof value === 'string'

function isUsable(text: unknown, maxLength: number): boolean {
  if (typeof text !== 'string' || text === '' || text.length > 2 * maxLength) return false
  return [...text].length <= maxLength && !unusable.test(text)
}
