import { type BerReader, createBerReader, elementAt, integerOf, malformed, textOf } from './ber.ts'

/** An entry as the server sent it: values by attribute description in lower case. */
export interface Entry {
  readonly dn: string
  readonly values: ReadonlyMap<string, readonly Buffer[]>
}

/** How an operation ended (RFC 4511 4.1.9). */
export interface Result {
  readonly code: number
  readonly diagnostic: string
  /** Values of response controls by OID. */
  readonly controls: ReadonlyMap<string, Buffer>
}

/** What a server sends: an entry, a reference, or the end of an operation. */
export type Answer =
  | { readonly id: number; readonly kind: 'entry'; readonly entry: Entry }
  | { readonly id: number; readonly kind: 'reference' }
  | { readonly id: number; readonly kind: 'result'; readonly operation: number; readonly result: Result }

export const operations = { bindResponse: 0x61, searchDone: 0x65, extendedResponse: 0x78 } as const

const tags = { integer: 0x02, octets: 0x04, enumerated: 0x0a, sequence: 0x30, set: 0x31, controls: 0xa0 } as const
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
      const element = elementAt(rest, 0)
      if (element !== undefined && element.end > maxMessageBytes) throw malformed('too large')
      if (element === undefined || element.end > rest.length) return
      const message = rest.subarray(element.content, element.end)
      rest = rest.subarray(element.end)
      onMessage(message)
    }
  }
  return { push, pendingBytes: () => rest.length }
}

const text = (content: Buffer): string => {
  const decoded = textOf(content)
  if (decoded === undefined) throw malformed('no UTF-8')
  return decoded
}

const entryOf = (content: Buffer): Entry => {
  const reader = createBerReader(content)
  const dn = text(reader.take(tags.octets))
  const values = new Map<string, Buffer[]>()
  for (const list = createBerReader(reader.take(tags.sequence)); !list.done; ) {
    const attribute = createBerReader(list.take(tags.sequence))
    const name = text(attribute.take(tags.octets)).toLowerCase()
    const found = values.get(name) ?? []
    for (const set = createBerReader(attribute.take(tags.set)); !set.done; ) found.push(set.take(tags.octets))
    values.set(name, found)
  }
  return { dn, values }
}

const controlsOf = (reader: BerReader): ReadonlyMap<string, Buffer> => {
  if (reader.done) return none
  const controls = new Map<string, Buffer>()
  for (const list = createBerReader(reader.take(tags.controls)); !list.done; ) {
    const control = createBerReader(list.take(tags.sequence))
    const oid = text(control.take(tags.octets))
    let value: Buffer = Buffer.alloc(0)
    while (!control.done) value = control.take()
    controls.set(oid, value)
  }
  return controls
}

/** Decodes one LDAPMessage's content (RFC 4511 4.1.1). @throws {LdapFailure} where it is not one that a client may be sent */
export const decode = (message: Buffer): Answer => {
  const reader = createBerReader(message)
  const id = integerOf(reader.take(tags.integer))
  const operation = reader.tag
  const content = reader.take()
  if (operation === entryTag) return { id, kind: 'entry', entry: entryOf(content) }
  if (operation === referenceTag) return { id, kind: 'reference' }
  if (operation === undefined || !Object.values<number>(operations).includes(operation)) throw malformed('operation')
  const ldapResult = createBerReader(content)
  const code = integerOf(ldapResult.take(tags.enumerated))
  ldapResult.take(tags.octets)
  const diagnostic = textOf(ldapResult.take(tags.octets)) ?? ''
  return { id, kind: 'result', operation, result: { code, diagnostic, controls: controlsOf(reader) } }
}

/** The cookie of a paged result (RFC 2696), empty when there are no more pages. */
export const pageCookie = (result: Result): Buffer => {
  const value = result.controls.get('1.2.840.113556.1.4.319')
  if (value === undefined) return Buffer.alloc(0)
  const reader = createBerReader(createBerReader(value).take(tags.sequence))
  reader.take(tags.integer)
  return reader.take(tags.octets)
}
