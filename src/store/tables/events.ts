import type { AuditDetails, AuditEvent } from '../../auth/audit.ts'
import type { EventType } from '../../auth/events.ts'
import type { DeliveryState } from '../../webhooks/delivery-store.ts'
import type { Kit } from '../kit.ts'

/** What happened and who is told of it; no row refers to another. */
export const eventTables = (kit: Kit) => {
  /** What was done, by whom; ids are UUIDv7, whose order is that of time. No row refers to another: it outlives them. */
  const audit = kit.table(
    'latchkey_audit',
    {
      id: kit.key('id', 36).primaryKey(),
      at: kit.integer('at').notNull(),
      kind: kit.key('kind', 32).$type<AuditEvent['kind']>().notNull(),
      outcome: kit.key('outcome', 16).$type<AuditEvent['outcome']>().notNull(),
      reason: kit.key('reason', 64),
      actor: kit.key('actor', 64),
      user: kit.key('user_id', 36),
      username: kit.text('username'),
      backend: kit.key('backend', 64),
      subject: kit.key('subject', 255),
      client: kit.key('client_id', 128),
      ip: kit.key('ip', 64),
      audience: kit.text('audience'),
      session: kit.key('session_id', 36),
      jti: kit.key('jti', 64),
      request: kit.key('request_id', 64),
      action: kit.key('action', 64),
      target: kit.key('target', 255),
      details: kit.json<AuditDetails>('details')
    },
    (t) => [
      kit.index('latchkey_audit_user').on(t.user, t.id),
      kit.index('latchkey_audit_client').on(t.client, t.id),
      kit.index('latchkey_audit_kind').on(t.kind, t.id)
    ]
  )

  /** Events on their way to webhooks, one row for each endpoint. */
  const webhookDeliveries = kit.table(
    'latchkey_webhook_deliveries',
    {
      id: kit.key('id', 36).primaryKey(),
      endpoint: kit.key('endpoint', 64).notNull(),
      message: kit.key('message', 64).notNull(),
      type: kit.key('type', 32).$type<EventType>().notNull(),
      payload: kit.text('payload').notNull(),
      state: kit.key('state', 16).$type<DeliveryState>().notNull(),
      attempts: kit.integer('attempts').notNull(),
      /** When it is tried next, taken over, or, at its end, when that was. */
      dueAt: kit.integer('due_at').notNull(),
      claim: kit.key('claim', 36),
      lastStatus: kit.integer('last_status'),
      lastError: kit.key('last_error', 64),
      createdAt: kit.integer('created_at').notNull(),
      lastAttemptAt: kit.integer('last_attempt_at')
    },
    (t) => [
      kit.index('latchkey_webhook_deliveries_due').on(t.endpoint, t.state, t.dueAt),
      kit.index('latchkey_webhook_deliveries_state').on(t.state, t.id)
    ]
  )

  /** Endpoints that asked for no more (410), for as long as their URL stays the same; of that the SHA-256. */
  const disabledWebhooks = kit.table('latchkey_disabled_webhooks', {
    id: kit.key('id', 64).primaryKey(),
    url: kit.key('url', 64).notNull(),
    at: kit.integer('at').notNull()
  })

  return { audit, webhookDeliveries, disabledWebhooks }
}
