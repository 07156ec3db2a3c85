import Type from '../../schema/type.ts'
import { answersOf, challenge, commonHeaders, commonMeanings } from './statuses.ts'

/** RFC 6749 5.2. */
export const ErrorBody = Type.Object(
  {
    error: Type.String({ description: 'A stable code' }),
    error_description: Type.String({ description: 'For the developer who reads it; never the cause' }),
    error_code: Type.Optional(
      Type.Enum(['must_change', 'password_expired'], {
        type: 'string',
        description: 'With `invalid_grant` alone, our extension: the password was right, and must be changed first'
      })
    )
  },
  { $id: 'Error', examples: [{ error: 'invalid_grant', error_description: 'The credentials were not accepted' }] }
)

/** What each error status means, with the codes that come with it. */
const meanings = {
  400: [
    'The request is malformed, or the credentials were not accepted',
    'invalid_grant',
    'The credentials were not accepted'
  ],
  401: ['The client or the bearer token was not accepted', 'invalid_token', 'The access token is not valid'],
  403: ['Authenticated, but not allowed', 'access_denied', 'This is for operators only'],
  413: ['The body is too large', 'invalid_request', 'The body is too large'],
  415: ['The content type is not taken', 'invalid_request', 'The content type must be a form or JSON'],
  ...commonMeanings
} as const

/** The error answers of a route, by status, as the document lists them. */
export const errors = (...statuses: Array<keyof typeof meanings>): Record<number, object> =>
  answersOf(statuses, {
    meanings,
    headers: { ...commonHeaders, 401: challenge('RFC 9110 11.6.1') },
    mediaType: 'application/json',
    schema: ErrorBody,
    value: (_status, error, error_description) => ({ error, error_description })
  })
