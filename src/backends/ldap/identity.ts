import type { Attributes, Identity } from '../../auth/backend.ts'
import { type Entry, firstTextsOf, textsOf } from './entry.ts'

/** What a user's fields come from: LDAP attributes in order, the first with a value counts. */
export type AttributeMapping = ReadonlyMap<string, readonly string[]>

/** What `permissions` needs to know of an entry; goes along as the identity's `native`. */
export interface LdapAccount {
  readonly dn: string
  readonly uids: readonly string[]
  readonly gidNumbers: readonly string[]
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

const usualLoginAttributes = ['uid', 'sAMAccountName', 'cn']

/** The attributes that an identity is made of. */
export const identityAttributes = (mapping: AttributeMapping, loginAttributes: readonly string[]): string[] => [
  ...new Set([
    ...[...mapping.values()].flat(),
    ...loginAttributes,
    ...usualLoginAttributes,
    'userPrincipalName',
    'gidNumber'
  ])
]

const fieldsOf = (entry: Entry, mapping: AttributeMapping): Attributes => {
  const fields: Record<string, string> = {}
  for (const [field, names] of mapping) {
    const [value] = firstTextsOf(entry, names)
    if (field !== 'email' && value !== undefined) fields[field] = value
  }
  return fields
}

/** Attributes with exactly one value, which is text, under the names that the configuration writes. */
const singleValuesOf = (entry: Entry, attributes: readonly string[]): Record<string, string> => {
  const values: Record<string, string> = {}
  for (const attribute of attributes) {
    const [value] = textsOf(entry, attribute)
    if (value !== undefined && entry.values.get(attribute.toLowerCase())?.length === 1) values[attribute] = value
  }
  return values
}

/** Makes an identity of an entry. The login name is the entry's: `uid=alice` is also found as `ALICE`. */
export const identityOf = (
  entry: Entry,
  subject: string,
  { mapping, loginAttributes }: { mapping: AttributeMapping; loginAttributes: readonly string[] }
): Identity => {
  const native: LdapAccount = {
    dn: entry.dn,
    uids: textsOf(entry, 'uid'),
    gidNumbers: textsOf(entry, 'gidNumber')
  }
  const [username] = firstTextsOf(entry, [...loginAttributes, ...usualLoginAttributes])
  return {
    subject,
    username: username ?? entry.dn,
    emails: firstTextsOf(entry, mapping.get('email') ?? []),
    attributes: fieldsOf(entry, mapping),
    source: singleValuesOf(entry, identityAttributes(mapping, loginAttributes)),
    native
  }
}

/** The account behind an identity that this backend made within the same login. */
export const accountOf = (identity: Identity | undefined): LdapAccount | undefined => {
  const native = identity?.native
  return typeof native === 'object' && native !== null && 'dn' in native ? (native as LdapAccount) : undefined
}
