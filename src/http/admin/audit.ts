import { written } from '../../audit/audit.ts'
import { type AuditEvent, type AuditFilter, auditKinds } from '../../auth/audit.ts'
import { momentOf } from '../../auth/moment.ts'
import { InvalidRequest } from '../../errors.ts'
import Type from '../../schema/type.ts'
import type { AppParts } from '../parts.ts'
import { AuditRecord } from '../schemas/admin/audit.ts'
import { listQuery, pageOf as pageSchema, search } from '../schemas/admin/words.ts'
import { problems } from '../schemas/problems.ts'
import type { App } from '../server.ts'
import { cursorOf, idPositionOf } from './page.ts'

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }))
const time = (description: string) =>
  Type.Optional(Type.String({ maxLength: 40, pattern: '^\\d{4}-\\d\\d-\\d\\d', description }))

/** `/admin/audit`: who did what. */
export function auditRoutes(admin: App, { administration }: AppParts): void {
  admin.get(
    '/audit',
    {
      config: { access: 'latchkey.view_audit' },
      schema: {
        operationId: 'listAudit',
        summary: 'Who did what, newest first',
        tags: ['administration'],
        security: [{ bearer: [] }],
        querystring: listQuery({
          search: search(
            'Prefix of `username`, the login name as the backend has it; no index has these, and `since` bounds what is read'
          ),
          user: text("Of a user's account, by its id"),
          actor: text("Done to others by this user's id, by `console` or by `service`"),
          client: text("A client's id"),
          kind: Type.Optional(Type.Enum([...auditKinds])),
          since: time('Not before: 2026-01-31 or 2026-01-31T12:00:00Z, in UTC where it has no offset'),
          until: time('Not after')
        }),
        response: { 200: pageSchema(AuditRecord, 'The events'), ...problems(400) }
      }
    },
    async ({ query: { search: prefix, user, actor, client, kind, since, until, limit, cursor } }) => {
      const position = idPositionOf(cursor)
      const filter: AuditFilter = {
        ...{
          limit,
          ...(user === undefined ? {} : { user: user.toLowerCase() }),
          ...(actor === undefined ? {} : { actor: actor.toLowerCase() }),
          ...(client === undefined ? {} : { client })
        },
        ...(prefix === undefined ? {} : { search: prefix }),
        ...(kind === undefined ? {} : { kind }),
        ...(since === undefined ? {} : { since: timeOf('since', since) }),
        ...(until === undefined ? {} : { until: timeOf('until', until) }),
        ...(position === undefined ? {} : { cursor: position })
      }
      const { items, next } = await administration.audit.find(filter)
      return { items: items.map(shown), next: next === null ? null : cursorOf(next) }
    }
  )
}

function timeOf(name: string, text: string): number {
  const at = momentOf(text)
  if (at === undefined) throw new InvalidRequest(`querystring: '${name}' is no time`)
  return at
}

const shown = (event: AuditEvent) => ({
  ...written(event),
  id: event.id,
  kind: event.kind,
  outcome: event.outcome,
  at: new Date(event.at).toISOString()
})
