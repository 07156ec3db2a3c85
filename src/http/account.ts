import { NotFound } from '../errors.ts'
import { sessionAsJson } from '../tokens/session-store.ts'
import { ownPasswordRoute } from './account-password.ts'
import { callerOf } from './admin/caller.ts'
import { pageOf, positionOf } from './admin/page.ts'
import { guardedScope } from './admin/scope.ts'
import type { AppParts } from './parts.ts'
import { Session } from './schemas/admin/sessions.ts'
import { ById, listQuery, nothing, pageOf as pageSchema } from './schemas/admin/words.ts'
import { problems } from './schemas/problems.ts'
import type { App } from './server.ts'

const own = { access: 'self' } as const
const common = { tags: ['account'], security: [{ bearer: [] }] }

/** `/account`: what is one's own, for every user with a token for the issuer. */
export async function accountRoutes(app: App, parts: AppParts): Promise<void> {
  await app.register(
    async (account: App) => {
      guardedScope(account, parts)
      sessionRoutes(account, parts)
      ownPasswordRoute(account, parts)
    },
    { prefix: '/account' }
  )
}

function sessionRoutes(account: App, parts: AppParts): void {
  const { store } = parts.sessions
  account.get(
    '/sessions',
    {
      config: own,
      schema: {
        operationId: 'listOwnSessions',
        summary: "One's own sessions, oldest first",
        ...common,
        querystring: listQuery({}),
        response: { 200: pageSchema(Session, 'The sessions that have not ended'), ...problems(400) }
      }
    },
    async (request) => {
      const { limit, cursor } = request.query
      const query = { userId: callerOf(request).user.id, cursor: positionOf(cursor), liveAt: parts.tokens.now() }
      return pageOf(await store.list({ ...query, limit: limit + 1 }), limit, ({ id }) => id, sessionAsJson)
    }
  )
  account.delete(
    '/sessions',
    {
      config: own,
      schema: {
        operationId: 'endOwnSessions',
        summary: "End all of one's own sessions and tokens, this one too",
        ...common,
        response: { 204: nothing('They have ended, on every replica'), ...problems() }
      }
    },
    async (request, reply) => {
      const { id } = callerOf(request).user
      await parts.login.store.logOut(id, parts.tokens.now())
      request.log.info({ event: 'logged_out', user: id, by: id }, 'logged out everywhere')
      return reply.code(204).send(null)
    }
  )
  account.delete(
    '/sessions/:id',
    {
      config: own,
      schema: {
        operationId: 'endOwnSession',
        summary: "End one of one's own sessions, and its access tokens",
        ...common,
        params: ById,
        response: { 204: nothing('It has ended'), ...problems(404) }
      }
    },
    async (request, reply) => {
      const session = await store.byId(request.params.id.toLowerCase())
      if (session?.userId !== callerOf(request).user.id) throw new NotFound()
      await parts.sessions.end(session, 'ended by the user', request.log)
      return reply.code(204).send(null)
    }
  )
}
