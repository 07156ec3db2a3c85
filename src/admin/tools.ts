import type { Administration } from '../auth/administration-store.ts'
import type { AttributeRule } from '../auth/attribute-checks.ts'
import type { LinkPolicy } from '../auth/link.ts'
import type { PasswordPolicy } from '../auth/password-policy.ts'
import type { User, UserStore } from '../auth/user-store.ts'

/** A user's field of one's own, and whether everybody must have it. */
export interface AdminAttribute extends AttributeRule {
  readonly required: boolean
}

/** What the rules of administration work with, whoever asks. */
export interface AdminTools {
  readonly administration: Administration
  readonly users: Pick<UserStore, 'byId'>
  /** The backends in the order of the chain: whose word goes before whose. */
  readonly chain: ReadonlyArray<Pick<LinkPolicy, 'id' | 'type' | 'updateAttributes' | 'mirrors'>>
  /** `users.attributes` of the configuration. */
  readonly attributes: Readonly<Record<string, AdminAttribute>>
  readonly passwordPolicy: PasswordPolicy
  hashPassword(password: string): Promise<string>
  /**
   * The names of what a user holds over all sources, as if active. Asked for whoever is no superuser wants to change.
   * @throws {TemporarilyUnavailable} a backend could not tell
   */
  permissionsOf(user: User): Promise<readonly string[]>
  /** Epoch milliseconds. */
  now(): number
}

/** Options of a change of something that was read before. */
export interface ChangeOptions {
  /** The version that was read; @throws {PreconditionFailed} where another is there now. Absent: whichever. */
  readonly ifVersion?: number
}
