import Type from '../../../schema/type.ts'
import { closed } from '../words.ts'
import { Time, TimeOrNull } from './words.ts'

const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, description })

const duration = (description: string) => Type.String({ maxLength: 20, description, examples: ['10m'] })

/** What can be said of a client, in the words of the configuration. The rules stand there, too. */
const fields = {
  authentication: Type.Enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']),
  jwks: Type.Unsafe<Record<string, unknown>>({ type: 'object', description: 'Its public keys (RFC 7517)' }),
  jwksUri: text(2048, 'Where its public keys are'),
  allowPrivate: Type.Array(text(64, 'A CIDR of private addresses that jwksUri may have'), {
    maxItems: 100,
    description: 'A client that lists any is for superusers to register and to change'
  }),
  grants: Type.Array(text(64, 'A grant type'), { maxItems: 10 }),
  audiences: Type.Array(text(1024, 'Its default first; none: the issuer'), { maxItems: 100 }),
  backends: Type.Array(text(64, 'Where its users may log in'), { maxItems: 100 }),
  chooseBackend: Type.Boolean(),
  permissions: Type.Array(text(255, 'Its own, for client_credentials'), { maxItems: 1000 }),
  accessTtl: duration('How long its access tokens live'),
  refreshTtl: duration('How long its sessions can be refreshed'),
  limits: Type.Unsafe<{ max: number; window?: string }>({
    type: 'object',
    description: 'Its requests within a window',
    properties: { max: { type: 'integer', minimum: 1 }, window: { type: 'string', maxLength: 20 } },
    required: ['max'],
    additionalProperties: false
  }),
  forwardedFor: Type.Array(text(64, 'A CIDR'), { maxItems: 100 })
}

type Fields = typeof fields

const optional = Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, Type.Optional(schema)])) as {
  [Name in keyof Fields]: ReturnType<typeof Type.Optional<Fields[Name]>>
}

const example = { grants: ['password', 'refresh_token'], audiences: ['https://blog.example.com'] }
const secrets = [{ createdAt: '2026-11-22T06:00:00.000Z', expiresAt: null }]
const shown = {
  ...{
    id: 'blog',
    origin: 'database',
    ...example,
    chooseBackend: false,
    permissions: [],
    allowPrivate: [],
    forwardedFor: [],
    secrets
  },
  ...{ createdAt: '2026-11-22T06:00:00.000Z', updatedAt: '2026-11-22T06:00:00.000Z' }
}

const answer = {
  id: Type.String(),
  origin: Type.Enum(['configuration', 'database'], { description: 'Those of the configuration are changed there' }),
  ...optional,
  secrets: Type.Array(Type.Object({ createdAt: TimeOrNull, expiresAt: TimeOrNull }), {
    description: 'How many are valid, and until when; themselves they are kept by nobody'
  }),
  createdAt: Type.Optional(Time),
  updatedAt: Type.Optional(Time)
}

/** A registered service that calls us. */
export const Client = Type.Object(answer, { $id: 'Client', examples: [shown] })

/** The same with its new secret, which is shown this once; absent where it proves itself otherwise. */
export const ClientSecret = Type.Object(
  { ...answer, secret: Type.Optional(Type.String({ description: 'Shown this once' })) },
  { $id: 'ClientSecret', examples: [{ ...shown, secret: '7cW0v5nX2m1Qk1p0yS3qUe8rT4tZ9aBcDeFgHiJkLmN' }] }
)

/** A client to be registered. */
export const NewClient = Type.Object(
  { id: text(128, 'Its client_id: printable ASCII without spaces'), ...optional },
  { $id: 'NewClient', ...closed, examples: [{ id: 'blog', ...example }] }
)

const nullable = Object.fromEntries(
  Object.entries(fields).map(([name, schema]) => [name, Type.Optional(Type.Union([schema, Type.Null()]))])
) as {
  [Name in keyof Fields]: ReturnType<
    typeof Type.Optional<ReturnType<typeof Type.Union<[Fields[Name], ReturnType<typeof Type.Null>]>>>
  >
}

/** A change (RFC 7396): null takes a field back to its default. */
export const ClientChange = Type.Object(nullable, {
  $id: 'ClientChange',
  ...closed,
  examples: [{ chooseBackend: true, accessTtl: null }]
})

/** How a secret is replaced. */
export const SecretRotation = Type.Object(
  {
    keep: Type.String({
      maxLength: 20,
      default: '24h',
      description: 'How long the old one stays valid: `24h`; `0`: not at all'
    })
  },
  { $id: 'SecretRotation', ...closed, examples: [{ keep: '24h' }] }
)
