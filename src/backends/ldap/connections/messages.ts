import {
  type BerCursor,
  berCursor,
  elementSize,
  enter,
  malformed,
  nextTag,
  takeBytes,
  takeInteger,
  takeText,
  textOf
} from './ber.ts'

/** An entry as the server sent it: values by attribute description in lower case. */
export interface Entry {
  readonly dn: string
  readonly values: ReadonlyMap<string, readonly Buffer[]>
}

/** How an operation ended (RFC 4511 4.1.9). */
export interface Result {
  readonly code: number
  readonly diagnostic: string
  /** The nearest entry that exists, where the one asked for does not. */
  readonly matchedDn?: string
  /** Values of response controls by OID. */
  readonly controls: ReadonlyMap<string, Buffer>
}

/** What a server sends: an entry, a reference, or the end of an operation. */
export type Answer =
  | { readonly id: number; readonly kind: 'entry'; readonly entry: Entry }
  | { readonly id: number; readonly kind: 'reference' }
  | { readonly id: number; readonly kind: 'result'; readonly operation: number; readonly result: Result }

/** The tags of answers that end an operation (RFC 4511 4.2 to 4.12). */
export const operations = {
  bindResponse: 0x61,
  searchDone: 0x65,
  modifyResponse: 0x67,
  extendedResponse: 0x78
} as const

const tags = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
  controls: 0xa0
} as const
const resultTags: ReadonlySet<number> = new Set(Object.values(operations))
const entryTag = 0x64
const referenceTag = 0x73
const none: ReadonlyMap<string, Buffer> = new Map()

/** No entry that a login needs is larger; a server that sends more is broken, or worse. */
const maxMessageBytes = 8 * 1024 * 1024

/** Cuts what a socket delivers into messages. The function returned throws where that can't be done. */
export const createFraming = (onMessage: (message: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  const push = (chunk: Buffer): void => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length > 0) {
      if (rest[0] !== tags.sequence) throw malformed('no message')
      const size = elementSize(rest, 0)
      if (size === undefined) return
      const end = size.header + size.content
      if (end > maxMessageBytes) throw malformed('too large')
      if (end > rest.length) return
      const message = rest.subarray(size.header, end)
      rest = rest.subarray(end)
      onMessage(message)
    }
  }
  return { push, pendingBytes: () => rest.length }
}

const entryOf = (cursor: BerCursor): Entry => {
  const dn = takeText(cursor, tags.octets)
  const values = new Map<string, Buffer[]>()
  for (const list = enter(cursor, tags.sequence); list.at < list.end; ) {
    const attribute = enter(list, tags.sequence)
    const name = takeText(attribute, tags.octets).toLowerCase()
    const found = values.get(name) ?? []
    for (const set = enter(attribute, tags.set); set.at < set.end; ) found.push(takeBytes(set, tags.octets))
    values.set(name, found)
  }
  return { dn, values }
}

const controlsOf = (cursor: BerCursor): ReadonlyMap<string, Buffer> => {
  if (nextTag(cursor) === undefined) return none
  const controls = new Map<string, Buffer>()
  for (const list = enter(cursor, tags.controls); list.at < list.end; ) {
    const control = enter(list, tags.sequence)
    const oid = takeText(control, tags.octets)
    if (nextTag(control) === tags.boolean) enter(control)
    controls.set(oid, nextTag(control) === undefined ? Buffer.alloc(0) : takeBytes(control, tags.octets))
  }
  return controls
}

const resultOf = (cursor: BerCursor, message: BerCursor): Result => {
  const code = takeInteger(cursor, tags.enumerated)
  const matchedDn = textOf(takeBytes(cursor, tags.octets)) ?? ''
  const diagnostic = textOf(takeBytes(cursor, tags.octets)) ?? ''
  return { code, diagnostic, controls: controlsOf(message), ...(matchedDn === '' ? {} : { matchedDn }) }
}

/** Decodes one LDAPMessage's content (RFC 4511 4.1.1). @throws {LdapFailure} where it is not one that a client may be sent */
export const decode = (bytes: Buffer): Answer => {
  const message = berCursor(bytes)
  const id = takeInteger(message, tags.integer)
  const operation = nextTag(message)
  const content = enter(message)
  if (operation === entryTag) return { id, kind: 'entry', entry: entryOf(content) }
  if (operation === referenceTag) return { id, kind: 'reference' }
  if (operation === undefined || !resultTags.has(operation)) throw malformed('operation')
  return { id, kind: 'result', operation, result: resultOf(content, message) }
}

/** The cookie of a paged result (RFC 2696), empty when there are no more pages. */
export const pageCookie = (result: Result): Buffer => {
  const value = result.controls.get('1.2.840.113556.1.4.319')
  if (value === undefined) return Buffer.alloc(0)
  const page = enter(berCursor(value), tags.sequence)
  enter(page, tags.integer)
  return takeBytes(page, tags.octets)
}
