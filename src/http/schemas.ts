import type { Static, TSchema } from 'typebox'
import Type from '../schema/type.ts'

/** A reference to a schema that the application has been given by its $id. */
export const ref = <Schema extends TSchema>(schema: Schema): ReturnType<typeof Type.Unsafe<Static<Schema>>> =>
  Type.Unsafe<Static<Schema>>(Type.Ref(`${(schema as { $id?: string }).$id ?? ''}#`))

const closed = { additionalProperties: false } as const

/** RFC 6749 5.2. */
export const ErrorBody = Type.Object(
  {
    error: Type.String({ description: 'A stable code' }),
    error_description: Type.String({ description: 'For the developer who reads it; never the cause' }),
    error_code: Type.Optional(
      Type.Enum(['must_change', 'password_expired'], {
        type: 'string',
        description: 'With `invalid_grant` alone, our extension: the password was right, and must be changed first'
      })
    )
  },
  { $id: 'Error', examples: [{ error: 'invalid_grant', error_description: 'The credentials were not accepted' }] }
)

/** Text that a person typed: no control characters, no lone surrogates, and no U+FFFD, which stands where bytes were not UTF-8. */
const typed = '^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd\\ud800-\\udfff]*$'

const OneOrMore = (description: string): ReturnType<typeof Type.Unsafe<string | string[]>> =>
  Type.Unsafe<string | string[]>({
    description,
    anyOf: [
      { type: 'string', minLength: 1, maxLength: 1024 },
      { type: 'array', items: { type: 'string', minLength: 1, maxLength: 1024 }, maxItems: 10 }
    ]
  })

const scope = Type.Optional(
  Type.String({ maxLength: 4096, description: 'Names or patterns that narrow the permissions' })
)

/** Whom the token is for, in the words of RFC 8693 and RFC 8707. */
const target = {
  audience: Type.Optional(OneOrMore('The audience of the token; several are refused')),
  resource: Type.Optional(OneOrMore('The same as a URI (RFC 8707)'))
}
const Token = Type.String({ minLength: 1, maxLength: 65_536 })

