import { linkIdentity, unlinkIdentity } from '../../admin/identities.ts'
import { setPassword } from '../../admin/passwords.ts'
import { logOutUser } from '../../admin/users.ts'
import Type from '../../schema/type.ts'
import { tag } from '../etag.ts'
import type { AppParts } from '../parts.ts'
import { NewIdentity, NewPassword, User } from '../schemas/admin/users.ts'
import { ById, IfMatch, nothing, tagged } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { closed, ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { callerOf } from './caller.ts'
import { condition, idOf } from './user-in-path.ts'
import { userAsJson } from './user-json.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }
const change = { config: { access: 'latchkey.change_user' } } as const

/** `/admin/users/:id/…`: how somebody gets in: the password, identities and sessions. */
export function userAccessRoutes(admin: App, parts: AppParts): void {
  passwordRoutes(admin, parts)
  identityRoutes(admin, parts)
}

function passwordRoutes(admin: App, parts: AppParts): void {
  admin.put(
    '/users/:id/password',
    {
      ...change,
      schema: {
        operationId: 'setUserPassword',
        summary: 'Set a password; ends all sessions',
        ...common,
        params: ById,
        headers: IfMatch,
        body: ref(NewPassword),
        response: { 204: nothing('It is set'), ...bodyProblems(404, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      const { password } = request.body
      const user = await setPassword(callerOf(request).actor, idOf(request.params), password, parts.admin, options)
      tag(reply, user.version)
      return reply.code(204).send(null)
    }
  )
  admin.delete(
    '/users/:id/password',
    {
      ...change,
      schema: {
        operationId: 'unsetUserPassword',
        summary: 'Take the password away, so that every one fails; ends all sessions',
        ...common,
        params: ById,
        headers: IfMatch,
        response: { 204: nothing('There is none now'), ...problems(404, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      const user = await setPassword(callerOf(request).actor, idOf(request.params), null, parts.admin, options)
      tag(reply, user.version)
      return reply.code(204).send(null)
    }
  )
  admin.delete(
    '/users/:id/sessions',
    {
      config: { access: 'latchkey.delete_session' },
      schema: {
        operationId: 'endUserSessions',
        summary: 'End all sessions and tokens of a user',
        ...common,
        params: ById,
        response: { 204: nothing('They have ended, on every replica'), ...problems(404) }
      }
    },
    async (request, reply) => {
      await logOutUser(callerOf(request).actor, idOf(request.params), parts.admin)
      return reply.code(204).send(null)
    }
  )
}

function identityRoutes(admin: App, parts: AppParts): void {
  admin.post(
    '/users/:id/identities',
    {
      ...change,
      schema: {
        operationId: 'linkIdentity',
        summary: 'Say that an account of a backend is this user’s',
        ...common,
        params: ById,
        headers: IfMatch,
        body: ref(NewIdentity),
        response: { 201: tagged(User, 'The user with the identity'), ...bodyProblems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      const { actor } = callerOf(request)
      const user = await linkIdentity(actor, idOf(request.params), request.body, parts.admin, options)
      tag(reply.code(201), user.version)
      return userAsJson(user, parts)
    }
  )
  admin.delete(
    '/users/:id/identities',
    {
      ...change,
      schema: {
        operationId: 'unlinkIdentity',
        summary: 'Take an account of a backend from a user, with what it brought; ends all sessions',
        ...common,
        params: ById,
        headers: IfMatch,
        querystring: Type.Object(
          {
            backend: Type.String({ minLength: 1, maxLength: 64 }),
            subject: Type.String({ minLength: 1, maxLength: 255 })
          },
          closed
        ),
        response: { 204: nothing('It is nobody’s now'), ...problems(400, 404, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      await unlinkIdentity(callerOf(request).actor, idOf(request.params), request.query, parts.admin, options)
      return reply.code(204).send(null)
    }
  )
}
