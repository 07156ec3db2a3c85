import type { Static } from 'typebox'
import { PermissionName, text } from '../../config/names.ts'
import { duration, milliseconds } from '../../config/units.ts'
import Type from '../../schema/type.ts'
import type { Expression } from './expression.ts'
import { groupTypes } from './groups.ts'
import { Pool } from './pool-options.ts'
import { presets } from './preset.ts'

const strict = { additionalProperties: false } as const

const attributeName = {
  pattern: '^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\\.[0-9]+)+)(;[A-Za-z0-9-]+)*$',
  expected: 'the name of an LDAP attribute'
} as const
const AttributeName = Type.String(attributeName)
const Dn = (description: string) => text({ expected: 'a DN', description })
const Base = Type.String({ maxLength: 1024, expected: 'a DN', description: 'Below which entry is searched.' })
const Filter = (description: string) => text({ maxLength: 4096, expected: 'an LDAP filter', description })
const Scope = Type.Enum(['base', 'one', 'sub'], {
  description: 'How deep: the base itself, its children, or all. Default: sub.'
})
const file = (description: string) => text({ expected: 'the name of a file', description })

const Pin = Type.String({
  pattern: '^[A-Za-z0-9+/]{43}=$',
  expected: 'the SHA-256 of a public key in base64, as `latchkey check` shows it'
})

const Tls = Type.Object(
  {
    ca: Type.Optional(file('PEM file of the authorities to trust. Default: those that Node.js trusts.')),
    cert: Type.Optional(file('PEM file of the client certificate.')),
    key: Type.Optional(file("PEM file of the client certificate's key.")),
    serverName: Type.Optional(
      text({ description: "The name that the certificate must carry. Default: the URL's host." })
    ),
    minVersion: Type.Optional(Type.Enum(['TLSv1.2', 'TLSv1.3'], { description: 'Default: TLSv1.2.' })),
    pin: Type.Optional(
      Type.Union([Pin, Type.Array(Pin, { minItems: 1 })], {
        description: 'Keys that the certificate may have, beside being trusted: SHA-256 of its public key, base64.'
      })
    )
  },
  { ...strict, description: 'How servers are trusted.' }
)

const Bind = Type.Object(
  { dn: Dn('Its DN.'), password: Type.String({ minLength: 1, maxLength: 1024, description: 'Its password.' }) },
  { ...strict, description: 'The service account that searches. Absent: searches are anonymous.' }
)

const UserSearch = Type.Object(
  {
    base: Base,
    filter: Type.Optional(Filter("RFC 4515, with {username} as a value. Default: the preset's.")),
    scope: Type.Optional(Scope),
    domain: Type.Optional(
      Type.String({
        pattern: '^[^\\\\]{1,64}$',
        expected: 'a NetBIOS name',
        description: 'What may stand before a backslash in a login name: CORP\\alice is searched for as alice.'
      })
    )
  },
  strict
)

const Groups = Type.Object(
  {
    base: Base,
    type: Type.Optional(
      Type.Enum([...groupTypes], {
        description:
          'What they are, and how members are found. Default: groupOfNames, or what Active Directory knows best.'
      })
    ),
    filter: Type.Optional(Filter('What groups must match besides.')),
    scope: Type.Optional(Scope),
    nested: Type.Optional(Type.Boolean({ description: 'Whether groups are members of groups. Default: false.' })),
    mirror: Type.Optional(
      Type.Union([Type.Boolean(), Type.Array(text()), Type.Object({ except: Type.Array(text()) }, strict)], {
        description:
          'Keeps local groups of the same names equal at each login: all, those named, or all but those in except.'
      })
    ),
    groupPermissions: Type.Optional(
      Type.Boolean({
        description: 'Gives what the local groups of the same names give, without joining them. Default: false.'
      })
    )
  },
  { ...strict, description: 'Where the groups of an account are found. Absent: none are asked for.' }
)

const Values = Type.Union([text(), Type.Array(text(), { minItems: 1 })])

