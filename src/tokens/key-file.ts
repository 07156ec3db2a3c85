import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Algorithm } from './key-store.ts'
import type { PrivateKey } from './new-key.ts'

/** A private key in a file, or what is wrong with it, in words that hold nothing of it. */
export type KeyFile = { readonly key: PrivateKey; readonly isExposed: boolean } | { readonly mistake: string }

const maxBytes = 65_536
const minRsaBits = 2048
const readableByOthers = 0o004

/** Reads a private key from a file: PEM (PKCS #8, PKCS #1, SEC 1) or one JWK (RFC 7517). */
export function readKeyFile(path: string): KeyFile {
  let text: string
  let mode: number
  try {
    const { size, mode: bits } = statSync(path)
    if (size > maxBytes) return { mistake: 'is too large for a key' }
    mode = bits
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    return { mistake: `can't be read${code}` }
  }
  const key = text.trimStart().startsWith('{') ? fromJwk(text) : fromPem(text)
  if (typeof key === 'string') return { mistake: key }
  const algorithm = algorithmOf(key)
  if (!isAlgorithm(algorithm)) return { mistake: algorithm }
  return { key: { key, algorithm, own: true }, isExposed: (mode & readableByOthers) !== 0 }
}

function fromPem(text: string): KeyObject | string {
  if (/-----BEGIN (CERTIFICATE|(RSA )?PUBLIC KEY)-----/.test(text) && !/ PRIVATE KEY-----/.test(text)) {
    return 'holds a public half only: expected the private key'
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return 'is encrypted with a passphrase: expected it without one, readable by the service only'
  }
  if (/-----BEGIN OPENSSH PRIVATE KEY-----/.test(text)) {
    return "is in OpenSSH's own format: expected PEM (PKCS #8) or a JWK"
  }
  try {
    return createPrivateKey(text)
  } catch {
    return 'holds no private key: expected PEM (PKCS #8) or a JWK'
  }
}

function fromJwk(text: string): KeyObject | string {
  let jwk: Record<string, unknown>
  try {
    jwk = JSON.parse(text) as Record<string, unknown>
  } catch {
    return 'is no JSON: expected PEM (PKCS #8) or a JWK'
  }
  if ('keys' in jwk) return 'is a set of keys: expected one JWK'
  if (jwk.kty === 'oct') return 'is a symmetric key: expected the private key of a pair'
  if (typeof jwk.kty === 'string' && !('d' in jwk)) return 'holds a public half only: expected the private key'
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    return 'holds no private key: expected PEM (PKCS #8) or a JWK'
  }
}

/** The algorithm that a key is for, or why it is for none. */
function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): Algorithm | string {
  if (type === 'ed25519') return 'EdDSA'
  if (type === 'ec') {
    if (details.namedCurve === 'prime256v1') return 'ES256'
    return `is on the curve ${details.namedCurve}: expected P-256 (prime256v1)`
  }
  if (type !== 'rsa') return `is of the type ${type}: expected EC on P-256, RSA or Ed25519`
  const { modulusLength = 0 } = details
  return modulusLength >= minRsaBits ? 'RS256' : `has ${modulusLength} bits: expected ${minRsaBits} at least`
}

const isAlgorithm = (text: string): text is Algorithm => text === 'ES256' || text === 'RS256' || text === 'EdDSA'
