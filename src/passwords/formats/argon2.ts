import { verify } from '@node-rs/argon2'
import { isAffordable, parseArgon2 } from '../phc.ts'
import { malformed, type Reader, type Reading, tooExpensive } from './reading.ts'

const reading = (hash: string, lanes?: number): Reading => {
  const parameters = parseArgon2(hash)
  if (parameters === undefined) return malformed
  return isAffordable(parameters, lanes) ? { verify: (password) => verify(hash, password) } : tooExpensive
}

/** `$argon2id$v=19$m=…,t=…,p=…$salt$hash` (RFC 9106, the PHC string format), and argon2i and argon2d likewise. */
export const readArgon2: Reader = (hash) => reading(hash)

/** Django's `argon2$argon2id$v=19$…`; it takes eight lanes. */
export const readDjangoArgon2: Reader = (hash) => reading(hash.slice('argon2'.length), 8)
