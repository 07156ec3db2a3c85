import { InvalidRequest } from '../errors.ts'

/** Where a page ended: in which order, at which value and at which id. */
export interface Cursor {
  readonly order: string
  readonly value: string | number | null
  readonly id: string
}

/** The cursor as a caller gets it, who sees nothing in it. */
export const writeCursor = ({ order, value, id }: Cursor): string =>
  Buffer.from(JSON.stringify([order, value, id])).toString('base64url')

/** @throws {InvalidRequest} it is none of ours, or of a list in another order */
export const readCursor = (
  text: string,
  order: string,
  isOfOrder: (value: Cursor['value']) => boolean = () => true
): Cursor => {
  const [given, value, id] = parsed(text)
  const isValue = value === null || typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))
  if (given !== order || !isValue || !isOfOrder(value) || typeof id !== 'string')
    throw new InvalidRequest('cursor: not from a list of this order')
  return { order, value, id }
}

const parsed = (text: string): readonly unknown[] => {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