/** How a client says in the body who it is (RFC 6749 2.3.1, RFC 7523 2.2). */
export const clientFields = {
  client_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  client_secret: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, format: 'password' })),
  client_assertion_type: Type.Optional(
    Type.String({ maxLength: 255, description: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' })
  ),
  client_assertion: Type.Optional(
    Type.String({ minLength: 1, maxLength: 8192, description: 'A JWT that the client signed (private_key_jwt)' })
  )
}

/** RFC 6749 4.3.2, with RFC 8707 and RFC 8693 for the audience. */
export const PasswordGrant = Type.Object(
  {
    grant_type: Type.Literal('password'),
    username: Type.String({ minLength: 1, maxLength: 320, pattern: typed }),
    password: Type.String({ minLength: 1, maxLength: 1024, pattern: typed, format: 'password' }),
    scope,
    ...target,
    backend: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Ask this backend only' })),
    warnings: Type.Optional(
      Type.Unsafe<boolean | string>({
        description: 'Whether the answer tells how long the password lasts, our extension',
        anyOf: [{ type: 'boolean' }, { type: 'string', enum: ['true', 'false'] }]
      })
    ),
    ...clientFields
  },
  {
    $id: 'PasswordGrant',
    ...closed,
    examples: [{ grant_type: 'password', username: 'alice@example.com', password: 'correct horse battery staple' }]
  }
)

/** RFC 6749 6. */
export const RefreshGrant = Type.Object(
  { grant_type: Type.Literal('refresh_token'), refresh_token: Token, scope, ...target, ...clientFields },
  { $id: 'RefreshGrant', ...closed, examples: [{ grant_type: 'refresh_token', refresh_token: 'AZqcXn0cfDqaUV9v…' }] }
)

/** RFC 6749 4.4.2. */
export const ClientCredentialsGrant = Type.Object(
  { grant_type: Type.Literal('client_credentials'), scope, ...target, ...clientFields },
  { $id: 'ClientCredentialsGrant', ...closed, examples: [{ grant_type: 'client_credentials' }] }
)

/** RFC 8693 2.1. */
export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
/** RFC 8693 3. */
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** RFC 8693 2.1. */
export const TokenExchangeGrant = Type.Object(
  {
    grant_type: Type.Literal(tokenExchange),
    subject_token: Token,
    subject_token_type: Type.String({ maxLength: 255 }),
    requested_token_type: Type.Optional(Type.String({ maxLength: 255 })),
    actor_token: Type.Optional(Token),
    actor_token_type: Type.Optional(Type.String({ maxLength: 255 })),
    scope,
    ...target,
    ...clientFields
  },
  {
    $id: 'TokenExchangeGrant',
    ...closed,
    examples: [
      {
        grant_type: tokenExchange,
        subject_token: 'eyJhbGciOiJFUzI1NiIs…',
        subject_token_type: accessTokenType,
        audience: 'https://blog.example.com'
      }
    ]
  }
)

/** What the token endpoint takes, by grant. */
export const grants = [PasswordGrant, RefreshGrant, ClientCredentialsGrant, TokenExchangeGrant] as const
/** Any of them. */
export type Grant = Static<(typeof grants)[number]>

/** Any of them, told apart by `grant_type`. */
export const TokenRequest = Type.Unsafe<Grant>({
  $id: 'TokenRequest',
  type: 'object',
  required: ['grant_type'],
  discriminator: { propertyName: 'grant_type' },
  oneOf: grants.map((grant) => Type.Ref(`${(grant as { $id?: string }).$id ?? ''}#`))
})

/** RFC 7662 2.1 and RFC 7009 2.1; the hint is not needed. */
export const TokenQuery = Type.Object(
  { token: Token, token_type_hint: Type.Optional(Type.String({ maxLength: 255 })), ...clientFields },
  { $id: 'TokenQuery', ...closed, examples: [{ token: 'eyJhbGciOiJFUzI1NiIs…' }] }
)

/** RFC 7662 2.2. */
export const Introspection = Type.Object(
  {
    active: Type.Boolean(),
    token_type: Type.Optional(Type.Enum(['Bearer', 'refresh_token'])),
    client_id: Type.Optional(Type.String()),
    username: Type.Optional(Type.String({ description: "The user's e-mail" })),
    scope: Type.Optional(Type.String()),
    iss: Type.Optional(Type.String()),
    sub: Type.Optional(Type.String()),
    aud: Type.Optional(Type.String()),
    exp: Type.Optional(Type.Integer()),
    iat: Type.Optional(Type.Integer()),
    jti: Type.Optional(Type.String())
  },
  { $id: 'Introspection', additionalProperties: true, examples: [{ active: false }] }
)

/** RFC 6749 5.1. */
export const TokenAnswer = Type.Object(
  {
    access_token: Type.String({ description: 'A JWT as RFC 9068 has it' }),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds' }),
    scope: Type.Optional(Type.String()),
    refresh_token: Type.Optional(Type.String({ description: 'Where the client has that grant' })),
    password_expires_in: Type.Optional(
      Type.Integer({ description: 'Seconds; with `warnings`, where the backend knows' })
    ),
    grace_logins_left: Type.Optional(
      Type.Integer({ description: 'With an expired password; with `warnings`, where the backend knows' })
    ),
    issued_token_type: Type.Optional(Type.String({ description: 'Of a token exchange (RFC 8693 2.2.1)' }))
  },
  {
    $id: 'TokenAnswer',
    examples: [{ access_token: 'eyJhbGciOiJFUzI1NiIs…', token_type: 'Bearer', expires_in: 600 }]
  }
)

/** OpenID Connect core 5.3.2, and the permissions that the token's audience may see. */
export const UserInfo = Type.Object(
  {
    sub: Type.String({ description: "The user's UUID" }),
    email: Type.String(),
    email_verified: Type.Optional(Type.Boolean()),
    name: Type.Optional(Type.String()),
    given_name: Type.Optional(Type.String()),
    family_name: Type.Optional(Type.String()),
    initials: Type.Optional(Type.String()),
    employee_number: Type.Optional(Type.String()),
    updated_at: Type.Integer({ description: 'Epoch seconds' }),
    backend: Type.String({ description: 'The backend that authenticated' }),
    permissions: Type.Array(Type.String()),
    groups: Type.Array(Type.String())
  },
  {
    $id: 'UserInfo',
    additionalProperties: true,
    examples: [
      {
        sub: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11',
        email: 'alice@example.com',
        email_verified: true,
        name: 'Alice Example',
        given_name: 'Alice',
        family_name: 'Example',
        updated_at: 1760000000,
        backend: 'corp',
        permissions: ['blog.change_post'],
        groups: ['editors']
      }
    ]
  }
)

/** RFC 7517 5. */
export const KeySet = Type.Object(
  {
    keys: Type.Array(
      Type.Object(
        { kid: Type.String(), kty: Type.String(), alg: Type.String(), use: Type.Literal('sig') },
        { additionalProperties: true }
      )
    )
  },
  { $id: 'KeySet' }
)

/** What a probe answers. */
export const Health = Type.Object(
  { status: Type.Enum(['ok', 'unavailable']) },
  { $id: 'Health', examples: [{ status: 'ok' }] }
)

/** The state of each backend, for people and for alarms. */
export const StatusAnswer = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded']),
    version: Type.String(),
    database: Type.Enum(['ok', 'unavailable']),
    backends: Type.Array(
      Type.Object({
        id: Type.String(),
        type: Type.String(),
        state: Type.Enum(['closed', 'open', 'half-open']),
        last_error: Type.Union([Type.String(), Type.Null()]),
        since: Type.Union([Type.String({ format: 'date-time' }), Type.Null()])
      })
    )
  },
  { $id: 'Status' }
)

