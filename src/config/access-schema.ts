import Type from '../schema/type.ts'
import { Client } from './client-schema.ts'
import { identifier, PermissionKey, PermissionName, PermissionPattern, permissionKeys, text } from './names.ts'
import { duration } from './units.ts'

const UserAttribute = Type.Object(
  {
    type: Type.Enum(['string', 'number', 'boolean', 'date'], { description: 'Dates are ISO 8601: 2026-01-31.' }),
    maxLength: Type.Optional(Type.Integer({ minimum: 1, maximum: 4096, description: 'Of a string. Default: 255.' })),
    required: Type.Boolean({ default: false, description: 'Whether every user must have it.' }),
    claim: Type.Optional(
      Type.Union([Type.Boolean(), Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$' })], {
        expected: 'true, false or the name of a claim',
        description: 'The claim that carries it in access tokens; true: the same name. Absent: none.'
      })
    )
  },
  { additionalProperties: false }
)

const Audience = Type.Object(
  {
    id: identifier('the id of a resource server, such as https://blog.example.com', 'What stands in the claim aud.'),
    permissions: Type.Array(PermissionPattern, { description: 'Which permissions its tokens carry.' }),
    typ: Type.Enum(['at+jwt', 'JWT'], { default: 'at+jwt', description: 'The header typ of its tokens.' }),
    algorithm: Type.Optional(
      Type.Enum(['ES256', 'RS256', 'EdDSA'], {
        description: 'What its tokens are signed with. Default: tokens.algorithm.'
      })
    ),
    permissionsBy: Type.Enum(['value', 'reference'], {
      default: 'value',
      description: 'reference: the token carries permissions_digest, and the list is at /userinfo.'
    }),
    accessTtl: Type.Optional(
      duration({ description: 'How long its access tokens live, 24h at most. Default: tokens.accessTtl.' })
    ),
    claims: Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$' }), text(), {
      default: {},
      keys: 'the name of a claim',
      description: 'Claims that its tokens carry beside the others, each with the name of the user’s field.'
    })
  },
  { additionalProperties: false }
)

/** The sections on who may do what: users' fields, audiences, clients and permissions. */
export const accessSections = {
  users: Type.Object(
    {
      attributes: Type.Record(Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }), UserAttribute, {
        default: {},
        keys: 'a name of letters, digits and underscores that begins with a small letter',
        description: "One's own fields of a user, by name."
      })
    },
    { additionalProperties: false, default: {}, description: 'The users.' }
  ),
  audiences: Type.Array(Audience, {
    default: [],
    description: 'Resource servers that tokens can be for, beside the issuer.'
  }),
  publicClient: Type.Boolean({
    default: false,
    description:
      'Whether callers without client authentication are answered: all grants but client_credentials, all audiences.'
  }),
  clients: Type.Array(Client, { default: [], description: 'Registered services that call us.' }),
  permissions: Type.Object(
    {
      declare: Type.Record(PermissionKey, text({ maxLength: 255 }), {
        ...permissionKeys,
        default: {},
        description: 'Permissions by name, with a description: what a superuser holds.'
      }),
      anonymous: Type.Array(PermissionName, { default: [], description: 'What everybody may, without login.' })
    },
    { additionalProperties: false, default: {}, description: 'Permissions.' }
  )
}
