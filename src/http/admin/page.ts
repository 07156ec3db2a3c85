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

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The same in a list by ids that are UUIDs. @throws {InvalidRequest} it is none of such a list */
export function idPositionOf(cursor: string | undefined): string | undefined {
  const position = positionOf(cursor)
  if (position !== undefined && !uuid.test(position)) throw new InvalidRequest('The cursor is none of this list')
  return position
}

/** The cursor of a position: opaque, so that nobody makes one. */
export const cursorOf = (position: string): string => Buffer.from(position).toString('base64url')

/** What comes after a cursor in a list that is held as a whole. @throws {InvalidRequest} what it stood at is there no more */
export function behindCursor<Found>(
  all: readonly Found[],
  cursor: string | undefined,
  positionIn: (item: Found) => string
): readonly Found[] {
  const after = positionOf(cursor)
  if (after === undefined) return all
  const at = all.findIndex((item) => positionIn(item) === after)
  if (at < 0) throw new InvalidRequest('The cursor is none of this list, or not any more')
  return all.slice(at + 1)
}

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
