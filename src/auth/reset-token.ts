import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** What a reset token is bound to: it dies when any of this changes (Django's PasswordResetTokenGenerator). */
export interface ResetBinding {
  /** UUID, lower case. */
  readonly id: string
  readonly email: string
  readonly lastLoginAt: number | null
  readonly passwordHash: string | null
}

/** What a token says of itself, before anybody knows whether it is right. */
export interface PresentedToken {
  readonly userId: string
  /** Epoch milliseconds, whole seconds. */
  readonly expiresAt: number
  /** Whether it was made for what is so now. */
  matches(binding: ResetBinding): boolean
}

/** Makes and reads reset tokens; no row remembers one. */
export interface ResetTokens {
  /** @param expiresAt epoch milliseconds */
  issue(binding: ResetBinding, expiresAt: number): string
  /** `undefined` for what has not a token's form. */
  open(token: string): PresentedToken | undefined
}

const idBytes = 16
const timeBytes = 6
const macBytes = 32
const contentBytes = idBytes + timeBytes
/** 54 bytes: base64url has no spare bits then, so that no second spelling of a token is taken. */
const length = ((contentBytes + macBytes) * 4) / 3

/**
 * User, expiry, and their HMAC-SHA-256 together with the state that a reset changes, under a key that HKDF (RFC 5869) derives
 * from the service's secret. The first secret signs, all verify.
 */
export function createResetTokens(secrets: readonly string[]): ResetTokens {
  const keys = secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, 'latchkey', 'password reset token', macBytes))
  )
  const [first] = keys
  if (first === undefined) throw new TypeError('reset tokens need a secret')
  return {
    issue(binding, expiresAt) {
      const content = Buffer.alloc(contentBytes)
      content.write(binding.id.replaceAll('-', ''), 'hex')
      content.writeUIntBE(Math.floor(expiresAt / 1000), idBytes, timeBytes)
      return Buffer.concat([content, macOf(content, binding, first)]).toString('base64url')
    },
    open(token) {
      if (token.length !== length) return undefined
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length !== contentBytes + macBytes || bytes.toString('base64url') !== token) return undefined
      const content = bytes.subarray(0, contentBytes)
      const mac = bytes.subarray(contentBytes)
      return {
        userId: uuidOf(content),
        expiresAt: content.readUIntBE(idBytes, timeBytes) * 1000,
        matches: (binding) => keys.some((key) => timingSafeEqual(macOf(content, binding, key), mac))
      }
    }
  }
}

function macOf(content: Buffer, { id, email, lastLoginAt, passwordHash }: ResetBinding, key: Buffer): Buffer {
  const state = JSON.stringify([id, email, lastLoginAt, passwordHash])
  return createHmac('sha256', key).update(content).update(state).digest()
}

const uuidOf = (content: Buffer): string =>
  content.toString('hex', 0, idBytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
