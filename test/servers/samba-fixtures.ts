import type { LdapEntry } from './ldap-fixtures.ts'

export const adSuffix = 'DC=corp,DC=example,DC=com'
export const adPeopleBase = `OU=people,${adSuffix}`
export const adGroupsBase = `OU=groups,${adSuffix}`

/** The password of everybody whom `adPerson` makes. */
export const adPassword = 'Canary-User-1'

/** A password as Active Directory takes it: in quotes, UTF-16LE. For ASCII alone. */
export const unicodePwd = (password: string): string => Buffer.from(`"${password}"`, 'utf16le').toString('latin1')

/** The bits of userAccountControl that tests set. */
export const accountControl = { normal: 512, disabled: 2, passwordNeverExpires: 65536 } as const

/** Where everybody is. */
export const adTrunk: readonly LdapEntry[] = [
  [adPeopleBase, { objectClass: 'organizationalUnit', ou: 'people' }],
  [adGroupsBase, { objectClass: 'organizationalUnit', ou: 'groups' }]
]

/** A person with the usual attributes; others are added or take their place. The cn is the login name. */
export const adPerson = (name: string, attributes: LdapEntry[1] = {}): LdapEntry => [
  `CN=${name},${adPeopleBase}`,
  {
    objectClass: 'user',
    cn: name,
    sn: 'Example',
    sAMAccountName: name,
    userPrincipalName: `${name}@corp.example.com`,
    mail: `${name}@example.com`,
    userAccountControl: String(accountControl.normal),
    unicodePwd: unicodePwd(adPassword),
    ...attributes
  }
]

/** A global security group; its members must be there already. */
export const adGroup = (name: string, members: readonly string[] = []): LdapEntry => [
  `CN=${name},${adGroupsBase}`,
  { objectClass: 'group', cn: name, sAMAccountName: name, ...(members.length > 0 ? { member: members } : {}) }
]
