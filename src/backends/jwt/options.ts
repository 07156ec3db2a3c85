import type { Static } from 'typebox'
import { text } from '../../config/names.ts'
import { duration } from '../../config/units.ts'
import Type from '../../schema/type.ts'

const strict = { additionalProperties: false } as const

/** What tokens may be signed with: nothing symmetric, whose key would be public, and never `none`. */
export const algorithms = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const)
] as const

const claim = (description: string) => Type.Optional(text({ maxLength: 255, description }))

/** Whether the address is verified: a claim that is true, or one with a value that the issuer writes in its place. */
const emailVerified = Type.Optional(
  Type.Union(
    [
      text({ maxLength: 255 }),
      Type.Object(
        {
          claim: text({ maxLength: 255, description: 'The claim.' }),
          values: Type.Array(Type.Union([Type.Boolean(), Type.String(), Type.Number()]), {
            minItems: 1,
            description: 'What it holds where the address is verified, to the letter: `[true, "1"]`.'
          })
        },
        strict
      )
    ],
    {
      description:
        'Whether the address is verified: true alone says so, unless values are named. Default: email_verified.'
    }
  )
)

/** A claim with names in it: an array of them, or one text with spaces between. */
const names = (what: string) =>
  Type.Optional(
    Type.Union(
      [
        text({ maxLength: 255 }),
        Type.Object(
          {
            claim: text({ maxLength: 255, description: 'The claim.' }),
            prefix: Type.Optional(
              text({
                maxLength: 128,
                pattern: '^[A-Za-z0-9._:/-]+$',
                expected: 'letters, digits and . _ : / -',
                description: 'Stands before each name.'
              })
            )
          },
          strict
        )
      ],
      { description: `The claim with the names of ${what}. Absent: none are taken over.` }
    )
  )

const Claims = Type.Object(
  {
    subject: claim("The issuer's immutable id for the account. Default: sub."),
    username: claim('The login name. Default: preferred_username, or else the subject.'),
    email: claim('The e-mail address. Default: email.'),
    emailVerified,
    firstName: claim('Default: given_name.'),
    lastName: claim('Default: family_name.'),
    displayName: claim('Default: name.'),
    initials: claim('Default: none.'),
    employeeNumber: claim('Default: none.'),
    attributes: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }), text({ maxLength: 255 }), {
        keys: 'the name of a field',
        description: 'Claims of the fields of users.attributes.'
      })
    ),
    permissions: names('permissions'),
    groups: names('groups')
  },
  strict
)

/** Options of the backend type `jwt`, beside those that all backends share. */
export const JwtOptions = Type.Object(
  {
    issuer: text({
      expected: 'an https URL, as it stands in the claim iss',
      description: 'Whose tokens are taken: the claim iss, to the letter.'
    }),
    audiences: Type.Array(text(), {
      minItems: 1,
      description: 'For whom tokens must be: the claim aud holds one of these.'
    }),
    algorithms: Type.Optional(
      Type.Array(Type.Enum([...algorithms]), {
        minItems: 1,
        uniqueItems: true,
        description: 'What tokens may be signed with. Default: what the discovery document says.'
      })
    ),
    jwks: Type.Optional(
      Type.Union(
        [
          text(),
          Type.Object(
            {
              keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), {
                minItems: 1,
                maxItems: 100,
                description: 'The keys themselves (RFC 7517), public ones.'
              })
            },
            strict
          )
        ],
        { description: "Where the issuer's keys are: a URL or a file. Default: where the discovery document says." }
      )
    ),
    tls: Type.Optional(
      Type.Object(
        { ca: Type.Optional(text({ description: 'PEM file of the authorities to trust for issuer and keys.' })) },
        strict
      )
    ),
    claims: Type.Optional(Claims),
    maxAge: Type.Optional(
      duration({ description: 'How old a token may be, by iat; sessions end so long after iat. Default: 1h.' })
    ),
    maxAuthAge: Type.Optional(
      duration({ description: 'How long ago the person may have logged in there, by auth_time. Default: any time.' })
    ),
    singleUse: Type.Optional(
      Type.Boolean({ description: 'Whether a token is taken once only, by its jti. Default: false.' })
    )
  },
  strict
)

/** Options of the backend type `jwt`, validated. */
export type JwtOptions = Static<typeof JwtOptions>
