import type { VouchedEmail } from './email.ts'
import type { User } from './user-store.ts'

/** Why a first login may not join the user who has its e-mail, for the log. */
export type JoinRefusal =
  | 'address-not-vouched'
  | 'holder-not-vouched'
  | 'same-backend'
  | 'privileged'
  | 'brings-privilege'

/**
 * Whether an identity that nobody has may join the user who has its e-mail. Both who brings the address and who brought
 * it must vouch for it, the user has no identity at this backend yet, and is nobody who could do harm: an
 * administrator links those. Nor may the account make such a person of a user who has a password with us: whoever set it
 * beforehand would have been waiting for that.
 */
export function joinRefusal(join: {
  readonly email: VouchedEmail
  readonly backend: string
  readonly user: Pick<User, 'emailVouched' | 'identities'>
  /** A superuser, or somebody with a permission `latchkey.*`. */
  readonly privileged: boolean
  /** The user would be one by this account, and has a password. */
  readonly bringsPrivilege: boolean
}): JoinRefusal | undefined {
  if (!join.email.vouched) return 'address-not-vouched'
  if (!join.user.emailVouched) return 'holder-not-vouched'
  if (join.user.identities.some(({ backend }) => backend === join.backend)) return 'same-backend'
  if (join.privileged) return 'privileged'
  if (join.bringsPrivilege) return 'brings-privilege'
  return undefined
}
