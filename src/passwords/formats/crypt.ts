import { inWorker } from './iterated/call.ts'
import { malformed, type Reader, type Reading, tooExpensive } from './reading.ts'

/** Above passlib's usual 656,000; half a second to a second. */
const mostRounds = 1_000_000

/** libxcrypt takes no longer one (CRYPT_MAX_PASSPHRASE_SIZE): the time goes with the length. */
const mostBytes = 512

const verifying = (work: (password: string) => Promise<boolean>): Reading => ({
  verify: async (password) =>
    Buffer.byteLength(password) <= mostBytes && !password.includes('\0') && (await work(password))
})

/** `$5$…` and `$6$…`: SHA-crypt (akkadia.org/drepper/SHA-crypt.txt), with `rounds=` or its 5,000. */
export const readShaCrypt: Reader = (hash) => {
  const [, kind, written, salt = '', key = ''] =
    /^\$([56])\$(?:rounds=(\d{1,10})\$)?([^$\0\n:]{0,16})\$([./A-Za-z0-9]+)$/.exec(hash) ?? []
  if (kind === undefined || key.length !== (kind === '5' ? 43 : 86)) return malformed
  const rounds = written === undefined ? 5000 : Math.max(1000, Number(written))
  if (rounds > mostRounds) return tooExpensive
  const digest = kind === '5' ? 'sha256' : 'sha512'
  return verifying((password) => inWorker({ kind: 'sha-crypt', digest, rounds, salt, key, password }))
}

/** `$1$…` (FreeBSD's MD5-crypt) and Apache's `$apr1$…`: a thousand rounds. */
export const readMd5Crypt: Reader = (hash) => {
  const [, magic, salt = '', key = ''] = /^(\$1\$|\$apr1\$)([^$\0\n:]{0,8})\$([./A-Za-z0-9]{22})$/.exec(hash) ?? []
  if (magic === undefined) return malformed
  return verifying((password) => inWorker({ kind: 'md5-crypt', magic, salt, key, password }))
}
