import { isUtf8 } from 'node:buffer'
import { LdapFailure } from './failure.ts'

/** Reads BER elements one after another; whatever does not fit into the bytes given is a failure, never a default. */
export interface BerReader {
  readonly done: boolean
  /** The next element's tag, without taking it. */
  readonly tag: number | undefined
  /** The content of the next element, which must have this tag if one is given. */
  take(tag?: number): Buffer
}

export const malformed = (what: string): LdapFailure => new LdapFailure('protocol', `malformed answer: ${what}`)

/**
 * The length of the element that starts at `offset`, header included; `undefined` while too few bytes are here.
 * Indefinite lengths are not LDAP (RFC 4511 5.1).
 */
export const elementAt = (bytes: Buffer, offset: number): { content: number; end: number } | undefined => {
  const first = bytes[offset + 1]
  if (first === undefined) return undefined
  if (first < 0x80) return { content: offset + 2, end: offset + 2 + first }
  const size = first & 0x7f
  if (size === 0 || size > 4) throw malformed('length')
  const content = offset + 2 + size
  if (bytes.length < content) return undefined
  return { content, end: content + bytes.readUIntBE(offset + 2, size) }
}

export const createBerReader = (bytes: Buffer): BerReader => {
  let offset = 0
  return {
    get done() {
      return offset >= bytes.length
    },
    get tag() {
      return bytes[offset]
    },
    take(tag) {
      const element = elementAt(bytes, offset)
      if (element === undefined || element.end > bytes.length) throw malformed('truncated')
      if (tag !== undefined && bytes[offset] !== tag) throw malformed(`tag ${bytes[offset]} instead of ${tag}`)
      offset = element.end
      return bytes.subarray(element.content, element.end)
    }
  }
}

/** A small signed integer or enumeration. */
export const integerOf = (content: Buffer): number => {
  if (content.length === 0 || content.length > 4) throw malformed('integer')
  return content.readIntBE(0, content.length)
}

/** Text, where the bytes are UTF-8. */
export const textOf = (content: Buffer): string | undefined => (isUtf8(content) ? content.toString('utf8') : undefined)
