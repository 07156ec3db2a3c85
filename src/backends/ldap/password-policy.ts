import { berCursor, enter, nextTag, takeInteger } from './connections/ber.ts'
import type { Result } from './connections/messages.ts'

/** The errors of draft-behera-ldap-password-policy 6.2, by their numbers. */
const errors = [
  'password-expired',
  'account-locked',
  'change-after-reset',
  'modification-not-allowed',
  'old-password-needed',
  'insufficient-quality',
  'too-short',
  'too-young',
  'in-history',
  'too-long'
] as const

/** What a server says of a password beside the result of a bind or of a change. */
export interface PasswordPolicy {
  readonly error?: (typeof errors)[number]
  readonly expiresInSeconds?: number
  /** How often the expired password will do. */
  readonly graceLogins?: number
}

/** The control, of the request and of the response (draft-behera-ldap-password-policy-10 6). */
export const passwordPolicyOid = '1.3.6.1.4.1.42.2.27.8.5.1'

const tags = { sequence: 0x30, warning: 0xa0, expires: 0x80, grace: 0x81, error: 0x81 } as const

/** Reads the response control of the password policy; empty where the server sent none. @throws {LdapFailure} malformed */
export const passwordPolicyOf = ({ controls }: Pick<Result, 'controls'>): PasswordPolicy => {
  const value = controls.get(passwordPolicyOid)
  if (value === undefined || value.length === 0) return {}
  const content = enter(berCursor(value), tags.sequence)
  const policy: { -readonly [Field in keyof PasswordPolicy]: PasswordPolicy[Field] } = {}
  if (nextTag(content) === tags.warning) {
    const warning = enter(content)
    if (nextTag(warning) === tags.expires) policy.expiresInSeconds = takeInteger(warning, tags.expires)
    else policy.graceLogins = takeInteger(warning, tags.grace)
  }
  const error = nextTag(content) === tags.error ? errors[takeInteger(content, tags.error)] : undefined
  return error === undefined ? policy : { ...policy, error }
}
