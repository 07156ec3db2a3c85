import type { Found } from '../../auth/object-grant-store.ts'
import type { AppParts } from '../parts.ts'
import {
  ActionSearch,
  ActionsFound,
  errors,
  ResourceSearch,
  ResourcesFound,
  ref,
  SubjectSearch,
  SubjectsFound
} from '../schemas.ts'
import type { App } from '../server.ts'
import { callerBehind, evaluatorFor } from './asking.ts'
import { mayAsk } from './caller.ts'
import { type AskedPage, pageOf, tokenOf } from './page.ts'

const asked = { tags: ['access'], security: [{ client: [] }, { bearer: [] }] }
const refused = errors(400, 401, 403, 413, 429, 500, 503)

/** `POST /access/v1/search/subject`, `/resource` and `/action` (AuthZEN 8). */
export function searchRoutes(app: App, parts: AppParts): void {
  subjectSearch(app, parts)
  resourceSearch(app, parts)
  actionSearch(app, parts)
}

function subjectSearch(app: App, parts: AppParts): void {
  app.post(
    '/access/v1/search/subject',
    {
      // Nobody has it by being somebody: this right is asked for before the body is read.
      preParsing: async (request) => {
        if (request.headers.authorization !== undefined) await mayAsk(callerBehind(request), [], request, parts)
      },
      schema: {
        operationId: 'searchSubjects',
        summary: 'Who may do something?',
        description:
          'Active users whom our own tables know to hold the permission, directly, by groups, as superusers or on the ' +
          'resource, and whom no backend vetoes. What backends grant by themselves is not searched. Of the type `anonymous` there ' +
          'is one subject, where anybody may.',
        ...asked,
        body: ref(SubjectSearch),
        response: { 200: ref(SubjectsFound), ...refused }
      }
    },
    async (request) => {
      const { subject, action, resource } = request.body
      const page = pageOf(request.body)
      if (page.limit === 0) return answerOf(nothing, page)
      const evaluator = evaluatorFor(request, parts)
      if (subject.type === 'anonymous') {
        const isHeld = page.after === undefined && (await evaluator.anonymousHolds(action.name, resource))
        return answerOf({ items: isHeld ? [{ type: 'anonymous', id: 'anonymous' }] : [], next: null }, page)
      }
      if (subject.type !== 'user') return answerOf(nothing, page)
      const { items, next } = await evaluator.usersWith(action.name, resource, page)
      const results = items.map(({ id, email }) => ({ type: 'user', id, properties: { email } }))
      return answerOf({ items: results, next }, page)
    }
  )
}

function resourceSearch(app: App, parts: AppParts): void {
  app.post(
    '/access/v1/search/resource',
    {
      schema: {
        operationId: 'searchResources',
        summary: 'On what may somebody do something?',
        description:
          'Resources on which the permission was granted; where the subject holds it generally, all that any grant names: ' +
          'Latchkey knows of no others.',
        ...asked,
        body: ref(ResourceSearch),
        response: { 200: ref(ResourcesFound), ...refused }
      }
    },
    async (request) => {
      const { subject, action, resource } = request.body
      await mayAsk(callerBehind(request), [subject], request, parts)
      const page = pageOf(request.body)
      if (page.limit === 0) return answerOf(nothing, page)
      const found = await evaluatorFor(request, parts).objectsWith(subject, action.name, resource.type, page)
      return answerOf({ ...found, items: found.items.map((id) => ({ type: resource.type, id })) }, page)
    }
  )
}

function actionSearch(app: App, parts: AppParts): void {
  app.post(
    '/access/v1/search/action',
    {
      schema: {
        operationId: 'searchActions',
        summary: 'What may somebody do?',
        description: 'All permissions that the subject holds, generally or on the resource.',
        ...asked,
        body: ref(ActionSearch),
        response: { 200: ref(ActionsFound), ...refused }
      }
    },
    async (request) => {
      const { subject, resource } = request.body
      await mayAsk(callerBehind(request), [subject], request, parts)
      const page = pageOf(request.body)
      const { after = '', limit } = page
      if (limit === 0) return answerOf(nothing, page)
      const names = (await evaluatorFor(request, parts).permissionsOn(subject, resource)).filter((name) => name > after)
      const items = names.slice(0, limit).map((name) => ({ name }))
      return answerOf({ items, next: names.length > limit ? (items.at(-1)?.name ?? null) : null }, page)
    }
  )
}

const nothing = { items: [], next: null }

const answerOf = <Item>({ items, next }: Found<Item>, page: AskedPage) => ({
  page: { next_token: next === null ? '' : tokenOf(next, page), count: items.length },
  results: [...items]
})
