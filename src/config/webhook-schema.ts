import { eventTypes } from '../auth/events.ts'
import Type from '../schema/type.ts'
import { BackendId, Cidr, text } from './names.ts'
import { duration } from './units.ts'

const Secret = Type.String({
  minLength: 1,
  maxLength: 200,
  expected: 'whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)'
})

const Webhook = Type.Object(
  {
    id: BackendId,
    url: text({
      expected: 'an https URL such as https://hooks.example.com/latchkey',
      description: 'Where events are posted to. http is for loopback only.'
    }),
    secret: Type.Union([Secret, Type.Array(Secret, { minItems: 1, maxItems: 2 })], {
      expected: 'whsec_ and 24 to 64 random bytes in base64, or two of these, the new one first',
      description: 'What messages are signed with (Standard Webhooks); two while one replaces the other.'
    }),
    events: Type.Array(
      Type.String({ pattern: '^[a-z.*]+$', maxLength: 64, expected: 'an event such as user.created' }),
      {
        default: ['*'],
        minItems: 1,
        description: `Patterns of events: ${eventTypes.join(', ')}.`
      }
    ),
    allowPrivate: Type.Array(Cidr, {
      default: [],
      expected: 'a list of addresses and CIDRs such as [10.0.0.0/8]',
      description: 'Private addresses that it may have; all others are refused, loopback too.'
    }),
    timeout: duration({ default: '15s', description: 'How long an answer may take, 30s at most.' }),
    retention: duration({ default: '7d', description: 'How long events that were delivered are kept.' }),
    deadRetention: duration({ default: '90d', description: 'How long events that were given up are kept.' })
  },
  { additionalProperties: false }
)

/** Whom the service tells of what happens. */
export const webhookList = Type.Array(Webhook, {
  default: [],
  maxItems: 50,
  description: 'Whom the service tells of what happens, by Standard Webhooks.'
})
