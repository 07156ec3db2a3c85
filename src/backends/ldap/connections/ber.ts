import { isUtf8 } from 'node:buffer'
import { LdapFailure } from './failure.ts'

/**
 * A place within BER elements (X.690). Whatever does not fit into its bytes is a failure, never a default: a decoder
 * that takes a cut answer's missing code for 0 takes it for success.
 */
export interface BerCursor {
  readonly bytes: Buffer
  at: number
  readonly end: number
}

/** What to throw at bytes that are no LDAP. */
export const malformed = (what: string): LdapFailure => new LdapFailure('protocol', `malformed answer: ${what}`)

/** A place in bytes to read elements from, one after the other. */
export const berCursor = (bytes: Buffer, at = 0, end = bytes.length): BerCursor => ({ bytes, at, end })

/**
 * How many bytes the header of the element at `at` takes, and how many its content; `undefined` while too few are here.
 * Indefinite lengths are not LDAP (RFC 4511 5.1).
 */
export const elementSize = (bytes: Buffer, at: number): { header: number; content: number } | undefined => {
  const first = bytes[at + 1]
  if (first === undefined) return undefined
  if (first < 0x80) return { header: 2, content: first }
  const size = first & 0x7f
  if (size === 0 || size > 4) throw malformed('length')
  if (bytes.length < at + 2 + size) return undefined
  return { header: 2 + size, content: bytes.readUIntBE(at + 2, size) }
}

/** The tag of the next element; `undefined` at the end. */
export const nextTag = ({ bytes, at, end }: BerCursor): number | undefined => (at < end ? bytes[at] : undefined)

/** Goes over the next element and gives a cursor over its content. */
export const enter = (cursor: BerCursor, tag?: number): BerCursor => {
  const { bytes, at, end } = cursor
  const size = at < end ? elementSize(bytes, at) : undefined
  if (size === undefined) throw malformed('truncated')
  const content = at + size.header
  const next = content + size.content
  if (next > end) throw malformed('truncated')
  if (tag !== undefined && bytes[at] !== tag) throw malformed(`tag ${bytes[at]} instead of ${tag}`)
  cursor.at = next
  return { bytes, at: content, end: next }
}

/** The next element's content. */
export const takeBytes = (cursor: BerCursor, tag: number): Buffer => {
  const { bytes, at, end } = enter(cursor, tag)
  return bytes.subarray(at, end)
}

/** The next element's content, which must be UTF-8. */
export const takeText = (cursor: BerCursor, tag: number): string => {
  const text = textOf(takeBytes(cursor, tag))
  if (text === undefined) throw malformed('no UTF-8')
  return text
}

/** The next element as a small signed integer. */
export const takeInteger = (cursor: BerCursor, tag: number): number => {
  const content = takeBytes(cursor, tag)
  if (content.length === 0 || content.length > 4) throw malformed('integer')
  return content.readIntBE(0, content.length)
}

/** Text, where the bytes are UTF-8. */
export const textOf = (content: Buffer): string | undefined => (isUtf8(content) ? content.toString('utf8') : undefined)
