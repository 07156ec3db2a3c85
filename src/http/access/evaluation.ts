import type { Decision, Question } from '../../auth/evaluation.ts'
import type { AppParts } from '../parts.ts'
import { AccessDecision, EvaluationRequest, errors, ref } from '../schemas.ts'
import type { App } from '../server.ts'
import { callerBehind, evaluatorFor } from './asking.ts'
import { mayAsk } from './caller.ts'

/** `POST /access/v1/evaluation` (AuthZEN 6): may this subject do this to that? */
export function evaluationRoute(app: App, parts: AppParts): void {
  app.post(
    '/access/v1/evaluation',
    {
      schema: {
        operationId: 'evaluate',
        summary: 'May somebody do something?',
        description:
          'True where the subject holds the permission `action.name` generally, or on exactly that resource. For ' +
          'confidential clients, for a bearer about itself, and for holders of `latchkey.evaluate`.',
        tags: ['access'],
        security: [{ client: [] }, { bearer: [] }],
        body: ref(EvaluationRequest),
        response: { 200: ref(AccessDecision), ...errors(400, 401, 403, 413, 429, 500, 503) }
      }
    },
    async (request) => {
      const { body } = request
      const { learnsReasons } = await mayAsk(callerBehind(request), [body.subject], request, parts)
      return answerOf(await evaluatorFor(request, parts).decide(questionOf(body)), learnsReasons)
    }
  )
}

/** The question in a request. */
export const questionOf = ({ subject, action, resource }: EvaluationRequest): Question => ({
  ...{ subject, resource, permission: action.name }
})

/** A decision as it is answered. */
export const answerOf = ({ granted, reason }: Decision, learnsReasons: boolean): AccessDecision => ({
  decision: granted,
  ...(learnsReasons && { context: { reason } })
})
