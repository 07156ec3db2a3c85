import { createPrivateKey, sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm } from './key-store.ts'

const hashes: Record<Algorithm, string | null> = { ES256: 'sha256', RS256: 'sha256', EdDSA: null }
const signInThread = promisify(sign)

/**
 * Signs claims as a compact JWS (RFC 7515 7.1) with a private key in PEM; ES256 as RFC 7518 3.4 has it, R and S side by
 * side. In libuv's threads, which no library for tokens does: a signature takes as long as the rest of a request's turn.
 */
export function createSigner(options: {
  readonly key: string
  readonly algorithm: Algorithm
  readonly kid: string
  readonly typ: string
}): (claims: object) => Promise<string> {
  const { algorithm, kid, typ } = options
  const key = { key: createPrivateKey(options.key), dsaEncoding: 'ieee-p1363' } as const
  const header = encoded({ alg: algorithm, typ, kid })
  return async (claims) => {
    const input = `${header}.${encoded(claims)}`
    const signature = await signInThread(hashes[algorithm], Buffer.from(input), key)
    return `${input}.${signature.toString('base64url')}`
  }
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
