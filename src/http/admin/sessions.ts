import { emailPrefix } from '../../auth/email.ts'
import { NotFound } from '../../errors.ts'
import Type from '../../schema/type.ts'
import { sessionAsJson } from '../../tokens/session-store.ts'
import type { AppParts } from '../parts.ts'
import { Session } from '../schemas/admin/sessions.ts'
import { ById, listQuery, nothing, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { idPositionOf, pageOf } from './page.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }
const filter = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }))

/** `/admin/sessions`: who is logged in and can refresh. */
export function sessionRoutes(admin: App, parts: AppParts): void {
  const { store } = parts.sessions
  const live = async (id: string) => {
    const session = await store.byId(id.toLowerCase())
    if (!session || session.idleExpiresAt <= parts.tokens.now()) throw new NotFound()
    return session
  }
  admin.get(
    '/sessions',
    {
      config: { access: 'latchkey.view_session' },
      schema: {
        operationId: 'listSessions',
        summary: 'The sessions that have not ended, oldest first',
        ...common,
        querystring: listQuery({
          search: search('Prefix of the e-mail of whose session it is'),
          user: filter("A user's id"),
          client: filter("A client's id")
        }),
        response: { 200: pageSchema(Session, 'The sessions'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix = '', user, client, limit, cursor } }) => {
      const liveAt = parts.tokens.now()
      const filter = { search: emailPrefix(prefix), userId: user?.toLowerCase(), clientId: client, liveAt }
      const query = { ...filter, cursor: idPositionOf(cursor) }
      return pageOf(await store.list({ ...query, limit: limit + 1 }), limit, ({ id }) => id, sessionAsJson)
    }
  )
  admin.get(
    '/sessions/:id',
    {
      config: { access: 'latchkey.view_session' },
      schema: {
        operationId: 'readSession',
        summary: 'One session',
        ...common,
        params: ById,
        response: { 200: ref(Session), ...problems(404) }
      }
    },
    async ({ params }) => sessionAsJson(await live(params.id))
  )
  admin.delete(
    '/sessions/:id',
    {
      config: { access: 'latchkey.delete_session' },
      schema: {
        operationId: 'endSession',
        summary: 'End a session and its access tokens',
        ...common,
        params: ById,
        response: { 204: nothing('It has ended'), ...problems(404) }
      }
    },
    async (request, reply) => {
      await parts.sessions.end(await live(request.params.id), 'ended by an administrator', request.log)
      return reply.code(204).send(null)
    }
  )
}
