import type { FastifyRequest } from 'fastify'
import { changeMembers, createGroup, deleteGroup, patchGroup } from '../../admin/groups.ts'
import type { ChangeOptions } from '../../admin/tools.ts'
import { emailPrefix } from '../../auth/email.ts'
import type { Group as StoredGroup } from '../../auth/group-store.ts'
import { NotFound } from '../../errors.ts'
import { expectedVersion, tag } from '../etag.ts'
import type { AppParts } from '../parts.ts'
import { ByMember, Group, GroupChange, Member, NewGroup } from '../schemas/admin/groups.ts'
import { ById, IfMatch, listQuery, nothing, pageOf as pageSchema, search, tagged } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { callerOf } from './caller.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }

/** `/admin/groups`: named sets of users that carry permissions. */
export function groupRoutes(admin: App, parts: AppParts): void {
  readRoutes(admin, parts)
  changeRoutes(admin, parts)
  memberRoutes(admin, parts)
}

function readRoutes(admin: App, parts: AppParts): void {
  const view = { config: { access: 'latchkey.view_group' } } as const
  admin.get(
    '/groups',
    {
      ...view,
      schema: {
        operationId: 'listGroups',
        summary: 'The groups, by name',
        ...common,
        querystring: listQuery({ search: search('Prefix of the name') }),
        response: { 200: pageSchema(Group, 'The groups'), ...problems(400) }
      }
    },
    async ({ query }) => {
      const { items, next } = await parts.administration.groups.list(query)
      return { items: items.map(shown), next }
    }
  )
  admin.get(
    '/groups/:id',
    {
      ...view,
      schema: {
        operationId: 'readGroup',
        summary: 'One group',
        ...common,
        params: ById,
        response: { 200: tagged(Group, 'The group'), ...problems(404) }
      }
    },
    async ({ params }, reply) => {
      const group = await groupOf(params.id, parts)
      tag(reply, group.version)
      return shown(group)
    }
  )
}

function changeRoutes(admin: App, parts: AppParts): void {
  admin.post(
    '/groups',
    {
      config: { access: 'latchkey.add_group' },
      schema: {
        operationId: 'createGroup',
        summary: 'Create a group',
        ...common,
        body: ref(NewGroup),
        response: { 201: tagged(Group, 'The group'), ...bodyProblems(409) }
      }
    },
    async (request, reply) => {
      const group = await createGroup(callerOf(request).actor, request.body, parts.admin)
      reply.code(201).header('location', `${parts.tokens.issuer}/admin/groups/${group.id}`)
      tag(reply, group.version)
      return shown(group)
    }
  )
  admin.patch(
    '/groups/:id',
    {
      config: { access: 'latchkey.change_group' },
      schema: {
        operationId: 'changeGroup',
        summary: 'Rename a group, or change what it carries',
        ...common,
        params: ById,
        headers: IfMatch,
        body: ref(GroupChange),
        response: { 200: tagged(Group, 'The group as it is now'), ...bodyProblems(404, 409, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      const group = await patchGroup(callerOf(request).actor, idOf(request.params), request.body, parts.admin, options)
      tag(reply, group.version)
      return shown(group)
    }
  )
  admin.delete(
    '/groups/:id',
    {
      config: { access: 'latchkey.delete_group' },
      schema: {
        operationId: 'deleteGroup',
        summary: 'Delete a group; its members hold what it carried no longer',
        ...common,
        params: ById,
        headers: IfMatch,
        response: { 204: nothing('The group is gone'), ...problems(404, 412) }
      }
    },
    async (request, reply) => {
      const options = await condition(request, request.params.id, parts)
      await deleteGroup(callerOf(request).actor, idOf(request.params), parts.admin, options)
      return reply.code(204).send(null)
    }
  )
}

function memberRoutes(admin: App, parts: AppParts): void {
  admin.get(
    '/groups/:id/members',
    {
      config: { access: 'latchkey.view_group' },
      schema: {
        operationId: 'listMembers',
        summary: 'Who is in a group, and who put them there',
        ...common,
        params: ById,
        querystring: listQuery({ search: search('Prefix of the e-mail; the members come in the order of these then') }),
        response: { 200: pageSchema(Member, 'The members'), ...problems(400, 404) }
      }
    },
    async ({ params, query: { search: prefix, ...query } }) => {
      const { id } = await groupOf(params.id, parts)
      const wanted = { ...query, ...(prefix === undefined ? {} : { search: emailPrefix(prefix) }) }
      const { items, next } = await parts.administration.groups.members(id, wanted)
      return {
        items: items.map(({ userId, email, origins }) => ({ user: userId, email, origins: [...origins] })),
        next
      }
    }
  )
  const change = { config: { access: 'latchkey.change_user' } } as const
  admin.put(
    '/groups/:id/members/:user',
    {
      ...change,
      schema: {
        operationId: 'addMember',
        summary: 'Put a user into a group',
        ...common,
        params: ByMember,
        response: { 204: nothing('The user is in it'), ...problems(404) }
      }
    },
    async (request, reply) => {
      const add = [request.params.user.toLowerCase()]
      await changeMembers(callerOf(request).actor, idOf(request.params), { add }, parts.admin)
      return reply.code(204).send(null)
    }
  )
  admin.delete(
    '/groups/:id/members/:user',
    {
      ...change,
      schema: {
        operationId: 'removeMember',
        summary: 'Take a user out of a group; a membership that a backend mirrors stays',
        ...common,
        params: ByMember,
        response: { 204: nothing('The user is not in it by our own word'), ...problems(404) }
      }
    },
    async (request, reply) => {
      const remove = [request.params.user.toLowerCase()]
      await changeMembers(callerOf(request).actor, idOf(request.params), { remove }, parts.admin)
      return reply.code(204).send(null)
    }
  )
}

const idOf = ({ id }: { readonly id: string }): string => id.toLowerCase()

async function groupOf(id: string, { administration }: AppParts): Promise<StoredGroup> {
  const group = await administration.groups.byId(id.toLowerCase())
  if (!group) throw new NotFound('There is no such group')
  return group
}

async function condition(request: FastifyRequest, id: string, parts: AppParts): Promise<ChangeOptions> {
  if (request.headers['if-match'] === undefined) return {}
  const ifVersion = expectedVersion(request, (await groupOf(id, parts)).version)
  return ifVersion === undefined ? {} : { ifVersion }
}

const shown = ({ id, name, permissions, createdAt, updatedAt }: StoredGroup) => ({
  ...{ id, name, permissions: [...permissions], createdAt: iso(createdAt), updatedAt: iso(updatedAt) }
})

const iso = (at: number): string => new Date(at).toISOString()
