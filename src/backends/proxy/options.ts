import type { Static } from 'typebox'
import type { OptionMistake } from '../../auth/define-backend.ts'
import { isCidr, isEverything } from '../../config/cidr.ts'
import { Cidr, text } from '../../config/names.ts'
import { duration, milliseconds } from '../../config/units.ts'
import Type from '../../schema/type.ts'

/** Without an underscore: servers and frameworks in between take `X_User` and `X-User` for one. */
const HeaderName = (description: string) =>
  Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,127}$',
    expected: 'the name of a header: letters, digits and dashes',
    description
  })

const SecretHeader = Type.Object(
  {
    name: HeaderName('The header by which the proxy proves that it is the proxy.'),
    value: Type.String({
      minLength: 1,
      maxLength: 1024,
      expected: 'a random text of at least 32 bytes',
      description: 'What it holds: random, at least 32 bytes, printable ASCII.'
    })
  },
  { additionalProperties: false }
)

const Headers = Type.Object(
  {
    username: HeaderName('Who it is: the subject of the account.'),
    email: Type.Optional(HeaderName('Their e-mail address.')),
    name: Type.Optional(HeaderName('Their name, for displayName.')),
    groups: Type.Optional(
      HeaderName('Names of groups: they become members of exactly these. Absent: no group is touched.')
    )
  },
  { additionalProperties: false }
)

/** The options of a proxy that has authenticated already. */
export const ProxyOptions = Type.Object(
  {
    from: Type.Optional(
      Type.Array(Cidr, {
        minItems: 1,
        description: "The proxy's addresses, as the socket has them: X-Forwarded-For says nothing here."
      })
    ),
    secretHeader: Type.Optional(SecretHeader),
    headers: Headers,
    attributes: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }), HeaderName(''), {
        keys: 'the name of a field',
        description: 'Headers of other fields, by the name of the field.'
      })
    ),
    groupsSeparator: Type.String({
      pattern: '^[,;| ]$',
      expected: 'a comma, a semicolon, a bar or a space',
      default: ',',
      description: 'What stands between two groups.'
    }),
    stripDomains: Type.Array(text({ maxLength: 253, expected: 'a domain such as CORP or corp.example.com' }), {
      default: [],
      description: 'Domains that are taken off a user name: CORP\\alice, alice@corp.example.com. Others stay.'
    }),
    lowerCase: Type.Boolean({ default: false, description: 'Whether user names are taken in lower case.' }),
    maxAge: duration({ default: '1h', description: 'How long a session lives after the proof.' }),
    allowInactive: Type.Boolean({ default: false, description: 'Lets inactive users in.' })
  },
  { additionalProperties: false }
)

/** The same as a type. */
export type ProxyOptions = Static<typeof ProxyOptions>

const leastSecretBytes = 32
/** Headers that say something else, whoever sends them. */
const taken: ReadonlySet<string> = new Set([
  ...['authorization', 'cookie', 'host', 'connection', 'content-length', 'content-type', 'transfer-encoding'],
  ...['x-forwarded-for', 'x-request-id', 'forwarded', 'via', 'user-agent']
])

/** Contradictions and dangers: above all a door that is open to everybody. */
export function proxyMistakes({ from, secretHeader, headers, maxAge, attributes = {} }: ProxyOptions): OptionMistake[] {
  const named = [
    ...Object.entries(headers).map(([key, name]) => [`/headers/${key}`, name] as const),
    ...Object.entries(attributes).map(([key, name]) => [`/attributes/${key}`, name] as const)
  ]
  const secretName = secretHeader?.name.toLowerCase()
  const found: Array<readonly [wrong: boolean, path: string, message: string]> = [
    [!from && !secretHeader, '/from', 'is missing, and so is secretHeader: anybody could say who they are'],
    ...(from ?? []).flatMap((cidr, at) => [
      [!isCidr(cidr), `/from/${at}`, 'expected an address or CIDR such as 10.0.0.0/8'] as const,
      [isEverything(cidr), `/from/${at}`, 'is every address: anybody could say who they are'] as const
    ]),
    [milliseconds(maxAge) < 1000, '/maxAge', 'expected at least 1s'],
    [
      secretHeader !== undefined && Buffer.byteLength(secretHeader.value.trim()) < leastSecretBytes,
      '/secretHeader/value',
      `too short: expected a random text of at least ${leastSecretBytes} bytes`
    ],
    [
      secretHeader !== undefined && !/^[ -~]+$/.test(secretHeader.value),
      '/secretHeader/value',
      'expected printable ASCII'
    ],
    [secretName !== undefined && taken.has(secretName), '/secretHeader/name', 'this header has a meaning of its own'],
    ...named.flatMap(([path, name]) => [
      [taken.has(name.toLowerCase()), path, 'this header has a meaning of its own'] as const,
      [name.toLowerCase() === secretName, path, 'is the header of the secret'] as const
    ])
  ]
  return found.flatMap(([wrong, path, message]) => (wrong ? [{ path, message }] : []))
}
