import { inParallel } from '../../auth/in-parallel.ts'
import { InvalidRequest } from '../../errors.ts'
import { check } from '../../schema/check.ts'
import type { AppParts } from '../parts.ts'
import {
  type AccessDecision,
  EvaluationRequest,
  EvaluationsAnswer,
  EvaluationsRequest,
  errors,
  ref
} from '../schemas.ts'
import type { App } from '../server.ts'
import { callerBehind, evaluatorFor } from './asking.ts'
import { mayAsk } from './caller.ts'
import { answerOf, questionOf } from './evaluation.ts'

/** `POST /access/v1/evaluations` (AuthZEN 7): several questions at once. */
export function evaluationsRoute(app: App, parts: AppParts): void {
  app.post(
    '/access/v1/evaluations',
    {
      bodyLimit: 256 * 1024,
      schema: {
        operationId: 'evaluateSeveral',
        summary: 'May somebody do several things?',
        description:
          'What an evaluation leaves out comes from the top level. At most 200 at once; one that is malformed is denied, with ' +
          'the error in its context. Without any it is a single evaluation.',
        tags: ['access'],
        security: [{ client: [] }, { bearer: [] }],
        body: ref(EvaluationsRequest),
        response: { 200: ref(EvaluationsAnswer), ...errors(400, 401, 403, 413, 429, 500, 503) }
      }
    },
    async (request) => {
      const { evaluations = [], options = {} } = request.body
      const asked =
        evaluations.length === 0 ? [single(request.body)] : evaluations.map((each) => whole(each, request.body))
      const known = asked.filter((each) => each !== undefined)
      const subjects = known.map(({ subject }) => subject)
      const { learnsReasons } =
        subjects.length === 0 ? { learnsReasons: false } : await mayAsk(callerBehind(request), subjects, request, parts)
      const evaluator = evaluatorFor(request, parts)
      const decide = async (each: EvaluationRequest | undefined): Promise<AccessDecision> =>
        each === undefined ? malformed : answerOf(await evaluator.decide(questionOf(each)), learnsReasons)
      if (evaluations.length === 0) return decide(asked[0])
      const last = endings[options.evaluations_semantic ?? 'execute_all']
      return { evaluations: last === undefined ? await inParallel(asked, decide) : await until(last, asked, decide) }
    }
  )
}

/** The decision after which nothing more is asked. */
const endings = { execute_all: undefined, deny_on_first_deny: false, permit_on_first_permit: true } as const

const malformed: AccessDecision = {
  decision: false,
  context: {
    error: { status: 400, message: 'The evaluation is malformed, or lacks a subject, an action or a resource' }
  }
}

async function until<Item>(
  last: boolean,
  items: readonly Item[],
  decide: (item: Item) => Promise<AccessDecision>
): Promise<AccessDecision[]> {
  const answers: AccessDecision[] = []
  for (const item of items) {
    const answer = await decide(item)
    answers.push(answer)
    if (answer.decision === last) break
  }
  return answers
}

function single(body: EvaluationsRequest): EvaluationRequest {
  if (!isWhole(body)) throw new InvalidRequest("body: 'subject', 'action' or 'resource' is missing or incomplete")
  return body
}

/** Entity by entity; one that comes without its type or id takes that from the top level, too. */
function whole(evaluation: object, top: EvaluationsRequest): EvaluationRequest | undefined {
  const own: Record<string, unknown> = { ...evaluation }
  const entities = (['subject', 'action', 'resource'] as const).map((name) => {
    const [given, inherited] = [own[name], top[name]]
    const isEntity = typeof given === 'object' && given !== null && !Array.isArray(given)
    return [name, isEntity ? { ...required(inherited), ...given } : (given ?? inherited)] as const
  })
  const question: unknown = { ...own, ...Object.fromEntries(entities) }
  return isWhole(question) ? question : undefined
}

const required = (entity: object = {}): object =>
  Object.fromEntries(Object.entries(entity).filter(([name]) => ['type', 'id', 'name'].includes(name)))

const isWhole = (value: unknown): value is EvaluationRequest => check(EvaluationRequest, value)
