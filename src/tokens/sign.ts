import { createPrivateKey, webcrypto } from 'node:crypto'
import type { Algorithm } from './key-store.ts'

/** What WebCrypto calls each algorithm (RFC 7518 3.1, RFC 8037 3.1): the key's, and the signature's. */
const methods = {
  ES256: [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { name: 'ECDSA', hash: 'SHA-256' }
  ],
  RS256: [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, { name: 'RSASSA-PKCS1-v1_5' }],
  EdDSA: [{ name: 'Ed25519' }, { name: 'Ed25519' }]
} as const satisfies Record<Algorithm, readonly [object, object]>

/**
 * Signs claims as a compact JWS (RFC 7515 7.1) with a private key in PEM. By WebCrypto, which works in libuv's threads, as no
 * library for tokens does: a signature takes as long as the rest of a request's turn, and half of that remains in the event
 * loop where `crypto.sign` is called with a callback.
 */
export function createSigner(options: {
  readonly key: string
  readonly algorithm: Algorithm
  readonly kid: string
  readonly typ: string
}): (claims: object) => Promise<string> {
  const { algorithm, kid, typ } = options
  const [ofKey, ofSignature] = methods[algorithm]
  const key = createPrivateKey(options.key).toCryptoKey(ofKey, false, ['sign'])
  const header = encoded({ alg: algorithm, typ, kid })
  return async (claims) => {
    const input = `${header}.${encoded(claims)}`
    const signature = await webcrypto.subtle.sign(ofSignature, key, Buffer.from(input))
    return `${input}.${Buffer.from(signature).toString('base64url')}`
  }
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
