import Type from '../../schema/type.ts'
import { answersOf, challenge, commonHeaders, commonMeanings } from './statuses.ts'

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
  ...commonMeanings
} as const

type Status = keyof typeof meanings

const always: readonly Status[] = [401, 403, 500, 503]

/** The error answers of a guarded route, by status; those that any can have are added. */
export const problems = (...statuses: Status[]): Record<number, object> =>
  answersOf([...always, ...statuses], {
    meanings,
    headers: { ...commonHeaders, 401: challenge('RFC 6750 3'), 403: challenge('RFC 6750 3') },
    mediaType: 'application/problem+json',
    schema: Problem,
    value: (status, name, title) => ({ type: `urn:latchkey:problem:${name.replaceAll('_', '-')}`, title, status })
  })

/** The error answers of a route that needs no token and reads a body. */
export const openProblems = (): Record<number, object> => {
  const { 401: _unauthorized, 403: _forbidden, ...others } = bodyProblems(429)
  return others
}

/** The same where a body is read. */
export const bodyProblems = (...statuses: Status[]): Record<number, object> => problems(400, 413, 415, ...statuses)
