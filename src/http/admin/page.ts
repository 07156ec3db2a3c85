import { InvalidRequest } from '../../errors.ts'

/** A page of a list: what is there, and the cursor of the next page or null. */
export interface Page<Item> {
  readonly items: Item[]
  readonly next: string | null
}

/** Where a list goes on, from a cursor that a page before gave. @throws {InvalidRequest} it never did */
export function positionOf(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const position = Buffer.from(cursor, 'base64url').toString('utf8')
  if (cursorOf(position) !== cursor || position === '') throw new InvalidRequest('The cursor is none of ours')
  return position
}

/** The cursor of a position: opaque, so that nobody makes one. */
export const cursorOf = (position: string): string => Buffer.from(position).toString('base64url')

/** The page of a list that was asked for one item more than the page holds. */
export function pageOf<Found, Item>(
  found: readonly Found[],
  limit: number,
  positionOf: (item: Found) => string,
  show: (item: Found) => Item
): Page<Item> {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items: items.map(show), next: found.length > limit && last ? cursorOf(positionOf(last)) : null }
}
