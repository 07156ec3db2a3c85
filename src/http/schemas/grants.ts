import type { Static } from 'typebox'
import Type from '../../schema/type.ts'
import { clientFields, closed, OneOrMore, Token, typed } from './words.ts'

const scope = Type.Optional(
  Type.String({ maxLength: 4096, description: 'Names or patterns that narrow the permissions' })
)

/** Whom the token is for, in the words of RFC 8693 and RFC 8707. */
const target = {
  audience: Type.Optional(OneOrMore('The audience of the token; several are refused')),
  resource: Type.Optional(OneOrMore('The same as a URI (RFC 8707)'))
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
const ClientCredentialsGrant = Type.Object(
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
    subject_token_type: Type.String({
      maxLength: 255,
      description: 'urn:ietf:params:oauth:token-type:access_token, …:jwt, or, of another issuer, …:id_token'
    }),
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

/** A login by the headers of a proxy that has authenticated already. */
export const proxyGrant = 'urn:latchkey:params:oauth:grant-type:proxy'

/** Who it is stands in the headers that the backend `proxy` names. */
export const ProxyGrant = Type.Object(
  {
    grant_type: Type.Literal(proxyGrant),
    scope,
    ...target,
    backend: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Ask this backend only' })),
    ...clientFields
  },
  { $id: 'ProxyGrant', ...closed, examples: [{ grant_type: proxyGrant }] }
)

/** What the token endpoint takes, by grant. */
export const grants = [PasswordGrant, RefreshGrant, ClientCredentialsGrant, TokenExchangeGrant, ProxyGrant] as const
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