export const shared = [
  ErrorBody,
  ...grants,
  TokenRequest,
  TokenAnswer,
  TokenQuery,
  Introspection,
  UserInfo,
  KeySet,
  Health,
  StatusAnswer
] as const

/** What each error status means, with the codes that come with it. */
const meanings = {
  400: [
    'The request is malformed, or the credentials were not accepted',
    'invalid_grant',
    'The credentials were not accepted'
  ],
  401: ['The client or the bearer token was not accepted', 'invalid_token', 'The access token is not valid'],
  403: ['Authenticated, but not allowed', 'access_denied', 'This is for operators only'],
  413: ['The body is too large', 'invalid_request', 'The body is too large'],
  415: ['The content type is not taken', 'invalid_request', 'The content type must be a form or JSON'],
  429: ['Too many attempts; see Retry-After', 'slow_down', 'Too many attempts'],
  500: ['An error of the service, without detail', 'server_error', 'The service failed'],
  503: [
    'Something could not answer now; see Retry-After',
    'temporarily_unavailable',
    'The service cannot answer at the moment'
  ]
} as const

const headers: Partial<Record<keyof typeof meanings, object>> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'The challenge (RFC 9110 11.6.1)' } },
  429: { 'Retry-After': { type: 'integer', description: 'Seconds' } },
  503: { 'Retry-After': { type: 'integer', description: 'Seconds' } }
}

/** The error answers of a route, by status, as the document lists them. */
export const errors = (...statuses: Array<keyof typeof meanings>): Record<number, object> =>
  Object.fromEntries(
    statuses.map((status) => {
      const [description, error, error_description] = meanings[status]
      const example = { summary: error, value: { error, error_description } }
      const content = { 'application/json': { schema: ref(ErrorBody), examples: { [error]: example } } }
      return [status, { description, content, ...(headers[status] ? { headers: headers[status] } : {}) }]
    })
  )
