import type { VouchedEmail } from './email.ts'
import type { User } from './user-store.ts'

/** Why a first login may not join the user who has its e-mail, for the log. */
export type JoinRefusal =
  | 'address-not-vouched'
  | 'holder-not-vouched'
  | 'same-backend'
  | 'privileged'
  | 'brings-privilege'

/** A first login of an account whose address somebody has. */
interface Join {
  readonly email: VouchedEmail
  readonly backend: string
  readonly user: Pick<User, 'emailVouched' | 'identities'>
  /** A superuser, or somebody with a permission `latchkey.*`. */
  isPrivileged(): Promise<boolean>
  /** The user would be one by this account, and has a password. */
  bringsPrivilege(): Promise<boolean>
}

/**
 * Whether an identity that nobody has may join the user who has its e-mail. Both who brings the address and who brought
 * it must vouch for it, the user has no identity at this backend yet, and is nobody who could do harm: an
 * administrator links those. Nor may the account make such a person of a user who has a password with us: whoever set it
 * beforehand would have been waiting for that. What all backends have to be asked for comes last, so that one that can't tell
 * makes no outage of a refusal.
 */
export async function joinRefusal(join: Join): Promise<JoinRefusal | undefined> {
  if (!join.email.vouched) return 'address-not-vouched'
  if (!join.user.emailVouched) return 'holder-not-vouched'
  if (join.user.identities.some(({ backend }) => backend === join.backend)) return 'same-backend'
  if (await join.isPrivileged()) return 'privileged'
  if (await join.bringsPrivilege()) return 'brings-privilege'
  return undefined
}
