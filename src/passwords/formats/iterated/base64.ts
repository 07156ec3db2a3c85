const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The digits of crypt(3): six bits each, the lowest first; as many as the bits need, or `length`. */
export function digits(value: number, length: number): string {
  let text = ''
  for (let at = 0; at < length; at++) text += alphabet[(value >>> (6 * at)) & 63]
  return text
}

/** Bytes by threes, in the order that `order` names them, three places each. */
export const permuted = (bytes: Uint8Array, order: readonly (readonly number[])[]): string =>
  order
    .map((places) => {
      const value = places.reduce((sum, place) => (sum << 8) | (bytes[place] ?? 0), 0)
      return digits(value, Math.ceil((8 * places.length) / 6))
    })
    .join('')
