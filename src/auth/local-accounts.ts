import type { Attributes } from './backend.ts'

/** A user of our own table, with what is needed to verify a local password. */
export interface LocalAccount {
  readonly id: string
  readonly email: string
  /** Whoever brought the address vouched for it. */
  readonly emailVouched: boolean
  readonly isActive: boolean
  /** PHC string, or null where no password is set: then none verifies. */
  readonly passwordHash: string | null
  readonly attributes: Attributes
}

/** Accounts of other backends that went over to our own table, and never go back. */
export interface MovedAccounts {
  has(backend: string, subject: string): Promise<boolean>
}

/** The service's own accounts, as the backend `local` sees them. A database that is down throws `BackendUnavailable`'s cause. */
export interface LocalAccounts {
  /** @param email canonical, as `canonicalEmail` gives it */
  byEmail(email: string): Promise<LocalAccount | undefined>
  /** @param name as `loginName` gives it; whoever has it as an e-mail goes before whoever has it as a login name */
  byLoginName(name: string): Promise<LocalAccount | undefined>
  byId(id: string): Promise<LocalAccount | undefined>
  /** Puts a stronger hash of the same password in the old one's place, unless it was changed meanwhile. */
  replaceHash(id: string, oldHash: string, newHash: string): Promise<void>
}
