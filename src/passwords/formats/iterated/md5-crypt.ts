import { hash } from 'node:crypto'
import { permuted } from './base64.ts'

/** What MD5-crypt computes with; `magic` is the prefix, which goes into it. */
export interface Md5Crypt {
  readonly kind: 'md5-crypt'
  readonly magic: string
  readonly salt: string
  readonly password: string
}

const order = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]]

const md5 = (...parts: Uint8Array[]): Buffer => hash('md5', Buffer.concat(parts), 'buffer')

/** Poul-Henning Kamp's MD5-crypt, as FreeBSD's libcrypt and Apache's htpasswd have it; without prefix and salt. */
export function md5Crypt({ magic, salt: saltText, password: passwordText }: Md5Crypt): string {
  const password = Buffer.from(passwordText)
  const salt = Buffer.from(saltText)
  const inner = md5(password, salt, password)
  const first = [password, Buffer.from(magic), salt, Buffer.alloc(password.length, inner)]
  for (let bits = password.length; bits > 0; bits >>>= 1) {
    first.push(bits & 1 ? Buffer.alloc(1) : password.subarray(0, 1))
  }
  let result = md5(...first)
  for (let round = 0; round < 1000; round++) {
    const odd = round % 2 === 1
    const parts = [odd ? password : result]
    if (round % 3 !== 0) parts.push(salt)
    if (round % 7 !== 0) parts.push(password)
    parts.push(odd ? result : password)
    result = md5(...parts)
  }
  return permuted(result, order)
}
