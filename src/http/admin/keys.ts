import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Along } from '../../auth/audit.ts'
import { Conflict, NotFound, SetByConfiguration } from '../../errors.ts'
import {
  commitKeys,
  keyAsJson,
  type RotationRefusal,
  revokeKeyById,
  rotateKeys
} from '../../tokens/key-administration.ts'
import { recordSuccess } from '../audited-scope.ts'
import type { AppParts } from '../parts.ts'
import { KeyRotation, RotatedKeys, SigningKey } from '../schemas/admin/keys.ts'
import { ById, listQuery, nothing, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { bodyMayMiss } from './body.ts'
import { askerBehind, callerOf } from './caller.ts'
import { behindCursor, pageOf } from './page.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }

const refusals: Readonly<Record<RotationRefusal, string>> = {
  'not-signed-with': 'No token is signed with this algorithm',
  'no-key': 'There is no key yet',
  'from-file': 'The key comes from a file of the configuration: put another file there',
  lost: 'Somebody else is changing the keys: look at them, and try again'
}

/** `/admin/keys`: what tokens are signed with. */
export function keyRoutes(admin: App, parts: AppParts): void {
  const { keys } = parts.administration
  const { store } = keys
  /** The event of what a caller asks for, which the change is written with. */
  const recording =
    (request: FastifyRequest, reply: FastifyReply) =>
    (along: readonly Along[] = []): Promise<void> =>
      recordSuccess(request, reply, { audit: parts.audit, asker: askerBehind(request) }, along)

  admin.get(
    '/keys',
    {
      config: { access: 'latchkey.view_key' },
      schema: {
        operationId: 'listKeys',
        summary: 'The signing keys, oldest first',
        ...common,
        querystring: listQuery({ search: search('Prefix of the id, `kid`') }),
        response: { 200: pageSchema(SigningKey, 'The keys, without their private halves'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix = '', limit, cursor } }) => {
      const kidOf = ({ kid }: { readonly kid: string }) => kid
      const found = behindCursor(await store.all(), cursor, kidOf).filter(({ kid }) => kid.startsWith(prefix))
      return pageOf(found, limit, kidOf, keyAsJson)
    }
  )
  admin.get(
    '/keys/:id',
    {
      config: { access: 'latchkey.view_key' },
      schema: {
        operationId: 'readKey',
        summary: 'One signing key, by its kid',
        ...common,
        params: ById,
        response: { 200: ref(SigningKey), ...problems(404) }
      }
    },
    async ({ params }) => {
      const key = (await store.all()).find(({ kid }) => kid === params.id)
      if (!key) throw new NotFound()
      return keyAsJson(key)
    }
  )
  admin.post(
    '/keys/rotate',
    {
      config: { access: 'latchkey.change_key', auditsSuccess: true },
      preValidation: bodyMayMiss,
      schema: {
        operationId: 'rotateKeys',
        summary: 'Publish the next keys, which sign a quarter of an hour later',
        ...common,
        body: ref(KeyRotation),
        response: { 200: ref(RotatedKeys), ...bodyProblems(409) }
      }
    },
    async (request, reply) => {
      const record = recording(request, reply)
      const rotated = await rotateKeys(await store.all(), request.body, keys, (write) => commitKeys(write, record))
      if (rotated === 'from-file') throw new SetByConfiguration(refusals[rotated])
      if (typeof rotated === 'string') throw new Conflict(refusals[rotated])
      await parts.tokens.keys.refresh()
      const kids = rotated.map(({ kid }) => kid)
      request.log.info({ event: 'keys_rotated', keys: kids, by: callerOf(request).user.id }, 'keys rotated')
      return { items: rotated.map(keyAsJson) }
    }
  )
  admin.delete(
    '/keys/:id',
    {
      config: { access: 'latchkey.change_key', auditsSuccess: true },
      schema: {
        operationId: 'revokeKey',
        summary: 'Revoke a signing key, and its tokens with it',
        description: 'Where it was current, another one signs at once. Tokens that it signed are refused from now on.',
        ...common,
        params: ById,
        response: { 204: nothing('It is revoked'), ...problems(404, 409) }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      const record = recording(request, reply)
      const { outcome } = await revokeKeyById(id, await store.all(), keys, (write) => commitKeys(write, record))
      if (outcome === 'not-found') throw new NotFound()
      if (outcome === 'lost') throw new Conflict(refusals.lost)
      if (outcome === 'already') await record()
      await parts.tokens.keys.refresh()
      if (outcome === 'revoked')
        request.log.info({ event: 'key_revoked', key: id, by: callerOf(request).user.id }, 'key revoked')
      return reply.code(204).send(null)
    }
  )
}
