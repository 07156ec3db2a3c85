import { createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

/** What a refresh token says: which session, and which link of its succession. */
export interface RefreshTokenContent {
  /** UUID, lower case. */
  readonly session: string
  readonly counter: number
}

/** Writes and reads refresh tokens; nothing that would help to make one is stored anywhere. */
export interface RefreshTokens {
  /** The same token whenever it is asked for: a reply that was lost can be repeated. */
  issue(content: RefreshTokenContent): string
  /** `undefined` for everything that is no refresh token of ours, without a look at the database. */
  open(token: string): RefreshTokenContent | undefined
}

const idBytes = 16
const counterBytes = 6
const macBytes = 32
/** 54 bytes: base64url has no spare bits then, so that no second spelling of a token is taken. */
const length = ((idBytes + counterBytes + macBytes) * 4) / 3

/**
 * Session id, counter and their HMAC-SHA-256 under a key that HKDF (RFC 5869) derives from the service's secret for this
 * session alone. The first secret signs, all verify.
 */
export function createRefreshTokens(secrets: readonly string[]): RefreshTokens {
  const keys = secrets.map((secret) => createSecretKey(secret, 'utf8'))
  const [first] = keys
  if (first === undefined) throw new TypeError('refresh tokens need a secret')
  return {
    issue({ session, counter }) {
      const content = Buffer.alloc(idBytes + counterBytes)
      content.write(session.replaceAll('-', ''), 'hex')
      content.writeUIntBE(counter, idBytes, counterBytes)
      return Buffer.concat([content, macOf(content, first)]).toString('base64url')
    },
    open(token) {
      if (token.length !== length) return undefined
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length !== idBytes + counterBytes + macBytes || bytes.toString('base64url') !== token) return undefined
      const content = bytes.subarray(0, idBytes + counterBytes)
      const mac = bytes.subarray(idBytes + counterBytes)
      if (!keys.some((key) => timingSafeEqual(macOf(content, key), mac))) return undefined
      return { session: uuidOf(content), counter: content.readUIntBE(idBytes, counterBytes) }
    }
  }
}

const label = Buffer.from('latchkey refresh token')

/** HKDF's second half is an HMAC itself (RFC 5869 2.3): under the session's key, over the label, the content and a byte. */
const macOf = (content: Buffer, key: KeyObject): Buffer =>
  Buffer.from(hkdfSync('sha256', key, content.subarray(0, idBytes), Buffer.concat([label, content]), macBytes))

const uuidOf = (content: Buffer): string =>
  content.toString('hex', 0, idBytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
