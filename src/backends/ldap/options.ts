import Type, { type Static } from 'typebox'
import { Duration } from '../../config/units.ts'

const strict = { additionalProperties: false } as const

const AttributeName = Type.String({ pattern: '^([A-Za-z][A-Za-z0-9-]*|\\d+(\\.\\d+)+)(;[A-Za-z0-9-]+)*$' })
const Scope = Type.Union([Type.Literal('base'), Type.Literal('one'), Type.Literal('sub')])

/** Options of the backend type `ldap`, beside those that all backends share. */
export const LdapOptions = Type.Object(
  {
    servers: Type.Array(Type.String(), {
      minItems: 1,
      description: 'ldaps://host, ldap://host or ldapi://%2Fpath; asked in this order'
    }),
    insecure: Type.Optional(Type.Boolean({ description: 'Passwords may cross the network in clear' })),
    startTls: Type.Optional(Type.Boolean({ description: 'Encrypt ldap:// connections by StartTLS' })),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the authorities to trust' })),
          cert: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of the client certificate' })),
          key: Type.Optional(Type.String({ minLength: 1, description: "PEM file of the client certificate's key" })),
          serverName: Type.Optional(
            Type.String({ minLength: 1, description: "The name in the certificate, where it is not the URL's host" })
          ),
          minVersion: Type.Optional(Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')]))
        },
        strict
      )
    ),
    bind: Type.Optional(
      Type.Object(
        { dn: Type.String({ minLength: 1 }), password: Type.String({ minLength: 1 }) },
        { ...strict, description: 'The service account that searches; absent: anonymous' }
      )
    ),
    users: Type.Array(
      Type.Object(
        {
          base: Type.String(),
          filter: Type.String({ minLength: 1, description: 'RFC 4515, with {username}' }),
          scope: Type.Optional(Scope)
        },
        strict
      ),
      { minItems: 1, description: 'Searches for the account, in order' }
    ),
    attributes: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]*$' }),
        Type.Union([AttributeName, Type.Array(AttributeName)]),
        {
          description: 'From which LDAP attributes a field comes; of several the first with a value'
        }
      )
    ),
    groups: Type.Optional(
      Type.Object(
        {
          base: Type.String(),
          type: Type.Union([
            Type.Literal('groupOfNames'),
            Type.Literal('groupOfUniqueNames'),
            Type.Literal('posixGroup')
          ]),
          filter: Type.Optional(Type.String({ minLength: 1 })),
          scope: Type.Optional(Scope),
          nested: Type.Optional(Type.Boolean())
        },
        strict
      )
    ),
    permissions: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 })), {
        description: 'Permissions by the DN of the group that gives them'
      })
    ),
    subject: Type.Optional(AttributeName),
    pool: Type.Optional(
      Type.Object(
        {
          max: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 1000, description: 'Per server, for searches and for binds each' })
          ),
          maxWaiting: Type.Optional(Type.Integer({ minimum: 0 })),
          wait: Type.Optional(Duration),
          idle: Type.Optional(Duration),
          maxAge: Type.Optional(Duration)
        },
        strict
      )
    )
  },
  strict
)

/** Options of the backend type `ldap`, validated. */
export type LdapOptions = Static<typeof LdapOptions>
