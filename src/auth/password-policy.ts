import { PasswordRefused } from '../errors.ts'
import type { Attributes } from './backend.ts'

/** Whose password it is to be: what they are called is the first thing that is tried. */
export interface PasswordOwner {
  /** Of somebody who is there: their login names are looked up. */
  readonly id?: string
  readonly email: string
  readonly attributes: Attributes
  readonly loginNames?: readonly string[]
  /** Login names elsewhere. */
  readonly identities?: ReadonlyArray<{ readonly username: string }>
}

/** What a password that is kept here must be, whoever sets it. */
export interface PasswordPolicy {
  /** @throws {PasswordRefused} and why */
  demand(password: string, owner: PasswordOwner): Promise<void>
}

/** NIST SP 800-63B-4 3.1.1.2, and what it leaves open. */
export interface PasswordRules {
  /** In code points. */
  readonly minLength: number
  /** What the service is called. */
  readonly serviceNames: readonly string[]
  /** Whether a password, in lower case, is among those that everybody tries. */
  isCommon(password: string): Promise<boolean>
  /** What a user logs in with beside the e-mail. */
  loginNamesOf?(userId: string): Promise<readonly string[]>
}

/**
 * NIST SP 800-63B-4 3.1.1.2: a length, and whole passwords that are too well known. Nothing is asked of what a password is
 * made of, and none expires.
 */
export function createPasswordPolicy({
  minLength,
  serviceNames,
  isCommon,
  loginNamesOf
}: PasswordRules): PasswordPolicy {
  const ownNames = new Set(serviceNames.map(bare))
  return {
    async demand(password, owner) {
      const composed = password.normalize('NFC')
      if ([...composed].length < minLength) {
        throw new PasswordRefused('too-short', `at least ${minLength} characters (passwords.minLength)`)
      }
      if (await isCommon(composed.toLowerCase())) throw new PasswordRefused('common')
      const alone = bare(password)
      const known = owner.id === undefined ? [] : ((await loginNamesOf?.(owner.id)) ?? [])
      if ([...namesOf(owner), ...known].some((name) => bare(name) === alone)) throw new PasswordRefused('own-name')
      if (ownNames.has(alone)) throw new PasswordRefused('service-name')
    }
  }
}

function namesOf({ email, attributes, identities = [], loginNames = [] }: PasswordOwner): string[] {
  const { firstName, lastName, displayName, employeeNumber } = attributes
  const names = [firstName, lastName].filter((name) => name !== undefined)
  const given = [...names, displayName, employeeNumber].filter((value) => value !== undefined).map(String)
  const localPart = email.slice(0, email.indexOf('@'))
  const usernames = identities.map(({ username }) => username)
  return [email, localPart, ...given, names.join(' '), names.toReversed().join(' '), ...usernames, ...loginNames]
}

/** Letters and digits alone: `Alice.Example` and `alice example` are one name. Of what has none, all. */
function bare(text: string): string {
  const folded = text.normalize('NFKC').toLowerCase()
  return folded.replace(/[^\p{L}\p{M}\p{N}]/gu, '') || folded
}
