import { textOf } from './connections/ber.ts'
import type { Entry } from './connections/messages.ts'

export type { Entry }

const none: readonly Buffer[] = []

/** The values of an attribute in the server's order; names compare without case. */
export const valuesOf = (entry: Entry, attribute: string): readonly Buffer[] =>
  entry.values.get(attribute.toLowerCase()) ?? none

/** The values of an attribute that are text and not empty. */
export const textsOf = (entry: Entry, attribute: string): string[] => {
  const texts: string[] = []
  for (const value of valuesOf(entry, attribute)) {
    const text = textOf(value)
    if (text !== undefined && text !== '') texts.push(text)
  }
  return texts
}

/** All text values of the first of these attributes that has any. */
export const firstTextsOf = (entry: Entry, attributes: readonly string[]): string[] => {
  for (const attribute of attributes) {
    const texts = textsOf(entry, attribute)
    if (texts.length > 0) return texts
  }
  return []
}

/** The first text value of the first of these attributes that has any. */
export const firstTextOf = (entry: Entry, attributes: readonly string[]): string | undefined =>
  firstTextsOf(entry, attributes)[0]

const noValues: Entry['values'] = new Map()

/** The entry with these attributes alone, in lower case, whatever options they come with (RFC 4512 2.5). */
export function reducedTo({ dn, values }: Entry, attributes: ReadonlySet<string>): Entry {
  if (attributes.size === 0) return { dn, values: noValues }
  const kept = [...values].filter(([name]) => attributes.has(name) || attributes.has(name.split(';', 1)[0] ?? ''))
  return { dn, values: new Map(kept) }
}
