import type { Static } from 'typebox'
import { grantOnObject, revokeOnObject } from '../../admin/object-grants.ts'
import type { GrantFilter, GrantHolder, ObjectGrant as StoredGrant } from '../../auth/object-grant-store.ts'
import { InvalidRequest, NotFound } from '../../errors.ts'
import type { AppParts } from '../parts.ts'
import { ObjectGrant, ObjectGrantQuery, objectGrantFilter } from '../schemas/admin/permissions.ts'
import { listQuery, nothing, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { bodyProblems, problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { callerOf } from './caller.ts'
import { cursorOf, positionOf } from './page.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }
type Json = Static<typeof ObjectGrant>

/** `/admin/object-grants`: permissions on single objects, of users and of groups. */
export function objectGrantRoutes(admin: App, parts: AppParts): void {
  const store = () => parts.administration.objectGrants
  admin.get(
    '/object-grants',
    {
      config: { access: 'latchkey.view_object_grant' },
      schema: {
        operationId: 'listObjectGrants',
        summary: 'Permissions on objects',
        ...common,
        querystring: listQuery({
          search: search("Prefix of the permission's name: `blog.` for a module"),
          ...objectGrantFilter
        }),
        response: { 200: pageSchema(ObjectGrant, 'The grants'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix, limit, cursor, ...filter } }) => {
      const after = positionOf(cursor)
      const wanted = { ...filterOf(filter), ...(prefix === undefined ? {} : { search: prefix }) }
      const { items, next } = await store().list(wanted, { limit, ...(after === undefined ? {} : { after }) })
      return { items: items.map(shown), next: next === null ? null : cursorOf(next) }
    }
  )
  admin.post(
    '/object-grants',
    {
      config: { access: 'latchkey.add_object_grant' },
      schema: {
        operationId: 'grantOnObject',
        summary: 'Grant a permission on an object',
        ...common,
        body: ref(ObjectGrant),
        response: { 200: ref(ObjectGrant), 201: ref(ObjectGrant), ...bodyProblems(404) }
      }
    },
    async (request, reply) => {
      const grant = grantOf(request.body)
      const isNew = await grantOnObject(callerOf(request).actor, grant, store())
      reply.code(isNew ? 201 : 200)
      return shown(grant)
    }
  )
  admin.delete(
    '/object-grants',
    {
      config: { access: 'latchkey.delete_object_grant' },
      schema: {
        operationId: 'revokeOnObject',
        summary: 'Take a permission on an object away',
        ...common,
        querystring: ObjectGrantQuery,
        response: { 204: nothing('It is gone'), ...problems(400, 404) }
      }
    },
    async (request, reply) => {
      await revokeOnObject(callerOf(request).actor, grantOf(request.query), store())
      return reply.code(204).send(null)
    }
  )
}

/** @throws {InvalidRequest} a grant is for a user or for a group */
function holderOf({ user, group }: Pick<Json, 'user' | 'group'>): GrantHolder | undefined {
  if (user !== undefined && group !== undefined) throw oneHolder('stands beside user: name one of them')
  if (user !== undefined && !isUuid(user)) throw new NotFound('There is no such user')
  if (user !== undefined) return { user: user.toLowerCase() }
  return group === undefined ? undefined : { group }
}

function grantOf(json: Json): StoredGrant {
  const holder = holderOf(json)
  if (holder === undefined) throw oneHolder('or user is missing')
  return { holder, permission: json.permission, object: { type: json.objectType, id: json.objectId } }
}

const isUuid = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)

const oneHolder = (detail: string): InvalidRequest =>
  new InvalidRequest('A grant is for a user or for a group', undefined, [{ pointer: '/group', detail }])

function filterOf({ permission, objectType, objectId, ...holders }: Partial<Json>): GrantFilter {
  const holder = holderOf(holders)
  if (objectId !== undefined && objectType === undefined) throw new InvalidRequest('objectId: it goes with objectType')
  return {
    ...(holder && { holder }),
    ...(permission === undefined ? {} : { permission }),
    ...(objectType === undefined ? {} : { objectType }),
    ...(objectId === undefined ? {} : { objectId })
  }
}

const shown = ({ holder, permission, object }: StoredGrant): Json => ({
  ...('user' in holder ? { user: holder.user } : { group: holder.group }),
  ...{ permission, objectType: object.type, objectId: object.id }
})
