import { hash } from 'node:crypto'
import { permuted } from './base64.ts'

/** What SHA-crypt computes with. */
export interface ShaCrypt {
  readonly kind: 'sha-crypt'
  readonly digest: 'sha256' | 'sha512'
  readonly rounds: number
  readonly salt: string
  readonly password: string
}

/** The places of the digest's bytes in the text, as the specification lists them (step 22). */
const order256 = Array.from({ length: 10 }, (_, at) => rotated([at, at + 10, at + 20], 2 * at))
const order512 = Array.from({ length: 21 }, (_, at) => rotated([at, at + 21, at + 42], at))

function rotated(places: readonly number[], by: number): number[] {
  return places.map((_, at) => places[(at + by) % 3] ?? 0)
}

/** SHA-crypt, step by step as akkadia.org/drepper/SHA-crypt.txt has it; without `$6$rounds=…$salt$`. */
export function shaCrypt({ digest, rounds, salt: saltText, password: passwordText }: ShaCrypt): string {
  const password = Buffer.from(passwordText)
  const salt = Buffer.from(saltText)
  const digestOf = (...parts: Uint8Array[]): Buffer => hash(digest, Buffer.concat(parts), 'buffer')
  const filled = (source: Buffer, length: number) => Buffer.alloc(length, source)

  const b = digestOf(password, salt, password)
  const first: Buffer[] = [password, salt, filled(b, password.length)]
  for (let bits = password.length; bits > 0; bits >>>= 1) first.push(bits & 1 ? b : password)
  let a = digestOf(...first)

  const dp = digestOf(...Array.from({ length: password.length }, () => password))
  const p = filled(dp, password.length)
  const ds = digestOf(...Array.from({ length: 16 + (a[0] ?? 0) }, () => salt))
  const s = filled(ds, salt.length)

  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1
    const parts = [odd ? p : a]
    if (round % 3 !== 0) parts.push(s)
    if (round % 7 !== 0) parts.push(p)
    parts.push(odd ? a : p)
    a = digestOf(...parts)
  }
  return digest === 'sha256' ? permuted(a, [...order256, [31, 30]]) : permuted(a, [...order512, [63]])
}
