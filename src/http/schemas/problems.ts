import Type from '../../schema/type.ts'
import { ref } from './words.ts'

/** RFC 9457 3, with the fields that it is about. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A stable URN for each kind of error' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String({ description: 'For the developer who reads it; never the cause' })),
    reason: Type.Optional(
      Type.String({ description: 'Why a password is not taken, in a word: `too-short`, `common`, `own-name` …' })
    ),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'Where in the body (RFC 6901)' }),
          detail: Type.String()
        })
      )
    )
  },
  {
    $id: 'Problem',
    examples: [
      {
        type: 'urn:latchkey:problem:not-found',
        title: 'There is nothing here',
        status: 404,
        detail: 'There is nothing here'
      }
    ]
  }
)

/** What each status means, with the code of the catalogue that comes with it most often. */
const meanings = {
  400: ['Malformed: `errors` lists each field', 'invalid_request', 'The request is malformed'],
  401: [
    'No bearer token of ours for the issuer itself, or a dead one',
    'invalid_token',
    'The access token was not accepted'
  ],
  403: [
    'The permission is missing, or more would be granted than the caller holds',
    'insufficient_scope',
    'A permission is missing'
  ],
  404: ['There is no such thing', 'not_found', 'There is nothing here'],
  409: ['It does not go with what is there', 'already_exists', 'This exists already'],
  412: ['Somebody else changed it since its ETag was read', 'precondition_failed', 'Somebody else changed it'],
  413: ['The body is too large', 'invalid_request', 'The request is malformed'],
  415: ['The body is no JSON', 'invalid_request', 'The request is malformed'],
  429: ['Too many attempts; see Retry-After', 'slow_down', 'Too many attempts'],
  500: ['An error of the service, without detail', 'server_error', 'The service failed'],
  503: [
    'Something could not answer now; see Retry-After',
    'temporarily_unavailable',
    'The service cannot answer at the moment'
  ]
} as const

type Status = keyof typeof meanings

const headers: Partial<Record<Status, object>> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'The challenge (RFC 6750 3)' } },
  403: { 'WWW-Authenticate': { type: 'string', description: 'The challenge (RFC 6750 3)' } },
  429: { 'Retry-After': { type: 'integer', description: 'Seconds' } },
  503: { 'Retry-After': { type: 'integer', description: 'Seconds' } }
}

const always: readonly Status[] = [401, 403, 500, 503]

/** The error answers of a guarded route, by status; those that any can have are added. */
export const problems = (...statuses: Status[]): Record<number, object> =>
  Object.fromEntries(
    [...always, ...statuses].map((status) => {
      const [description, name, title] = meanings[status]
      const example = {
        summary: name,
        value: { type: `urn:latchkey:problem:${name.replaceAll('_', '-')}`, title, status }
      }
      const content = { 'application/problem+json': { schema: ref(Problem), examples: { [name]: example } } }
      return [status, { description, content, ...(headers[status] ? { headers: headers[status] } : {}) }]
    })
  )

/** The same where a body is read. */
export const bodyProblems = (...statuses: Status[]): Record<number, object> => problems(400, 413, 415, ...statuses)
