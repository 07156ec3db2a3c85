import type { Attributes, Identity } from '../../auth/backend.ts'
import { type Entry, firstTextOf, firstTextsOf, reducedTo, textsOf, valuesOf } from './entry.ts'

/** What a user's fields come from: LDAP attributes in order, the first with a value counts. */
export type AttributeMapping = ReadonlyMap<string, readonly string[]>

/** What `permissions` needs to know of an entry; goes along as the identity's `native`. */
export interface LdapAccount {
  readonly dn: string
  readonly uids: readonly string[]
  readonly gidNumbers: readonly string[]
  /** With what its standing needs, since it is remembered. */
  readonly entry: Entry
}

/** inetOrgPerson's names (RFC 2798), which Active Directory has too. */
const defaultMapping: Readonly<Record<string, string>> = {
  email: 'mail',
  firstName: 'givenName',
  lastName: 'sn',
  displayName: 'displayName',
  initials: 'initials',
  employeeNumber: 'employeeNumber'
}

/** The configured mapping over the usual one. An empty list takes a field out. */
export const attributeMapping = (
  configured: Readonly<Record<string, string | readonly string[]>> = {}
): AttributeMapping =>
  new Map(Object.entries({ ...defaultMapping, ...configured }).map(([field, names]) => [field, [names].flat()]))

const attributeName = /^[A-Za-z][A-Za-z0-9;-]*$/

const usualLoginAttributes = ['uid', 'sAMAccountName', 'cn']

/** Makes identities of entries; `attributes` are those that it needs. */
export interface IdentityMaker {
  readonly attributes: readonly string[]
  identityOf(entry: Entry, subject: string): Identity
}

/** Attributes with exactly one value, which is text, under the names that the configuration writes. */
const singleValuesOf = (entry: Entry, attributes: readonly string[]): Record<string, string> => {
  const values: Record<string, string> = {}
  for (const attribute of attributes) {
    const found = valuesOf(entry, attribute)
    const value = found.length === 1 ? firstTextOf(entry, [attribute]) : undefined
    if (value !== undefined) values[attribute] = value
  }
  return values
}

/**
 * @param loginAttributes those that the configured filters compare the login name with, in order
 * @param options.sourceNames what is brought along besides
 * @param options.standing the attributes that groups and conditions need later on
 */
export const createIdentityMaker = (
  mapping: AttributeMapping,
  loginAttributes: readonly string[],
  { sourceNames, standing }: { readonly sourceNames: readonly string[]; readonly standing: readonly string[] }
): IdentityMaker => {
  const ofStanding = new Set(standing.map((name) => name.toLowerCase()))
  const emailAttributes = mapping.get('email') ?? []
  const fields = [...mapping].filter(([field]) => field !== 'email')
  // The first configured search's attribute comes first, whichever search found the entry: one person, one login name.
  const nameAttributes = [...loginAttributes, ...usualLoginAttributes]
  const attributes = [
    ...new Set([
      ...[...mapping.values()].flat(),
      ...nameAttributes,
      ...sourceNames.filter((name) => attributeName.test(name)),
      'userPrincipalName',
      'gidNumber'
    ])
  ]
  const fieldsOf = (entry: Entry): Attributes => {
    const found: Record<string, string> = {}
    for (const [field, names] of fields) {
      const value = firstTextOf(entry, names)
      if (value !== undefined) found[field] = value
    }
    return found
  }
  return {
    attributes,
    identityOf: (entry, subject) => ({
      subject,
      // The login name is the entry's: `uid=alice` is also found as `ALICE`.
      username: firstTextOf(entry, nameAttributes) ?? entry.dn,
      emails: firstTextsOf(entry, emailAttributes),
      attributes: fieldsOf(entry),
      source: singleValuesOf(entry, attributes),
      native: {
        dn: entry.dn,
        uids: textsOf(entry, 'uid'),
        gidNumbers: textsOf(entry, 'gidNumber'),
        entry: reducedTo(entry, ofStanding)
      } satisfies LdapAccount
    })
  }
}

/** The account behind an identity that this backend made within the same login. */
export const accountOf = (identity: Identity | undefined): LdapAccount | undefined => {
  const native = identity?.native
  return typeof native === 'object' && native !== null && 'dn' in native ? (native as LdapAccount) : undefined
}
