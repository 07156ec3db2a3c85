/** A permission of another program. */
export interface ForeignPermission {
  readonly name: string
  readonly description: string
}

/** A group of another program, with the names of what it carries. */
export interface ForeignGroup {
  readonly name: string
  readonly permissions: readonly string[]
}

/** What an account is called. */
export interface Named {
  /** What identifies it there, for ever. */
  readonly id: string
  readonly username?: string
  readonly email?: string
}

/** An account of another program, as it is there. */
export interface ForeignAccount extends Named {
  readonly passwordHash?: string
  readonly isActive: boolean
  readonly isSuperuser: boolean
  readonly isStaff: boolean
  /** Epoch milliseconds. */
  readonly createdAt?: number
  readonly lastLoginAt?: number
  readonly fields: Readonly<Record<string, string>>
  /** Names. */
  readonly groups: readonly string[]
  readonly permissions: readonly string[]
}

/** Another program's accounts, to be read in pages as often as is needed. */
export interface ForeignSource {
  readonly permissions: readonly ForeignPermission[]
  readonly groups: readonly ForeignGroup[]
  accounts(): AsyncIterable<readonly ForeignAccount[]>
  named(): AsyncIterable<readonly Named[]>
}

/** What of an account, group or permission did not come along, and why. */
export interface ImportProblem {
  readonly problem:
    | 'no-email'
    | 'invalid-email'
    | 'shared-email'
    | 'taken-email'
    | 'invalid-id'
    | 'missing-field'
    | 'invalid-username'
    | 'shared-username'
    | 'taken-username'
    | 'unusable-password'
    | 'refused-field'
    | 'invalid-group'
    | 'shared-group'
    | 'differing-group'
    | 'invalid-permission'
  /** The account's id there, or the name of the group or permission. */
  readonly of: string
  readonly username?: string
  readonly email?: string
  readonly detail: string
  /** Whether the account came along nevertheless. */
  readonly imported: boolean
}
