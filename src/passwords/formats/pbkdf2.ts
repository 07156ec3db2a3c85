import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import {
  fromBase64,
  fromHex,
  malformed,
  numberOf,
  type Reader,
  type Reading,
  sameBytes,
  tooExpensive
} from './reading.ts'

const derive = promisify(pbkdf2)

/** Three times what Django 6 takes; about a second. */
const mostIterations = 3_600_000

const digestBytes: Readonly<Record<string, number>> = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 }

interface Parts {
  readonly digest: string
  readonly iterations: number
  readonly salt: Buffer | undefined
  readonly key: Buffer | undefined
}

/** RFC 8018 5.2. A key of more than one block would cost as many times the iterations: none is that long. */
function reading({ digest, iterations, salt, key }: Parts): Reading {
  const most = digestBytes[digest]
  if (most === undefined || salt === undefined || key === undefined) return malformed
  if (!(iterations >= 1) || key.length < 10 || key.length > most || salt.length > 512) return malformed
  if (iterations > mostIterations) return tooExpensive
  return { verify: async (password) => sameBytes(await derive(password, salt, iterations, key.length, digest), key) }
}

/** `$pbkdf2-sha256$i=10000,l=32$salt$hash` (PHC), and passlib's `$pbkdf2-sha256$29000$salt$hash`, `$pbkdf2$…` for SHA-1. */
export const readPbkdf2: Reader = (hash) => {
  const [, digest = 'sha1', phc, plain, salt = '', key = ''] =
    /^\$pbkdf2(?:-(sha\d+))?\$(?:i=(\d+)(?:,l=\d+)?|(\d+))\$([^$]*)\$([^$]+)$/.exec(hash) ?? []
  return reading({ digest, iterations: numberOf(phc ?? plain), salt: fromBase64(salt), key: fromBase64(key) })
}

/** Django's `pbkdf2_sha256$iterations$salt$hash` and `pbkdf2_sha1$…`: the salt is text. */
export const readDjangoPbkdf2: Reader = (hash) => {
  const [, digest = '', iterations, salt = '', key = ''] =
    /^pbkdf2_(sha1|sha256|sha512)\$(\d+)\$([^$]+)\$([^$]+)$/.exec(hash) ?? []
  return reading({ digest, iterations: numberOf(iterations), salt: Buffer.from(salt), key: fromBase64(key) })
}

/** Werkzeug's (Flask) `pbkdf2:sha256:600000$salt$hex`: the salt is text. */
export const readWerkzeugPbkdf2: Reader = (hash) => {
  const [, digest = '', iterations, salt = '', key = ''] = /^pbkdf2:(sha\d+):(\d+)\$([^$]+)\$([^$]+)$/.exec(hash) ?? []
  return reading({ digest, iterations: numberOf(iterations), salt: Buffer.from(salt), key: fromHex(key) })
}

/** OpenLDAP's pw-pbkdf2: `{PBKDF2-SHA256}10000$salt$hash`; `digest` is what the scheme says. */
export const readLdapPbkdf2 =
  (digest: string): Reader =>
  (hash) => {
    const [, iterations, salt = '', key = ''] = /^(\d+)\$([^$]+)\$([^$]+)$/.exec(hash) ?? []
    return reading({ digest, iterations: numberOf(iterations), salt: fromBase64(salt), key: fromBase64(key) })
  }

/** Dovecot's `{PBKDF2}$1$salt$5000$hex`: of SHA-1, and the salt is text. */
export const readDovecotPbkdf2: Reader = (hash) => {
  const [, salt = '', iterations, key = ''] = /^\$1\$([^$]+)\$(\d+)\$([^$]+)$/.exec(hash) ?? []
  return reading({ digest: 'sha1', iterations: numberOf(iterations), salt: Buffer.from(salt), key: fromHex(key) })
}
