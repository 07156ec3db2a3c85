import { hash } from 'node:crypto'
import { digits } from './base64.ts'

/** What phpass computes with. */
export interface Phpass {
  readonly kind: 'phpass'
  readonly digest: 'md5' | 'sha512'
  readonly rounds: number
  readonly salt: string
  readonly password: string
  /** The password's MD5, in hexadecimal digits, stands in its place. */
  readonly prepared: boolean
}

/** Bytes in threes, the first the lowest; as long as their bits need. */
function encode(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const three = bytes.subarray(at, at + 3)
    const value = three.reduceRight((sum, byte) => (sum << 8) | byte, 0)
    text += digits(value, Math.ceil((8 * three.length) / 6))
  }
  return text
}

/** phpass's portable hash, without prefix and salt; Drupal cuts it to the 55 characters of its column. */
export function phpass({ digest, rounds, salt, password: text, prepared }: Phpass): string {
  const password = Buffer.from(prepared ? hash('md5', text, 'hex') : text)
  let result = hash(digest, Buffer.concat([Buffer.from(salt), password]), 'buffer')
  for (let round = 0; round < rounds; round++) result = hash(digest, Buffer.concat([result, password]), 'buffer')
  const encoded = encode(result)
  return digest === 'sha512' ? encoded.slice(0, 43) : encoded
}
