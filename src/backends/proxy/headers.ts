import type { HeaderCredentials } from '../../auth/backend.ts'

/** Why a header counts for nothing. */
export type HeaderFault = 'missing' | 'repeated' | 'empty' | 'list' | 'malformed'

/** What a header holds, or why that counts for nothing. */
export type HeaderValue = { readonly value: string } | { readonly fault: HeaderFault }

/** No control characters, lone surrogates or U+FFFD. */
const unusable = /[\p{Cc}\p{Cs}\ufffd]/u
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The value of a header that came exactly once under exactly this name (`X_User` is another one), in UTF-8. A header that
 * came twice may have come from two people; one that is empty says nothing.
 * @param name in lower case
 */
export function headerOf({ headers }: HeaderCredentials, name: string): HeaderValue {
  const [first, ...more] = headers.filter(([candidate]) => candidate === name)
  if (first === undefined) return { fault: 'missing' }
  if (more.length > 0) return { fault: 'repeated' }
  const value = decoded(first[1])?.trim()
  if (value === undefined || unusable.test(value)) return { fault: 'malformed' }
  return value === '' ? { fault: 'empty' } : { value }
}

/** The same for a header of one value: with a comma, it may be several that somebody on the way has put together. */
export function singleHeader(credentials: HeaderCredentials, name: string): HeaderValue {
  const header = headerOf(credentials, name)
  return 'value' in header && header.value.includes(',') ? { fault: 'list' } : header
}

/** The bytes as they came, which Node has as Latin-1. */
function decoded(text: string): string | undefined {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.toString('latin1') !== text) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
