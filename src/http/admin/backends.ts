import type { Static } from 'typebox'
import type { Link } from '../../auth/link.ts'
import { NotFound } from '../../errors.ts'
import type { AppParts } from '../parts.ts'
import { Backend } from '../schemas/admin/backends.ts'
import { ById, listQuery, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { problems } from '../schemas/problems.ts'
import { ref } from '../schemas/words.ts'
import type { App } from '../server.ts'
import { behindCursor, pageOf } from './page.ts'

const common = { tags: ['administration'], security: [{ bearer: [] }] }
const access = 'latchkey.view_backend'

/** `/admin/backends`: the chain, in its order. Read only: backends stand in the configuration, as do their secrets. */
export function backendRoutes(admin: App, parts: AppParts): void {
  admin.get(
    '/backends',
    {
      config: { access },
      schema: {
        operationId: 'listBackends',
        summary: 'The backends in the order of the chain',
        ...common,
        querystring: listQuery({ search: search('Prefix of the id') }),
        response: { 200: pageSchema(Backend, 'The backends'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix = '', limit, cursor } }) => {
      const behind = behindCursor(parts.login.chain, cursor, ({ id }) => id)
      const found = behind.filter(({ id }) => id.startsWith(prefix))
      return pageOf(found, limit, ({ id }) => id, shown)
    }
  )
  admin.get(
    '/backends/:id',
    {
      config: { access },
      schema: {
        operationId: 'readBackend',
        summary: 'One backend',
        ...common,
        params: ById,
        response: { 200: ref(Backend), ...problems(404) }
      }
    },
    async ({ params }) => {
      const link = parts.login.chain.find(({ id }) => id === params.id)
      if (!link) throw new NotFound()
      return shown(link)
    }
  )
}

function shown({ id, type, breaker }: Link): Static<typeof Backend> {
  const { state, lastError, since } = breaker.status()
  return { id, type, state, lastError, since: since === null ? null : new Date(since).toISOString() }
}
