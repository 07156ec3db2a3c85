import Type from '../../schema/type.ts'
import { clientFields, closed, Token } from './words.ts'

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
  {
    $id: 'KeySet',
    examples: [
      {
        keys: [
          {
            kid: 'G2q4_e8voi06xkvjFgHOPplS8Ya-eWzPjoV1l1eyHiA',
            kty: 'EC',
            alg: 'ES256',
            use: 'sig',
            crv: 'P-256',
            x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
            y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'
          }
        ]
      }
    ]
  }
)
