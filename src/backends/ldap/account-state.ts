import type { DeniedReason } from '../../auth/backend.ts'

/** Active Directory tells why a bind failed as `data 533` within the message of invalidCredentials. */
const reasons = new Map<string, DeniedReason>([
  ['530', 'not-allowed'],
  ['531', 'not-allowed'],
  ['532', 'password-expired'],
  ['533', 'disabled'],
  ['701', 'expired'],
  ['773', 'must-change-password'],
  ['775', 'locked']
])

/** The state of an account whose bind Active Directory refused; `undefined`: the password was wrong. */
export const activeDirectoryState = (diagnostic: string): DeniedReason | undefined =>
  reasons.get(/\bdata ([0-9a-f]+)/.exec(diagnostic)?.[1] ?? '')
