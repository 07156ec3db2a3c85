import { userPermissions } from '../../admin/user-permissions.ts'
import { createUser, deleteUser, patchUser } from '../../admin/users.ts'
import { emailPrefix } from '../../auth/email.ts'
import { permissionsOf } from '../../auth/permissions.ts'
import { userOrders } from '../../auth/user-store.ts'
import Type from '../../schema/type.ts'
import { addressOf } from '../address.ts'
import { tag } from '../etag.ts'
import type { AppParts } from '../parts.ts'
import { NewUser, User, UserChange, UserPermissions } from '../schemas/admin/users.ts'
import { ById, IfMatch, listQuery, nothing, pageOf as pageSchema, search, tagged } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { callerOf } from './caller.ts'
import { userAccessRoutes } from './user-access.ts'
import { condition, idOf, userOf } from './user-in-path.ts'
import { fieldsOf, userAsJson, usersAsJson } from './user-json.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }
const filter = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }))
const orders = userOrders.flatMap((order) => [order, `-${order}`])

/** `/admin/users`: who there is, and all that is said of them. The rules stand in src/admin. */
export function userRoutes(admin: App, parts: AppParts): void {
  readRoutes(admin, parts)
  changeRoutes(admin, parts)
  userAccessRoutes(admin, parts)
}

function readRoutes(admin: App, parts: AppParts): void {
  const view = { config: { access: 'latchkey.view_user' } } as const
  admin.get(
    '/users',
    {
      ...view,
      schema: {
        operationId: 'listUsers',
        summary: 'Users, page by page',
        ...common,
        querystring: listQuery({
          search: search('Prefix of the e-mail'),
          isActive: Type.Optional(Type.Boolean()),
          isSuperuser: Type.Optional(Type.Boolean()),
          group: filter('In this group, by name'),
          permission: filter('With this permission stored, directly or by a group'),
          backend: filter('With an identity at this backend; `local`: with a password of ours'),
          order: Type.Optional(
            Type.Enum(orders, { description: '`-` turns it round. Default: `id`, or `email` with `search`' })
          )
        }),
        response: { 200: pageSchema(User, 'The users'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix, order, ...query } }) => {
      const wanted = userOrders.find((one) => order === one || order === `-${one}`)
      const { items, next } = await parts.login.store.list({
        ...query,
        superuserBackends: parts.login.chain.map(({ id }) => id),
        ...(prefix === undefined ? {} : { search: emailPrefix(prefix) }),
        ...(wanted === undefined ? {} : { order: wanted, descending: order?.startsWith('-') ?? false })
      })
      return { items: await usersAsJson(items, parts), next }
    }
  )
  admin.get(
    '/users/:id',
    {
      ...view,
      schema: {
        operationId: 'readUser',
        summary: 'One user',
        ...common,
        params: ById,
        response: { 200: tagged(User, 'The user'), ...problems(404) }
      }
    },
    async ({ params }, reply) => {
      const user = await userOf(params.id, parts)
      tag(reply, user.version)
      return userAsJson(user, parts)
    }
  )
  admin.get(
    '/users/:id/permissions',
    {
      ...view,
      schema: {
        operationId: 'readUserPermissions',
        summary: 'What a user holds at this moment over all sources, and where each comes from',
        ...common,
        params: ById,
        response: { 200: ref(UserPermissions), ...problems(404) }
      }
    },
    async (request) => {
      const { login } = parts
      const user = await userOf(request.params.id, parts)
      const deadline = performance.now() + login.timeoutMs
      const clientId = callerOf(request).claims.client_id
      const { log, span } = request
      const context = { log, span, clientId, ip: addressOf(request), deadline }
      return userPermissions(await permissionsOf(login.chain, user, context, login.permissions))
    }
  )
}

function changeRoutes(admin: App, parts: AppParts): void {
  admin.post(
    '/users',
    {
      config: { access: 'latchkey.add_user' },
      schema: {
        operationId: 'createUser',
        summary: 'Create a user',
        ...common,
        body: ref(NewUser),
        response: { 201: tagged(User, 'The user'), ...bodyProblems(404, 409) }
      }
    },
    async (request, reply) => {
      const { email, password, isActive, isSuperuser, groups, permissions, loginNames, ...fields } = request.body
      const given = { password, isActive, isSuperuser, groups, permissions, loginNames }
      const draft = { email, ...withoutMissing(given), attributes: fieldsOf(fields) }
      const user = await createUser(callerOf(request).actor, draft, parts.admin)
      reply.code(201).header('location', `${parts.tokens.issuer}/admin/users/${user.id}`)
      tag(reply, user.version)
      return userAsJson(user, parts)
    }
  )
  admin.patch(
    '/users/:id',
    {
      config: { access: 'latchkey.change_user' },
      schema: {
        operationId: 'changeUser',
        summary: 'Change a user',
        description:
          'A change as RFC 7396 has it; groups and permissions are replaced as a whole. Deactivation and another e-mail end all sessions.',
        ...common,
        params: ById,
        headers: IfMatch,
        body: ref(UserChange),
        response: { 200: tagged(User, 'The user as it is now'), ...bodyProblems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const { email, isActive, isSuperuser, groups, permissions, loginNames, ...fields } = request.body
      const given = { email, isActive, isSuperuser, groups, permissions, loginNames }
      const attributes = fieldsOf(fields)
      const patch = { ...withoutMissing(given), ...(Object.keys(attributes).length > 0 && { attributes }) }
      const options = await condition(request, request.params.id, parts)
      const user = await patchUser(callerOf(request).actor, idOf(request.params), patch, parts.admin, options)
      tag(reply, user.version)
      return userAsJson(user, parts)
    }
  )
  admin.delete(
    '/users/:id',
    {
      config: { access: 'latchkey.delete_user' },
      schema: {
        operationId: 'deleteUser',
        summary: 'Delete a user with everything of theirs',
        ...common,
        params: ById,
        headers: IfMatch,
        response: { 204: nothing('The user is gone'), ...problems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      await deleteUser(callerOf(request).actor, idOf(request.params), parts.admin, options)
      return reply.code(204).send(null)
    }
  )
}

/** Only what a body says. */
function withoutMissing<Given extends object>(given: Given): { [Name in keyof Given]?: NonNullable<Given[Name]> } {
  const said = Object.entries(given).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) as { [Name in keyof Given]?: NonNullable<Given[Name]> }
}
