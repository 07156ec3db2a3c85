import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { declarePermission, deletePermission, describePermission, stateOf } from '../../admin/permissions.ts'
import type { RegisteredPermission } from '../../auth/group-store.ts'
import { NotFound } from '../../errors.ts'
import { expectedVersion, tag } from '../etag.ts'
import type { AppParts } from '../parts.ts'
import { ByName, NewPermission, Permission, PermissionChange } from '../schemas/admin/permissions.ts'
import { IfMatch, listQuery, nothing, pageOf as pageSchema, search, tagged } from '../schemas/admin/words.ts'
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
        response: { 200: tagged(Permission, 'The permission'), ...problems(404) }
      }
    },
    async ({ params }, reply) => {
      const permission = await permissionOf(params.name, parts)
      tag(reply, versionOf(permission))
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
        response: { 201: tagged(Permission, 'The permission'), ...bodyProblems(409) }
      }
    },
    async (request, reply) => {
      const permission = await declarePermission(callerOf(request).actor, request.body, parts.admin)
      const name = encodeURIComponent(permission.name)
      reply.code(201).header('location', `${parts.tokens.issuer}/admin/permissions/${name}`)
      tag(reply, versionOf(permission))
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
        headers: IfMatch,
        body: ref(PermissionChange),
        response: { 200: tagged(Permission, 'The permission as it is now'), ...bodyProblems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const { name } = request.params
      const { description } = request.body
      const ifState = await condition(request, name, parts)
      const permission = await describePermission(callerOf(request).actor, name, description, parts.admin, ifState)
      tag(reply, versionOf(permission))
      return shown(permission)
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
        headers: IfMatch,
        response: { 204: nothing('It is gone'), ...problems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const { name } = request.params
      const ifState = await condition(request, name, parts)
      await deletePermission(callerOf(request).actor, name, parts.admin, ifState)
      return reply.code(204).send(null)
    }
  )
}

async function permissionOf(name: string, { administration }: AppParts): Promise<RegisteredPermission> {
  const permission = await administration.permissions.byName(name)
  if (!permission) throw new NotFound('There is no such permission')
  return permission
}

/** No number counts the changes of a permission: its state is its version. */
const versionOf = (permission: RegisteredPermission): string =>
  createHash('sha256').update(stateOf(permission)).digest('base64url').slice(0, 22)

/** The state that the permission must still be in, where the request names one. @throws {PreconditionFailed} */
async function condition(request: FastifyRequest, name: string, parts: AppParts): Promise<string | undefined> {
  if (request.headers['if-match'] === undefined) return undefined
  const permission = await permissionOf(name, parts)
  return expectedVersion(request, versionOf(permission)) && stateOf(permission)
}

const shown = ({ name, description, declared, origin }: RegisteredPermission) => ({
  ...{ name, description, declared, origin }
})
