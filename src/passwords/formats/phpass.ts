import { inWorker } from './iterated/call.ts'
import { malformed, type Reader, tooExpensive } from './reading.ts'

/** A million digests; phpass writes 2^13 at most by itself, Drupal 7 2^15. */
const mostDoublings = 20

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * phpass's portable `$P$` (WordPress before 6.8) and `$H$` (phpBB), Drupal 7's `$S$` (SHA-512, cut to 55 characters), and its
 * `U` before either: the hash was made of an old table's MD5.
 */
export const readPhpass: Reader = (hash) => {
  const [, of, kind, count = '', salt = '', key = ''] =
    /^(U?)\$([PHS])\$(.)([./A-Za-z0-9]{8})([./A-Za-z0-9]+)$/.exec(hash) ?? []
  const doublings = alphabet.indexOf(count)
  if (kind === undefined || doublings < 7 || doublings > 30) return malformed
  if (key.length !== (kind === 'S' ? 43 : 22)) return malformed
  if (doublings > mostDoublings) return tooExpensive
  const digest = kind === 'S' ? 'sha512' : 'md5'
  const prepared = of === 'U'
  return {
    verify: (password) => inWorker({ kind: 'phpass', digest, rounds: 2 ** doublings, salt, key, password, prepared })
  }
}
