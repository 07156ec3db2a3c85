import { timingSafeEqual } from 'node:crypto'

/**
 * Why a stored hash verifies nothing, for the log. `none`: it says that no password is set; `yescrypt` and `des-crypt`: that is
 * what it is, and those people need another password.
 */
export type UnusableReason = 'none' | 'malformed' | 'unsupported' | 'yescrypt' | 'des-crypt' | 'too-expensive' | 'weak'

/** A stored hash, read before anything is computed: what verifies a password against it, or why nothing does. */
export type Reading =
  | { readonly verify: (password: string) => Promise<boolean> }
  | { readonly unusable: UnusableReason }

/** Reads the hashes of one family; `rest` follows the prefix that chose the family. */
export type Reader = (hash: string) => Reading

/** It was meant to be of this family, and is not. */
export const malformed: Reading = { unusable: 'malformed' }

/** It would cost more than anybody may make us compute who is not authenticated. */
export const tooExpensive: Reading = { unusable: 'too-expensive' }

/** Compares in constant time; values of different lengths differ. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

/** base64 with or without padding, in its own alphabet or passlib's (`.` for `+`); `undefined` for anything else. */
export function fromBase64(text: string): Buffer | undefined {
  const [, digits = ''] = /^([A-Za-z0-9+/.]*)={0,2}$/.exec(text) ?? []
  if (digits === '' || digits.length % 4 === 1) return undefined
  return Buffer.from(digits.replaceAll('.', '+'), 'base64')
}

/** Hexadecimal digits in any case; `undefined` for anything else. */
export const fromHex = (text: string): Buffer | undefined =>
  /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, 'hex') : undefined

/** A decimal number of a hash: no sign, no zeros in front, at most ten digits. */
export const numberOf = (text: string | undefined): number =>
  text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN
