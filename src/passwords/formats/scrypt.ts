import { scrypt } from 'node:crypto'
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

/** 128 MiB, as for argon2; and 128 · N · r · p, the bytes that are gone over, at most four times that. */
const mostMemory = 128 * 1024 * 1024
const mostWork = 4 * mostMemory

interface Parts {
  readonly cost: number
  readonly blockSize: number
  readonly parallelization: number
  readonly salt: Buffer | undefined
  readonly key: Buffer | undefined
}

/** RFC 7914. */
function reading({ cost, blockSize, parallelization, salt, key }: Parts): Reading {
  const isPowerOfTwo = cost >= 2 && Number.isInteger(Math.log2(cost))
  if (!isPowerOfTwo || !(blockSize >= 1) || !(parallelization >= 1)) return malformed
  if (salt === undefined || salt.length > 512 || key === undefined || key.length < 16 || key.length > 128) {
    return malformed
  }
  const memory = 128 * cost * blockSize
  const lanes = 128 * parallelization * blockSize
  if (memory > mostMemory || memory * parallelization > mostWork || lanes > mostMemory) return tooExpensive
  const options = { cost, blockSize, parallelization, maxmem: memory + lanes + 1024 * 1024 }
  const derive = (password: string) =>
    new Promise<Buffer>((resolve, reject) => {
      scrypt(password, salt, key.length, options, (error, derived) => (error ? reject(error) : resolve(derived)))
    })
  return { verify: async (password) => sameBytes(await derive(password), key) }
}

/** `$scrypt$ln=16,r=8,p=1$salt$hash` (PHC, passlib). */
export const readScrypt: Reader = (hash) => {
  const [, ln, r, p, salt = '', key = ''] =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d+),p=(\d+)\$([^$]*)\$([^$]+)$/.exec(hash) ?? []
  return reading({
    ...{ cost: 2 ** numberOf(ln), blockSize: numberOf(r), parallelization: numberOf(p) },
    ...{ salt: fromBase64(salt), key: fromBase64(key) }
  })
}

/** Django's `scrypt$N$salt$r$p$hash`: the salt is text. */
export const readDjangoScrypt: Reader = (hash) => {
  const [, n, salt = '', r, p, key = ''] = /^scrypt\$(\d+)\$([^$]+)\$(\d+)\$(\d+)\$([^$]+)$/.exec(hash) ?? []
  return reading({
    ...{ cost: numberOf(n), blockSize: numberOf(r), parallelization: numberOf(p) },
    ...{ salt: Buffer.from(salt), key: fromBase64(key) }
  })
}

/** Werkzeug's (Flask) `scrypt:32768:8:1$salt$hex`: the salt is text. */
export const readWerkzeugScrypt: Reader = (hash) => {
  const [, n, r, p, salt = '', key = ''] = /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([^$]+)$/.exec(hash) ?? []
  return reading({
    ...{ cost: numberOf(n), blockSize: numberOf(r), parallelization: numberOf(p) },
    ...{ salt: Buffer.from(salt), key: fromHex(key) }
  })
}
