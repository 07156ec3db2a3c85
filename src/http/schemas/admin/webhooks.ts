import { eventTypes } from '../../../auth/events.ts'
import Type from '../../../schema/type.ts'
import { deliveryStates } from '../../../webhooks/delivery-store.ts'
import { TextOrNull, Time, TimeOrNull } from './words.ts'

const count = Type.Integer({ minimum: 0 })

/** Somebody who is told of what happens. */
export const Webhook = Type.Object(
  {
    id: Type.String(),
    origin: Type.Union([Type.String(), Type.Null()], {
      description: 'Scheme, host and port; null where it stands in the configuration no longer'
    }),
    events: Type.Array(Type.String(), { description: 'The types that it is told of' }),
    disabled: Type.Boolean({ description: 'It answered 410, and is told nothing more' }),
    waiting: count,
    delivered: count,
    dead: count
  },
  {
    $id: 'Webhook',
    examples: [
      {
        ...{ id: 'crm', origin: 'https://hooks.example.com', events: ['user.created', 'user.changed'] },
        ...{ disabled: false, waiting: 1, delivered: 214, dead: 0 }
      }
    ]
  }
)

/** One event on its way to one webhook. */
export const WebhookDelivery = Type.Object(
  {
    id: Type.String(),
    endpoint: Type.String(),
    message: Type.String({ description: 'The header webhook-id' }),
    type: Type.Enum([...eventTypes]),
    state: Type.Enum([...deliveryStates]),
    attempts: count,
    lastStatus: Type.Union([Type.Integer(), Type.Null()], { description: 'Of the last answer' }),
    lastError: TextOrNull,
    createdAt: Time,
    lastAttemptAt: TimeOrNull,
    nextAttemptAt: TimeOrNull,
    payload: Type.Object({}, { additionalProperties: true, description: 'What is posted' })
  },
  {
    $id: 'WebhookDelivery',
    examples: [
      {
        id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11',
        endpoint: 'crm',
        message: 'msg_019a9c5e7d1c7c3a9a515f6f4f1f0b12',
        type: 'user.created',
        state: 'dead',
        attempts: 10,
        lastStatus: 500,
        lastError: 'status',
        createdAt: '2026-11-22T06:00:00.000Z',
        lastAttemptAt: '2026-11-25T10:12:00.000Z',
        nextAttemptAt: null,
        payload: {
          type: 'user.created',
          timestamp: '2026-11-22T06:00:00.000Z',
          data: {
            user: { id: '019a9c5e-6f00-7d11-8f0a-2b6f1d0c9a77', email: 'alice@example.com' },
            backend: 'corp'
          }
        }
      }
    ]
  }
)
