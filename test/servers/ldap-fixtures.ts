import { createHash } from 'node:crypto'

/** An entry to be added: its DN and its attributes. */
export type LdapEntry = readonly [dn: string, attributes: Readonly<Record<string, string | readonly string[]>>]

export const suffix = 'dc=example,dc=com'
export const peopleBase = `ou=users,${suffix}`
export const groupsBase = `ou=groups,${suffix}`

/** The account that searches. */
export const serviceAccount = { dn: `cn=latchkey,${suffix}`, password: 'canary-service-password' }

/** The password of everybody whom `people` and `person` make. */
export const userPassword = 'canary-user-password'

const salt = Buffer.from('latchkey')
const digest = createHash('sha1').update(userPassword).update(salt).digest()
/** {SSHA}, as cheap to verify as a hash can be: the directory's work is not what is measured. */
const hashedPassword = `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`

/** An attribute value within a DN (RFC 4514). */
const escaped = (value: string): string => value.replace(/[,"#+<>;=\\]/g, (character) => `\\${character}`)

/** A person with the usual attributes; others are added or take their place. */
export const person = (uid: string, attributes: LdapEntry[1] = {}): LdapEntry => [
  `uid=${escaped(uid)},${peopleBase}`,
  {
    objectClass: 'inetOrgPerson',
    uid,
    cn: `${uid} example`,
    sn: 'Example',
    mail: `${uid.replace(/[^a-z0-9]/g, '')}@example.com`,
    userPassword: hashedPassword,
    ...attributes
  }
]

/** The login name of one of many. */
export const personName = (number: number): string => `person${String(number).padStart(6, '0')}`

/** Many people: person000001 and on. */
export const people = (count: number): LdapEntry[] =>
  Array.from({ length: count }, (_, at) => {
    const uid = personName(at + 1)
    const names = {
      givenName: 'Person',
      displayName: `Person ${at + 1}`,
      initials: 'PE',
      employeeNumber: String(at + 1)
    }
    return person(uid, { ...names, cn: `Person ${at + 1}` })
  })

/** A groupOfNames. */
export const groupOfNames = (cn: string, members: readonly string[]): LdapEntry => [
  `cn=${escaped(cn)},${groupsBase}`,
  { objectClass: 'groupOfNames', cn, member: members }
]

/** The tree that every test directory starts with. */
export const trunk: readonly LdapEntry[] = [
  [suffix, { objectClass: ['dcObject', 'organization'], dc: 'example', o: 'Example' }],
  [peopleBase, { objectClass: 'organizationalUnit', ou: 'users' }],
  [groupsBase, { objectClass: 'organizationalUnit', ou: 'groups' }],
  [
    serviceAccount.dn,
    {
      objectClass: ['organizationalRole', 'simpleSecurityObject'],
      cn: 'latchkey',
      userPassword: serviceAccount.password
    }
  ]
]

const line = (name: string, value: string): string =>
  /^[!-9;-~][ -~]*$/.test(value) && !value.startsWith('<')
    ? `${name}: ${value}`
    : `${name}:: ${Buffer.from(value).toString('base64')}`

/** LDIF (RFC 2849). */
export const ldif = (entries: readonly LdapEntry[]): string =>
  entries
    .map(([dn, attributes]) =>
      [
        line('dn', dn),
        ...Object.entries(attributes).flatMap(([name, values]) => [values].flat().map((value) => line(name, value))),
        ''
      ].join('\n')
    )
    .join('\n')
