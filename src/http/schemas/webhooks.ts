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
            'application/json': {
              schema: Type.Object({ type: Type.Literal(type), timestamp: Time, data: data[type] }, open)
            }
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
