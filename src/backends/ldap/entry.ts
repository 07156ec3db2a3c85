import { textOf } from './connections/ber.ts'
import type { Entry } from './connections/messages.ts'

export type { Entry }

/** The values of an attribute that are text, in the server's order; names compare without case. */
export const textsOf = (entry: Entry, attribute: string): string[] => {
  const texts: string[] = []
  for (const value of entry.values.get(attribute.toLowerCase()) ?? []) {
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
