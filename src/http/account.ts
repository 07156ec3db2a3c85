import { changeOwnFields } from '../admin/own-account.ts'
import { NotFound } from '../errors.ts'
import { sessionAsJson } from '../tokens/session-store.ts'
import { ownPasswordRoute } from './account-password.ts'
import { callerOf } from './admin/caller.ts'
import { idPositionOf, pageOf } from './admin/page.ts'
import { guardedScope } from './admin/scope.ts'
import { fieldsOf, userAsJson } from './admin/user-json.ts'
import { expectedVersion, tag } from './etag.ts'
import type { AppParts } from './parts.ts'
import { Session } from './schemas/admin/sessions.ts'
import { AccountChange, User } from './schemas/admin/users.ts'
import { ById, IfMatch, listQuery, nothing, pageOf as pageSchema, tagged } from './schemas/admin/words.ts'
import { bodyProblems, problems } from './schemas/problems.ts'
import { ref } from './schemas/words.ts'
import type { App } from './server.ts'

const own = { access: 'self' } as const
const common = { tags: ['account'], security: [{ bearer: [] }] }

/** `/account`: what is one's own, for every user with a token for the issuer. */
export async function accountRoutes(app: App, parts: AppParts): Promise<void> {
  await app.register(
    async (account: App) => {
      guardedScope(account, parts)
      ownRoutes(account, parts)
      sessionRoutes(account, parts)
      ownPasswordRoute(account, parts)
    },
    { prefix: '/account' }
  )
}

function ownRoutes(account: App, parts: AppParts): void {
  account.get(
    '/',
    {
      prefixTrailingSlash: 'no-slash',
      config: own,
      schema: {
        operationId: 'readAccount',
        summary: 'Oneself',
        ...common,
        response: { 200: tagged(User, 'The user behind the token'), ...problems() }
      }
    },
    async (request, reply) => {
      const { user } = callerOf(request)
      tag(reply, user.version)
      return userAsJson(user, parts)
    }
  )
  account.patch(
    '/',
    {
      prefixTrailingSlash: 'no-slash',
      config: own,
      schema: {
        operationId: 'changeAccount',
        summary: 'Change oneself: fields that no backend owns; never the e-mail',
        ...common,
        headers: IfMatch,
        body: ref(AccountChange),
        response: { 200: tagged(User, 'The user as it is now'), ...bodyProblems(409, 412) }
      }
    },
    async (request, reply) => {
      const { user } = callerOf(request)
      const ifVersion = expectedVersion(request, user.version)
      const fixed = ['employeeNumber', ...Object.values(parts.tokens.claims)]
      const options = ifVersion === undefined ? {} : { ifVersion }
      const changed = await changeOwnFields(user.id, fieldsOf(request.body), { admin: parts.admin, fixed }, options)
      tag(reply, changed.version)
      return userAsJson(changed, parts)
    }
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
      const query = { userId: callerOf(request).user.id, cursor: idPositionOf(cursor), liveAt: parts.tokens.now() }
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
