import type { FastifyRequest } from 'fastify'
import { NotFound } from '../../errors.ts'
import Type from '../../schema/type.ts'
import { endpointViews } from '../../webhooks/administration.ts'
import { deliveryAsJson, deliveryStates } from '../../webhooks/delivery-store.ts'
import type { AppParts } from '../parts.ts'
import { Webhook, WebhookDelivery } from '../schemas/admin/webhooks.ts'
import { ById, listQuery, nothing, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { callerOf } from './caller.ts'
import { behindCursor, idPositionOf, pageOf } from './page.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }

/** `/admin/webhooks`: who is told of what happens, and what became of it. Webhooks themselves stand in the configuration. */
export function webhookRoutes(admin: App, parts: AppParts): void {
  endpointRoutes(admin, parts)
  deliveryRoutes(admin, parts)
}

const logged = (request: FastifyRequest, event: object): void =>
  request.log.info({ ...event, by: callerOf(request).user.id }, 'webhook administered')

function endpointRoutes(admin: App, { administration: { webhooks } }: AppParts): void {
  admin.get(
    '/webhooks',
    {
      config: { access: 'latchkey.view_webhook' },
      schema: {
        operationId: 'listWebhooks',
        summary: 'The webhooks, with how many events wait, were delivered or given up',
        ...common,
        querystring: listQuery({ search: search('Prefix of the id') }),
        response: { 200: pageSchema(Webhook, 'The webhooks'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix = '', limit, cursor } }) => {
      const all = (await endpointViews(webhooks)).filter(({ id }) => id.startsWith(prefix))
      return pageOf(
        behindCursor(all, cursor, ({ id }) => id),
        limit,
        ({ id }) => id,
        (view) => ({ ...view, events: [...view.events] })
      )
    }
  )
  admin.post(
    '/webhooks/:id/enable',
    {
      config: { access: 'latchkey.change_webhook' },
      schema: {
        operationId: 'enableWebhook',
        summary: 'Tell a webhook again that asked for no more; what was given up since is not retried by itself',
        ...common,
        params: ById,
        response: { 204: nothing('It is told within seconds'), ...problems(404) }
      }
    },
    async (request, reply) => {
      if (!(await webhooks.deliveries.enable(request.params.id))) throw new NotFound('No such webhook is disabled')
      logged(request, { event: 'webhook_enabled', endpoint: request.params.id })
      return reply.code(204).send(null)
    }
  )
}

function deliveryRoutes(admin: App, { administration: { webhooks }, tokens }: AppParts): void {
  const { deliveries } = webhooks
  admin.get(
    '/webhooks/deliveries',
    {
      config: { access: 'latchkey.view_webhook' },
      schema: {
        operationId: 'listWebhookDeliveries',
        summary: 'The events that were or are to be delivered, oldest first; state=dead: the dead letters',
        ...common,
        querystring: listQuery({
          search: search("Prefix of the event's type: `user.` for all about users"),
          endpoint: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'The id of a webhook' })),
          state: Type.Optional(Type.Enum([...deliveryStates]))
        }),
        response: { 200: pageSchema(WebhookDelivery, 'The deliveries'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix, endpoint, state, limit, cursor } }) => {
      const filter = { search: prefix, endpoint, state }
      const found = await deliveries.list({ ...filter, cursor: idPositionOf(cursor), limit: limit + 1 })
      return pageOf(found, limit, ({ id }) => id, deliveryAsJson)
    }
  )
  admin.get(
    '/webhooks/deliveries/:id',
    {
      config: { access: 'latchkey.view_webhook' },
      schema: {
        operationId: 'readWebhookDelivery',
        summary: 'One delivery',
        ...common,
        params: ById,
        response: { 200: ref(WebhookDelivery), ...problems(404) }
      }
    },
    async ({ params }) => {
      const delivery = await deliveries.byId(params.id)
      if (!delivery) throw new NotFound()
      return deliveryAsJson(delivery)
    }
  )
  admin.post(
    '/webhooks/deliveries/:id/retry',
    {
      config: { access: 'latchkey.change_webhook' },
      schema: {
        operationId: 'retryWebhookDelivery',
        summary: 'Deliver an event anew that was given up or delivered, as often as at first',
        ...common,
        params: ById,
        response: { 204: nothing('It is tried within seconds'), ...problems(404) }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      if ((await deliveries.retry([id], tokens.now())) === 0) throw new NotFound('No such delivery has ended')
      logged(request, { event: 'webhook_retried', delivery: id })
      return reply.code(204).send(null)
    }
  )
  admin.delete(
    '/webhooks/deliveries/:id',
    {
      config: { access: 'latchkey.change_webhook' },
      schema: {
        operationId: 'deleteWebhookDelivery',
        summary: 'Forget an event, delivered or not',
        ...common,
        params: ById,
        response: { 204: nothing('It is gone'), ...problems(404) }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      if ((await deliveries.delete([id])) === 0) throw new NotFound()
      logged(request, { event: 'webhook_deleted', delivery: id })
      return reply.code(204).send(null)
    }
  )
}
