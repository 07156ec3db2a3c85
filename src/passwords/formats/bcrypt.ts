import { createHash, createHmac } from 'node:crypto'
import { malformed, type Reader, type Reading, tooExpensive } from './reading.ts'

/** About a second; PHP and Django take 12. */
const mostCost = 14

const bcryptPattern = /^\$2([abxy])\$(\d\d)(\$[./A-Za-z0-9]{53})$/

/** What bcrypt is given for a password; `undefined` for one that it can't tell from another. */
type Key = (password: string) => string | Buffer | undefined

/**
 * bcrypt reads 72 bytes and stops at a NUL. What is longer is cut, as whoever made the hash did: it holds no more. 2a, 2b and
 * 2y are one algorithm; 2x marks hashes of crypt_blowfish before 1.1, which took bytes above 127 for negative numbers.
 */
function reading(hash: string, key: Key): Reading {
  const [, version, cost, rest] = bcryptPattern.exec(hash) ?? []
  if (version === undefined || Number(cost) < 4 || Number(cost) > 31) return malformed
  if (Number(cost) > mostCost) return tooExpensive
  return {
    async verify(password) {
      const given = key(password)
      if (given === undefined) return false
      const { default: bcrypt } = await import('bcrypt')
      return bcrypt.compare(version === 'x' ? signExtended(Buffer.from(given)) : given, `$2b$${cost}${rest}`)
    }
  }
}

const asItIs: Key = (password) => (password.includes('\0') ? undefined : password)

/** `$2a$`, `$2b$`, `$2x$` and `$2y$`. */
export const readBcrypt: Reader = (hash) => reading(hash, asItIs)

/** Django's `bcrypt$$2b$12$…`. */
export const readDjangoBcrypt: Reader = (hash) => reading(hash.replace('bcrypt$', ''), asItIs)

/** Django's `bcrypt_sha256$$2b$12$…`: of the digest in hexadecimal digits. */
export const readDjangoBcryptSha256: Reader = (hash) =>
  reading(hash.replace('bcrypt_sha256$', ''), (password) => createHash('sha256').update(password).digest('hex'))

/** WordPress's `$wp$2y$10$…` (since 6.8): of an HMAC in base64. */
export const readWordpressBcrypt: Reader = (hash) =>
  reading(hash.replace('$wp', ''), (password) => createHmac('sha384', 'wp-sha384').update(password).digest('base64'))

/**
 * The 72 bytes for a right bcrypt that come to the same as this password for the wrong one: of each four bytes, which are
 * shifted into a word one after the other, one above 127 set all bits before its own.
 */
export function signExtended(password: Uint8Array): Buffer {
  const endless = Buffer.from([...password.subarray(0, 72), 0])
  const key = Buffer.alloc(72)
  for (let at = 0; at < key.length; at += 4) {
    let word = 0
    for (let byte = at; byte < at + 4; byte++) word = (word << 8) | endless.readInt8(byte % endless.length)
    key.writeInt32BE(word, at)
  }
  return key
}
