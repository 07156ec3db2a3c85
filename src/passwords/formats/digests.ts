import { createHash } from 'node:crypto'
import { fromBase64, fromHex, malformed, type Reader, type Reading, sameBytes } from './reading.ts'

const digestBytes: Readonly<Record<string, number>> = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 }

const verifying = (digest: string, key: Buffer, before: string, after: Uint8Array): Reading => ({
  verify: async (password) => sameBytes(createHash(digest).update(before).update(password).update(after).digest(), key)
})

const nothing = new Uint8Array()

/** RFC 2307's and OpenLDAP's `{SSHA}base64`: the digest, and behind it the salt, which a scheme without S does not have. */
export const readLdapDigest =
  (digest: string, { salted }: { salted: boolean }): Reader =>
  (hash) => {
    const bytes = fromBase64(hash)
    const length = digestBytes[digest] ?? 0
    if (bytes === undefined || bytes.length < length || bytes.length > length + 256) return malformed
    if (salted !== bytes.length > length) return malformed
    return verifying(digest, bytes.subarray(0, length), '', bytes.subarray(length))
  }

/** Django's `md5$salt$hex` and `sha1$salt$hex`; without a salt it is a plain digest. */
export const readDjangoDigest =
  ({ weak }: { weak: boolean }): Reader =>
  (hash) => {
    const [, digest = '', salt = '', hex = ''] = /^(md5|sha1)\$([^$]{0,512})\$([^$]+)$/.exec(hash) ?? []
    const key = fromHex(hex)
    if (key === undefined || key.length !== digestBytes[digest]) return malformed
    if (salt === '' && !weak) return { unusable: 'weak' }
    return verifying(digest, key, salt, nothing)
  }

/** A digest in hexadecimal digits and nothing else; `undefined` where the hash is none. */
export function readPlainDigest(hash: string, { weak }: { weak: boolean }): Reading | undefined {
  const key = fromHex(hash)
  const digest = Object.keys(digestBytes).find((name) => digestBytes[name] === key?.length)
  if (key === undefined || digest === undefined) return undefined
  return weak ? verifying(digest, key, '', nothing) : { unusable: 'weak' }
}
