import Type from '../schema/type.ts'
import { BackendId, Cidr, identifier, PermissionName, text } from './names.ts'
import { duration } from './units.ts'

const grantTypes = [
  'password',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:latchkey:params:oauth:grant-type:proxy'
] as const

const secretText = { minLength: 1, expected: 'a random text of at least 32 bytes' }

const definition = {
  authentication: Type.Optional(
    Type.Enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'], {
      description: 'How it proves who it is. Default: by its secret, in either way, or by its keys.'
    })
  ),
  jwks: Type.Optional(
    Type.Object(
      {
        keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), {
          minItems: 1,
          maxItems: 20,
          description: 'Its public keys, for private_key_jwt (RFC 7517).'
        })
      },
      { additionalProperties: false }
    )
  ),
  jwksUri: Type.Optional(text({ description: 'Where its public keys are, in place of jwks.' })),
  allowPrivate: Type.Array(Cidr, {
    default: [],
    expected: 'a list of addresses and CIDRs such as [10.0.0.0/8]',
    description: 'Private addresses that jwksUri may have; all others are refused, loopback too.'
  }),
  grants: Type.Array(Type.Enum(grantTypes), {
    minItems: 1,
    uniqueItems: true,
    default: ['password', 'refresh_token'],
    expected: `a list of ${grantTypes.join(', ')}`,
    description: 'What it may ask for.'
  }),
  audiences: Type.Array(text(), {
    default: [],
    description: 'Whom its tokens may be for, its default first. None: the issuer only.'
  }),
  backends: Type.Optional(
    Type.Array(BackendId, { minItems: 1, description: 'Which backends its users may log in at. Default: all.' })
  ),
  chooseBackend: Type.Boolean({ default: false, description: 'Whether it may ask one backend only.' }),
  permissions: Type.Array(PermissionName, { default: [], description: 'Its own, for client_credentials.' }),
  accessTtl: Type.Optional(duration({ description: 'How long its access tokens live. Default: tokens.accessTtl.' })),
  refreshTtl: Type.Optional(
    duration({ description: 'How long its sessions can be refreshed. Default: tokens.refreshTtl.' })
  ),
  limits: Type.Optional(
    Type.Object(
      {
        max: Type.Integer({ minimum: 1, description: 'Its requests within the window, over all addresses.' }),
        window: duration({ default: '1m', description: 'Length of the window.' })
      },
      { additionalProperties: false }
    )
  ),
  forwardedFor: Type.Array(Cidr, {
    default: [],
    description: "From where it may hand on the end user's address, in X-Forwarded-For."
  })
}

/** What the database keeps of a client beside its id and its secrets, as the configuration would have it. */
export const ClientDefinition = Type.Object(definition, { additionalProperties: false })

/** A client's id: as long as the tables have room for it. */
const ClientId = identifier('an id of printable ASCII without spaces, 128 characters at most', 'Its client_id.', 128)

/** A client of the configuration. */
export const Client = Type.Object(
  {
    id: ClientId,
    secret: Type.Optional(
      Type.Union([Type.String(secretText), Type.Array(Type.String(secretText), { minItems: 1, maxItems: 2 })], {
        expected: 'a random text of at least 32 bytes, or a list of two, the new one first',
        description: 'Compared in constant time. While it is replaced: the new one and the old one.'
      })
    ),
    ...definition
  },
  { additionalProperties: false }
)
