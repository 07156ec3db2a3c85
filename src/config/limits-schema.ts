import Type from '../schema/type.ts'
import { text } from './names.ts'
import { section } from './section.ts'
import { duration } from './units.ts'

const Ip = Type.Object(
  {
    max: Type.Integer({ default: 300, minimum: 1, description: 'Requests of one address within the window.' }),
    window: duration({ default: '1m', description: 'Length of the window.' })
  },
  { additionalProperties: false }
)

const Account = Type.Object(
  {
    failures: Type.Integer({
      default: 10,
      minimum: 1,
      description: 'Failed logins at one account from one address within the window.'
    }),
    totalFailures: Type.Optional(
      Type.Integer({ minimum: 1, description: 'The same over all addresses together. Default: ten times failures.' })
    ),
    window: duration({ default: '15m', description: 'Length of the window.' })
  },
  { additionalProperties: false }
)

const Redis = Type.Object(
  {
    url: text({
      expected: 'redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…',
      description: 'redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…: Redis 6 or later, or Valkey.'
    }),
    password: Type.Optional(text({ description: 'Where it does not stand in the URL.' })),
    insecure: Type.Boolean({
      default: false,
      description: 'Allows redis://, and the password, in clear off loopback.'
    }),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(text({ description: "A PEM file with the server's authority." })),
          serverName: Type.Optional(text({ description: "The name in the server's certificate." }))
        },
        { additionalProperties: false }
      )
    )
  },
  {
    additionalProperties: false,
    description: 'Where replicas count together. Absent, and while it does not answer: each process counts for itself.'
  }
)

/** What guessing and flooding are held off with. */
export const Limits = section('Limits against guessing; false switches one off.', {
  ip: Type.Union([Type.Literal(false), Ip], {
    default: {},
    expected: 'max and window, or false',
    description: 'Requests of one address.'
  }),
  account: Type.Union([Type.Literal(false), Account], {
    default: {},
    expected: 'failures and window, or false',
    description: 'Failed logins at one account.'
  }),
  redis: Type.Optional(Redis)
})
