import { isUtf8 } from 'node:buffer'

/** A distinguished name in one spelling: equal names have equal keys, whatever their case, spaces and escapes. */
export type DnKey = string

/** RFC 4514 section 3's table: these types may be written as numbers. */
const namesByOid = new Map([
  ['2.5.4.3', 'cn'],
  ['2.5.4.7', 'l'],
  ['2.5.4.8', 'st'],
  ['2.5.4.10', 'o'],
  ['2.5.4.11', 'ou'],
  ['2.5.4.6', 'c'],
  ['2.5.4.9', 'street'],
  ['0.9.2342.19200300.100.1.25', 'dc'],
  ['0.9.2342.19200300.100.1.1', 'uid']
])

const typePattern = /^(?:oid\.)?([a-z][a-z0-9-]*|\d+(?:\.\d+)+)$/i
const escapePattern = /\\(?:((?:[0-9a-f]{2})(?:\\[0-9a-f]{2})*)|([ "#+,;<=>\\]))/gi

/** Cuts at separators that are not escaped. */
const split = (text: string, separator: string): string[] => {
  const parts: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === separator) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

/** Without the spaces around it; one that is escaped at the end stays. */
const trim = (text: string): string => {
  const left = text.replace(/^ +/, '')
  const right = left.replace(/ +$/, '')
  const escapes = /\\*$/.exec(right)?.[0].length ?? 0
  return escapes % 2 === 1 && right.length < left.length ? `${right} ` : right
}

const utf8 = (bytes: Buffer): string => {
  if (!isUtf8(bytes)) throw new Error('escaped bytes that are not UTF-8')
  return bytes.toString('utf8')
}

const plainValue = (text: string): string => {
  const rest = text.replace(escapePattern, '')
  const [bare] = /[\\"+,;<>\0]/.exec(rest) ?? []
  if (bare !== undefined) {
    const quotes = bare === '"' ? ', and no quotes around a value' : ''
    throw new Error(`in ${JSON.stringify(text)} a backslash goes before each ${bare}${quotes}`)
  }
  return text.replace(escapePattern, (_, hex: string | undefined, character: string) =>
    hex === undefined ? character : utf8(Buffer.from(hex.replaceAll('\\', ''), 'hex'))
  )
}

/** As caseIgnoreMatch prepares a value (RFC 4518): compatibility forms, case, and how many spaces don't count. */
export const prepare = (value: string): string =>
  value.normalize('NFKC').toLowerCase().normalize('NFKC').trim().replace(/\s+/g, ' ')

const assertionOf = (text: string): readonly [type: string, value: string] => {
  const at = text.indexOf('=')
  const [, type] = typePattern.exec(text.slice(0, Math.max(0, at)).trim()) ?? []
  if (type === undefined) throw new Error(`expected type=value, not ${JSON.stringify(text)}`)
  const value = trim(text.slice(at + 1))
  const name = namesByOid.get(type) ?? type.toLowerCase()
  if (!value.startsWith('#')) return [name, prepare(plainValue(value))]
  if (!/^#(?:[0-9a-f]{2})+$/i.test(value)) throw new Error(`expected hexadecimal digits in ${JSON.stringify(text)}`)
  return [name, hexValue(value)]
}

/** `#04024869` is a BER string; one that is text compares with the same text written plainly. */
const hexValue = (value: string): string => {
  const bytes = Buffer.from(value.slice(1), 'hex')
  const isShortString = (bytes[0] === 0x04 || bytes[0] === 0x0c) && bytes[1] === bytes.length - 2
  return isShortString ? prepare(utf8(bytes.subarray(2))) : value.toLowerCase()
}

/**
 * Parses a distinguished name (RFC 4514) and gives its key. The order within a multi-valued RDN does not count.
 * @throws {Error} whose message says what is wrong
 */
export const dnKey = (dn: string): DnKey => {
  if (dn.trim() === '') return '[]'
  const rdns = split(dn, ',').map((rdn) => split(rdn, '+').map(assertionOf))
  return JSON.stringify(rdns.map((assertions) => assertions.map(([type, value]) => `${type}=${value}`).sort()))
}

/** Whether a name is the base itself or lies below it. */
export const isWithin = (key: DnKey, base: DnKey): boolean =>
  key === base || base === '[]' || key.endsWith(`,${base.slice(1)}`)

/** The first value of a name's first part, as it is written there, with its type: `['cn', 'Editors']`. */
export const firstValueOf = (dn: string): readonly [type: string, value: string] | undefined => {
  const [assertion = ''] = split(split(dn, ',')[0] ?? '', '+')
  const at = assertion.indexOf('=')
  const value = trim(assertion.slice(at + 1))
  if (at < 1 || value.startsWith('#')) return undefined
  return [assertion.slice(0, at).trim().toLowerCase(), plainValue(value)]
}