/** A condition refers to itself by its name, which must be the only one such in the schema of the whole file. */
const condition = (name: string, description: string) =>
  Type.Unsafe<Expression>(
    Type.Cyclic(
      {
        [name]: Type.Union(
          [
            Type.Object({ all: Type.Array(Type.Ref(name), { minItems: 1 }) }, strict),
            Type.Object({ any: Type.Array(Type.Ref(name), { minItems: 1 }) }, strict),
            Type.Object({ not: Type.Ref(name) }, strict),
            Type.Object({ group: text({ expected: 'the DN or the id of a group, or NAME in BASE' }) }, strict),
            Type.Object(
              { attribute: Type.Record(AttributeName, Values, { keys: 'the name of an LDAP attribute' }) },
              strict
            )
          ],
          { expected: 'one of all, any, not, group and attribute' }
        )
      },
      name,
      { description }
    )
  )

/** Options of the backend type `ldap`, beside those that all backends share. */
export const LdapOptions = Type.Object(
  {
    servers: Type.Array(text({ expected: 'the URL of an LDAP server' }), {
      minItems: 1,
      description:
        'ldaps://host, ldap://host or ldapi://%2Fpath; ldaps+srv://domain or ldap+srv://domain: DNS is asked for them.'
    }),
    strategy: Type.Optional(
      Type.Enum(['order', 'random'], { description: 'Which server is asked first: the first, or any. Default: order.' })
    ),
    insecure: Type.Optional(Type.Boolean({ description: 'Passwords may cross the network in clear. Default: false.' })),
    startTls: Type.Optional(
      Type.Boolean({ description: 'ldap:// connections are encrypted by StartTLS. Default: false.' })
    ),
    tls: Type.Optional(Tls),
    bind: Type.Optional(Bind),
    preset: Type.Optional(
      Type.Enum([...presets], {
        description:
          'Which directory it is: default filters, and the default of subject. Default: as the root DSE says.'
      })
    ),
    users: Type.Optional(Type.Array(UserSearch, { minItems: 1, description: 'Searches for the account, in order.' })),
    dnTemplate: Type.Optional(
      text({
        maxLength: 1024,
        expected: 'a DN with {username} in it',
        description: 'Binds at once as this DN, and reads the entry as that user, by users or where it is.'
      })
    ),
    attributes: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }),
        Type.Union([AttributeName, Type.Array(AttributeName)]),
        { keys: 'the name of a field', description: 'LDAP attributes of a field: of several, the first with a value.' }
      )
    ),
    groups: Type.Optional(Groups),
    permissions: Type.Optional(
      Type.Record(Type.String(), Type.Array(PermissionName), {
        description: 'Permissions by group: its DN, its id, or `NAME in BASE`, where * stands for anything.'
      })
    ),
    require: Type.Optional(
      condition('LdapRequire', 'Who is let in: all, any, not, group or attribute. Default: everybody.')
    ),
    deny: Type.Optional(condition('LdapDeny', 'Who is not let in, as in require. Default: nobody.')),
    flags: Type.Optional(
      Type.Object(
        { isSuperuser: Type.Optional(condition('LdapSuperuser', 'Who is a superuser, as in require.')) },
        strict
      )
    ),
    authorizeAll: Type.Optional(
      Type.Boolean({
        description: 'Gives its permissions to users of other backends too, found by e-mail. Default: false.'
      })
    ),
    cache: Type.Optional(
      Type.Union([Type.Literal(0), duration()], {
        description: 'How long an account and its groups are remembered between logins; 0: never. Default: 10s.'
      })
    ),
    subject: Type.Optional(
      Type.String({
        ...attributeName,
        description: 'Attribute with the id that never changes. Default: that of the preset.'
      })
    ),
    pool: Type.Optional(Pool)
  },
  strict
)

/** Options of the backend type `ldap`, validated. */
export type LdapOptions = Static<typeof LdapOptions>

/** How long an account and the nesting of groups are remembered, in milliseconds; 0: never. */
export const rememberMsOf = ({ cache = '10s' }: Pick<LdapOptions, 'cache'>): number =>
  cache === 0 ? 0 : milliseconds(cache)
