import { createPublicKey } from 'node:crypto'
import { privateAddressFindings, when } from './checks.ts'
import { isLoopback } from './cidr.ts'
import type { Finding, Path } from './config-error.ts'

type Key = Readonly<Record<string, unknown>>

/** What RFC 7518 6 and RFC 8037 2 call the private half, and a secret. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const keyTypes = ['EC', 'RSA', 'OKP']
const maxMembers = 20
/** An RSA key of 8192 bits has 1366 characters, a certificate chain more. */
const maxKeyBytes = 16 * 1024
const maxKidLength = 255

/** What is wrong with a client's public keys, wherever it is registered; never holds a value. */
export function keySetFindings(keys: readonly Key[], path: Path): Finding[] {
  return keys.flatMap((key, index) => {
    const place = [...path, index]
    const mistake = mistakeOf(key)
    if (mistake !== undefined) return when(true, place, mistake)
    const isSecond = key.kid !== undefined && keys.findIndex(({ kid }) => kid === key.kid) !== index
    return when(isSecond, place, 'another key has this kid')
  })
}

function mistakeOf(key: Key): string | undefined {
  const { kid, kty } = key
  if (Object.keys(key).length === 0) return 'is empty: expected a public key'
  if (secretMembers.some((name) => name in key)) return 'is secret: only the public half of a key belongs here'
  if (Object.keys(key).length > maxMembers || Buffer.byteLength(JSON.stringify(key)) > maxKeyBytes)
    return 'is too large: expected a public key of 16 KiB at most'
  if (typeof kty !== 'string') return 'has no kty: expected EC, RSA or OKP'
  if (!keyTypes.includes(kty)) return 'has a kty that is none of EC, RSA and OKP'
  if (kid !== undefined && !(typeof kid === 'string' && kid !== '' && kid.length <= maxKidLength))
    return `has a kid that is no text of 1 to ${maxKidLength} characters`
  if (key.use !== undefined && key.use !== 'sig') return 'has another use than sig'
  return isPublicKey(key) ? undefined : 'expected a public key for ES256, RS256, PS256 or EdDSA'
}

function isPublicKey(key: Key): boolean {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey({ key, format: 'jwk' })
    if (type === 'ec') return details?.namedCurve === 'prime256v1'
    return type === 'ed25519' || (type === 'rsa' && (details?.modulusLength ?? 0) >= 2048)
  } catch {
    return false
  }
}

/** What is wrong with the place of a client's keys. */
export function uriFindings(uri: string, allowPrivate: readonly string[], path: Path): Finding[] {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  return [
    ...when(!isSafe, path, 'expected an https URL (http on loopback only)'),
    ...when(
      url !== undefined && (url.username !== '' || url.password !== ''),
      path,
      'expected no user name and no password'
    ),
    ...(url && isSafe ? privateAddressFindings(url, allowPrivate, path) : [])
  ]
}
