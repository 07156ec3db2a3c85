import { type EventType, eventTypes } from '../../auth/events.ts'
import Type from '../../schema/type.ts'
import { Time } from './admin/words.ts'

const open = { additionalProperties: true }
const id = Type.String({ description: 'UUID; the claim sub of tokens' })
const user = Type.Object({ id, email: Type.String() }, open)
const ofUser = Type.Object({ user }, open)
const orNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description })

const data = {
  'user.created': Type.Object({ user, backend: orNull('Whose first login it was') }, open),
  'user.joined': Type.Object({ user, backend: Type.String(), subject: Type.String() }, open),
  'user.changed': Type.Object({ user, changed: Type.Array(Type.String(), { minItems: 1 }) }, open),
  'user.activated': ofUser,
  'user.deactivated': ofUser,
  'user.deleted': ofUser,
  'session.ended': Type.Object(
    {
      user: Type.Object({ id }, open),
      session: orNull('Null: all sessions and tokens of the user'),
      except: orNull('Of all of them, the one that lives on')
    },
    open
  ),
  'account.locked': Type.Object(
    {
      ...{ user, backend: Type.String(), failures: Type.Integer({ minimum: 1 }), until: Time },
      ip: orNull('Null: whoever asks from wherever has to wait')
    },
    open
  ),
  'key.rotated': Type.Object(
    {
      key: Type.Object({ kid: Type.String(), algorithm: Type.String() }, open),
      previous: orNull('The key that signed before'),
      reason: Type.Enum(['rotated', 'revoked'])
    },
    open
  )
} satisfies Record<EventType, object>

const alice = { id: '019a9c5e-6f00-7d11-8f0a-2b6f1d0c9a77', email: 'alice@example.com' }

const examples: Readonly<Record<EventType, object>> = {
  'user.created': { user: alice, backend: 'corp' },
  'user.joined': { user: alice, backend: 'corp', subject: '06fa8bcb-a5b5-4198-99f3-beaaff0d37f1' },
  'user.changed': { user: alice, changed: ['displayName', 'groups'] },
  'user.activated': { user: alice },
  'user.deactivated': { user: alice },
  'user.deleted': { user: alice },
  'session.ended': { user: { id: alice.id }, session: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11', except: null },
  'account.locked': {
    ...{ user: alice, backend: 'corp', failures: 10, until: '2026-11-22T08:00:10.000Z', ip: '192.0.2.1' }
  },
  'key.rotated': {
    key: { kid: 'G2q4_e8voi06xkvjFgHOPplS8Ya-eWzPjoV1l1eyHiA', algorithm: 'ES256' },
    ...{ previous: 'HFrFp3y2lZyi7sYqKnwkAaEcV0QDxk2KPCmVp4cNHTE', reason: 'rotated' }
  }
}

const message = (type: EventType) =>
  Type.Object(
    { type: Type.Literal(type), timestamp: Time, data: data[type] },
    { ...open, examples: [{ type, timestamp: '2026-11-22T08:00:00.000Z', data: examples[type] }] }
  )

const header = (description: string) => ({ in: 'header', required: true, description, schema: { type: 'string' } })

/** The webhooks of the OpenAPI document (4.8.1): what is posted, one entry an event. Receivers ignore what they don't know. */
export const webhookOperations = Object.fromEntries(
  eventTypes.map((type) => [
    type,
    {
      post: {
        operationId: type.replace(/\W/g, '_'),
        summary: `The event ${type}, as Standard Webhooks has it`,
        tags: ['webhooks'],
        security: [],
        parameters: [
          { name: 'webhook-id', ...header('The same in every try') },
          { name: 'webhook-timestamp', ...header('Of this try, in seconds') },
          { name: 'webhook-signature', ...header('`v1,` and HMAC-SHA-256 in base64, once for each secret') }
        ],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: message(type) }
          }
        },
        responses: {
          '2XX': { description: 'Taken' },
          '410': { description: 'Send no more' },
          default: { description: 'Send it again later' }
        }
      }
    }
  ])
)
