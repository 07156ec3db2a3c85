import type { VouchedEmail } from './email.ts'
import type { User } from './user-store.ts'

/** Why a first login may not join the user who has its e-mail, for the log. */
export type JoinRefusal = 'address-not-vouched' | 'holder-not-vouched' | 'same-backend' | 'privileged'

/**
 * Whether an identity that nobody has may join the user who has its e-mail. Both who brings the address and who brought
 * it must vouch for it, the user has no identity at this backend yet, and is nobody who could do harm: an
 * administrator links those.
 */
export function joinRefusal(join: {
  readonly email: VouchedEmail
  readonly backend: string
  readonly user: Pick<User, 'emailVouched' | 'identities'>
  /** A superuser, or somebody with a permission `latchkey.*`. */
  readonly privileged: boolean
}): JoinRefusal | undefined {
  if (!join.email.vouched) return 'address-not-vouched'
  if (!join.user.emailVouched) return 'holder-not-vouched'
  if (join.user.identities.some(({ backend }) => backend === join.backend)) return 'same-backend'
  if (join.privileged) return 'privileged'
  return undefined
}
