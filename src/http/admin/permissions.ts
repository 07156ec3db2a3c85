import { declarePermission, deletePermission, describePermission } from '../../admin/permissions.ts'
import type { RegisteredPermission } from '../../auth/group-store.ts'
import { NotFound } from '../../errors.ts'
import type { AppParts } from '../parts.ts'
import { ByName, NewPermission, Permission, PermissionChange } from '../schemas/admin/permissions.ts'
import { listQuery, nothing, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { callerOf } from './caller.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }
const view = { config: { access: 'latchkey.view_permission' } } as const

/** `/admin/permissions`: the registry, what a superuser holds. */
export function permissionRoutes(admin: App, parts: AppParts): void {
  const list = () => parts.administration.permissions
  admin.get(
    '/permissions',
    {
      ...view,
      schema: {
        operationId: 'listPermissions',
        summary: 'The registered permissions, by name',
        ...common,
        querystring: listQuery({ search: search('Prefix of the name: `blog.` for a module') }),
        response: { 200: pageSchema(Permission, 'The permissions'), ...problems(400) }
      }
    },
    async ({ query }) => {
      const { items, next } = await list().list(query)
      return { items: items.map(shown), next }
    }
  )
  admin.get(
    '/permissions/:name',
    {
      ...view,
      schema: {
        operationId: 'readPermission',
        summary: 'One permission',
        ...common,
        params: ByName,
        response: { 200: ref(Permission), ...problems(404) }
      }
    },
    async ({ params }) => {
      const permission = await list().byName(params.name)
      if (!permission) throw new NotFound('There is no such permission')
      return shown(permission)
    }
  )
  admin.post(
    '/permissions',
    {
      config: { access: 'latchkey.add_permission' },
      schema: {
        operationId: 'declarePermission',
        summary: 'Declare a permission',
        ...common,
        body: ref(NewPermission),
        response: { 201: ref(Permission), ...bodyProblems(409) }
      }
    },
    async (request, reply) => {
      const permission = await declarePermission(callerOf(request).actor, request.body, parts.admin)
      const name = encodeURIComponent(permission.name)
      reply.code(201).header('location', `${parts.tokens.issuer}/admin/permissions/${name}`)
      return shown(permission)
    }
  )
  admin.patch(
    '/permissions/:name',
    {
      config: { access: 'latchkey.change_permission' },
      schema: {
        operationId: 'describePermission',
        summary: 'Describe a permission',
        ...common,
        params: ByName,
        body: ref(PermissionChange),
        response: { 200: ref(Permission), ...bodyProblems(404, 409) }
      }
    },
    async (request) => {
      const { name } = request.params
      const { description } = request.body
      return shown(await describePermission(callerOf(request).actor, name, description, parts.admin))
    }
  )
  admin.delete(
    '/permissions/:name',
    {
      config: { access: 'latchkey.delete_permission' },
      schema: {
        operationId: 'deletePermission',
        summary: 'Delete a permission and all grants of it',
        ...common,
        params: ByName,
        response: { 204: nothing('It is gone'), ...problems(404, 409) }
      }
    },
    async (request, reply) => {
      await deletePermission(callerOf(request).actor, request.params.name, parts.admin)
      return reply.code(204).send(null)
    }
  )
}

const shown = ({ name, description, declared, origin }: RegisteredPermission) => ({
  ...{ name, description, declared, origin }
})
