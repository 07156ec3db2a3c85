import { readArgon2, readDjangoArgon2 } from './argon2.ts'
import { readBcrypt, readDjangoBcrypt, readDjangoBcryptSha256, readWordpressBcrypt } from './bcrypt.ts'
import { readMd5Crypt, readShaCrypt } from './crypt.ts'
import { readDjangoDigest, readLdapDigest, readPlainDigest } from './digests.ts'
import { readDjangoPbkdf2, readDovecotPbkdf2, readLdapPbkdf2, readPbkdf2, readWerkzeugPbkdf2 } from './pbkdf2.ts'
import { readPhpass } from './phpass.ts'
import type { Reader, Reading } from './reading.ts'
import { readDjangoScrypt, readScrypt, readWerkzeugScrypt } from './scrypt.ts'

/** What a source allows. */
export interface ReadingOptions {
  /** Digests without any salt. */
  readonly weak?: boolean
}

/** Families by their prefix. */
const byPrefix: ReadonlyArray<readonly [prefix: string, read: Reader]> = [
  ['$argon2', readArgon2],
  ['$2', readBcrypt],
  ['$wp$2', readWordpressBcrypt],
  ['$pbkdf2', readPbkdf2],
  ['$scrypt$', readScrypt],
  ['$6$', readShaCrypt],
  ['$5$', readShaCrypt],
  ['$1$', readMd5Crypt],
  ['$apr1$', readMd5Crypt],
  ['$P$', readPhpass],
  ['$H$', readPhpass],
  ['$S$', readPhpass],
  ['$y$', () => ({ unusable: 'yescrypt' })],
  ['$gy$', () => ({ unusable: 'yescrypt' })],
  ['U$', readPhpass],
  ['argon2$', readDjangoArgon2],
  ['bcrypt$', readDjangoBcrypt],
  ['bcrypt_sha256$', readDjangoBcryptSha256],
  ['pbkdf2_', readDjangoPbkdf2],
  ['pbkdf2:', readWerkzeugPbkdf2],
  ['scrypt$', readDjangoScrypt],
  ['scrypt:', readWerkzeugScrypt]
]

/** RFC 2307's schemes, in lower case, as OpenLDAP, 389 Directory Server and Dovecot write them. */
const byScheme: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...['sha', 'sha256', 'sha384', 'sha512', 'md5'].flatMap((name): [string, Reader][] => {
    const digest = name === 'sha' ? 'sha1' : name
    const plain: [string, Reader][] = name === 'md5' ? [] : [[name, readLdapDigest(digest, { salted: false })]]
    return [...plain, [`s${name}`, readLdapDigest(digest, { salted: true })]]
  }),
  ...['sha1', 'sha256', 'sha512'].map((digest): [string, Reader] => [`pbkdf2-${digest}`, readLdapPbkdf2(digest)]),
  ['pbkdf2', (hash) => (hash.startsWith('$') ? readDovecotPbkdf2(hash) : readLdapPbkdf2('sha1')(hash))],
  ...['crypt', 'bcrypt', 'blf-crypt', 'argon2', 'argon2i', 'argon2id', 'sha512-crypt', 'sha256-crypt', 'md5-crypt'].map(
    (scheme): [string, Reader] => [
      scheme,
      (hash) => (hash.startsWith('$') || scheme === 'crypt' ? readByPrefix(hash) : unsupported)
    ]
  )
])

const unsupported: Reading = { unusable: 'unsupported' }

/** crypt(3)'s oldest, of eight characters: traditional, BSDi's extended, and as Django wrote it. */
const desCrypt = /^(?:(?:crypt\$[./\w]{0,2}\$)?[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19})$/

function readByPrefix(hash: string): Reading {
  const read = byPrefix.find(([prefix]) => hash.startsWith(prefix))?.[1]
  if (read) return read(hash)
  return desCrypt.test(hash) ? { unusable: 'des-crypt' } : unsupported
}

/** Longer is none of those that we know. */
const longestHash = 2048

/**
 * Reads a stored hash of any kind that we know by its prefix. Its cost is judged here, before anything is computed or
 * allocated: a foreign table could otherwise make anybody's login compute for minutes.
 */
export function readHash(hash: string, { weak = false }: ReadingOptions = {}): Reading {
  if (hash === '' || /^[!*]/.test(hash)) return { unusable: 'none' }
  if (hash.length > longestHash) return { unusable: 'malformed' }
  const [, scheme, rest = ''] = /^\{([\w-]{1,32})\}(.*)$/s.exec(hash) ?? []
  if (scheme !== undefined) return readScheme(scheme.toLowerCase(), rest)
  if (/^(md5|sha1)\$/.test(hash)) return readDjangoDigest({ weak })(hash)
  return readPlainDigest(hash, { weak }) ?? readByPrefix(hash)
}

function readScheme(scheme: string, rest: string): Reading {
  if (/^[!*]/.test(rest) || rest === '') return { unusable: 'none' }
  return byScheme.get(scheme)?.(rest) ?? unsupported
}

export type { Reading, UnusableReason } from './reading.ts'
