import { createPrivateKey, type KeyObject, sign, webcrypto } from 'node:crypto'
import type { Algorithm } from './key-store.ts'

/**
 * Signs claims as a compact JWS (RFC 7515 7.1) with a private key in PEM, as no library for tokens does. Curves are so
 * quick that handing the work to a thread and fetching it back costs more than the signature; RSA takes ten times as long,
 * and goes to libuv's threads by WebCrypto.
 */
export function createSigner(options: {
  readonly key: string
  readonly algorithm: Algorithm
  readonly kid: string
  readonly typ: string
}): (claims: object) => Promise<string> {
  const { algorithm, kid, typ } = options
  const signatureOf = methods[algorithm](createPrivateKey(options.key))
  const header = encoded({ alg: algorithm, typ, kid })
  return async (claims) => {
    const input = `${header}.${encoded(claims)}`
    const signature = await signatureOf(Buffer.from(input))
    return `${input}.${signature.toString('base64url')}`
  }
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

type Sign = (input: Buffer) => Buffer | Promise<Buffer>

/** RFC 7518 3.1, RFC 8037 3.1. */
const methods: Readonly<Record<Algorithm, (key: KeyObject) => Sign>> = {
  // `dsaEncoding: 'ieee-p1363'` takes as long again as the signature
  ES256: (key) => (input) => concatenated(sign('sha256', input, key)),
  EdDSA: (key) => (input) => sign(null, input, key),
  RS256(key) {
    const method = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    const own = key.toCryptoKey(method, false, ['sign'])
    return async (input) => Buffer.from(await webcrypto.subtle.sign(method, own, input))
  }
}

/** Bytes of each of the two numbers of a signature with P-256. */
const numberBytes = 32

/** A signature as OpenSSL writes it (RFC 3279 2.2.3: a sequence of two integers) in the form of RFC 7518 3.4: R, then S. */
function concatenated(der: Buffer): Buffer {
  const both = Buffer.alloc(2 * numberBytes)
  // a sequence of two such integers is shorter than 128 bytes: each length is one byte
  const second = 4 + (der[3] ?? 0)
  place(der, 2, both.subarray(0, numberBytes))
  place(der, second, both.subarray(numberBytes))
  return both
}

/** An integer is as short as it can be, with a zero before a first byte that would look negative. */
function place(der: Buffer, at: number, into: Buffer): void {
  const number = der.subarray(at + 2, at + 2 + (der[at + 1] ?? 0))
  const bytes = number.length > into.length ? number.subarray(number.length - into.length) : number
  into.set(bytes, into.length - bytes.length)
}
