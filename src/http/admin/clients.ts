import type { FastifyReply, FastifyRequest } from 'fastify'
import { holds, mayEverything } from '../../admin/actor.ts'
import type { ClientDone, ClientRefusal, ClientRequest, ClientView } from '../../clients/administration.ts'
import { milliseconds } from '../../config/units.ts'
import {
  AlreadyExists,
  Conflict,
  GrantRefused,
  InvalidRequest,
  NotFound,
  PreconditionFailed,
  SetByConfiguration
} from '../../errors.ts'
import { checkIfMatch, expectedVersion, tag } from '../etag.ts'
import type { AppParts } from '../parts.ts'
import { pointerOf } from '../problems.ts'
import { Client, ClientChange, ClientSecret, NewClient, SecretRotation } from '../schemas/admin/clients.ts'
import { ById, IfMatch, listQuery, nothing, pageOf as pageSchema, search, tagged } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { bodyMayMiss } from './body.ts'
import { callerOf } from './caller.ts'
import { pageOf, positionOf } from './page.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }

/** `/admin/clients`: the services that call. Those of the configuration are shown, and changed there. */
export function clientRoutes(admin: App, parts: AppParts): void {
  const rules = () => parts.administration.clients
  admin.get(
    '/clients',
    {
      config: { access: 'latchkey.view_client' },
      schema: {
        operationId: 'listClients',
        summary: 'The clients of the configuration and of the database',
        ...common,
        querystring: listQuery({ search: search('Prefix of the id') }),
        response: { 200: pageSchema(Client, 'The clients, without their secrets'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix = '', limit, cursor } }) => {
      const found = await rules().list({ search: prefix, cursor: positionOf(cursor) ?? '', limit: limit + 1 })
      return pageOf(found, limit, ({ id }) => id, shown)
    }
  )
  admin.get(
    '/clients/:id',
    {
      config: { access: 'latchkey.view_client' },
      schema: {
        operationId: 'readClient',
        summary: 'One client',
        ...common,
        params: ById,
        response: { 200: tagged(Client, 'The client, without its secrets'), ...problems(404) }
      }
    },
    async ({ params }, reply) => {
      const client = await rules().byId(params.id)
      if (!client) throw new NotFound()
      tag(reply, client.stored?.updatedAt)
      return shown(client)
    }
  )
  admin.post(
    '/clients',
    {
      config: { access: 'latchkey.add_client' },
      schema: {
        operationId: 'createClient',
        summary: 'Register a client, and show its secret this once',
        ...common,
        body: ref(NewClient),
        response: { 201: tagged(ClientSecret, 'The client with its secret'), ...bodyProblems(409) }
      }
    },
    async (request, reply) => {
      const { id, ...definition } = request.body
      const created = await rules().create(id, definition, asked(request))
      const answer = done(created, { event: 'client_created' }, request, reply)
      reply.code(201).header('location', `${parts.tokens.issuer}/admin/clients/${encodeURIComponent(id)}`)
      return answer
    }
  )
  admin.patch(
    '/clients/:id',
    {
      config: { access: 'latchkey.change_client' },
      schema: {
        operationId: 'changeClient',
        summary: 'Change a client',
        description: 'A change as RFC 7396 has it: null takes a field back to its default.',
        ...common,
        params: ById,
        headers: IfMatch,
        body: ref(ClientChange),
        response: { 200: tagged(Client, 'The client as it is now'), ...bodyProblems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const conditional = await condition(request, request.params.id, parts)
      const changed = await rules().change(request.params.id, request.body, conditional)
      return done(changed, { event: 'client_changed' }, request, reply)
    }
  )
  admin.post(
    '/clients/:id/rotate-secret',
    {
      config: { access: 'latchkey.change_client' },
      preValidation: bodyMayMiss,
      schema: {
        operationId: 'rotateClientSecret',
        summary: 'Make a new secret, and show it this once; the old one stays valid for a while',
        ...common,
        params: ById,
        headers: IfMatch,
        body: ref(SecretRotation),
        response: { 200: tagged(ClientSecret, 'The client with its new secret'), ...bodyProblems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const keepMs = keepOf(request.body.keep)
      const rotated = await rules().rotateSecret(
        request.params.id,
        keepMs,
        await condition(request, request.params.id, parts)
      )
      return done(rotated, { event: 'client_secret_rotated' }, request, reply)
    }
  )
  admin.delete(
    '/clients/:id',
    {
      config: { access: 'latchkey.delete_client' },
      schema: {
        operationId: 'deleteClient',
        summary: 'Delete a client; it is known nowhere within five seconds',
        ...common,
        params: ById,
        headers: IfMatch,
        response: { 204: nothing('It is gone'), ...problems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      const deleted = await rules().delete(id, await condition(request, request.params.id, parts))
      if (deleted.outcome !== 'done') throw refusalOf(deleted)
      request.log.info({ event: 'client_deleted', client: id, by: callerOf(request).user.id }, 'client deleted')
      return reply.code(204).send(null)
    }
  )
}

const asked = (request: FastifyRequest): ClientRequest => {
  const { actor } = callerOf(request)
  return { holds: (name) => holds(actor, name), mayEverything: mayEverything(actor) }
}

/** Who asks, and the state that the client must still be in. @throws {PreconditionFailed} */
async function condition(request: FastifyRequest, id: string, { administration }: AppParts): Promise<ClientRequest> {
  if (request.headers['if-match'] === undefined) return asked(request)
  const client = await administration.clients.byId(id)
  if (!client) throw new NotFound()
  const version = client.stored?.updatedAt
  if (version === undefined) checkIfMatch(request, version)
  return { ...asked(request), version: version === undefined ? undefined : expectedVersion(request, version) }
}

function keepOf(text: string): number {
  if (text === '0') return 0
  try {
    return milliseconds(text)
  } catch {
    const detail = 'expected a duration such as 24h, or 0'
    throw new InvalidRequest('The request is malformed', undefined, [{ pointer: '/keep', detail }])
  }
}

function done(
  answer: ClientDone | ClientRefusal,
  told: { readonly event: string },
  request: FastifyRequest,
  reply: FastifyReply
): ReturnType<typeof shown> & { secret?: string } {
  if (answer.outcome !== 'done') throw refusalOf(answer)
  const { client, secret } = answer
  request.log.info({ ...told, client: client.id, by: callerOf(request).user.id }, 'client administered')
  tag(reply, client.stored?.updatedAt)
  return { ...shown(client), ...(secret === undefined ? {} : { secret }) }
}

function refusalOf(refusal: ClientRefusal): Error {
  switch (refusal.outcome) {
    case 'invalid': {
      const fields = refusal.mistakes.map(({ path, message }) => ({ pointer: pointerOf(path), detail: message }))
      return new InvalidRequest('The client can not be registered like this', undefined, fields)
    }
    case 'taken':
      return new AlreadyExists('There is a client with this id already')
    case 'configured':
      return new SetByConfiguration('The client stands in the configuration: change it there')
    case 'no-secret':
      return new Conflict('The client has keys, or proves nothing: it has no secret')
    case 'changed':
      return new PreconditionFailed()
    case 'not-found':
      return new NotFound()
    case 'exchanges':
      return new GrantRefused('Only a superuser says which clients exchange the tokens of others')
    case 'asks-private':
      return new GrantRefused('Only a superuser says which private addresses are asked for keys')
    case 'hands-on':
      return new GrantRefused('Only a superuser says which clients hand on the addresses of others')
    case 'not-held':
      return new GrantRefused(`Nobody grants what they do not hold: ${refusal.permissions.join(', ')}`)
  }
}

const shown = ({ id, origin, definition, stored }: ClientView) => ({
  ...definition,
  id,
  origin,
  secrets: (stored?.secrets ?? []).map(({ createdAt, expiresAt }) => ({
    createdAt: iso(createdAt),
    expiresAt: expiresAt === null ? null : iso(expiresAt)
  })),
  ...(stored && { createdAt: iso(stored.createdAt), updatedAt: iso(stored.updatedAt) })
})

const iso = (at: number): string => new Date(at).toISOString()
