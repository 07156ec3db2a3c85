import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type FieldError, PasswordRefused, Refusal } from '../errors.ts'
import { notFound, refusalOf, writeHead } from './errors.ts'
import { watchMethods } from './methods.ts'
import type { App } from './server.ts'

const titles: Readonly<Record<string, string>> = {
  invalid_request: 'The request is malformed',
  invalid_token: 'The access token was not accepted',
  insufficient_scope: 'A permission is missing',
  grant_refused: 'Nobody grants what they do not hold',
  not_found: 'There is nothing here',
  conflict: 'This does not go with what is there',
  already_exists: 'This exists already',
  last_superuser: 'This is the last active superuser',
  field_read_only: 'A backend owns this field',
  set_by_configuration: 'The configuration says this',
  precondition_failed: 'Somebody else changed it',
  invalid_reset_token: 'The reset token is not valid any more',
  password_refused: 'The new password is not taken',
  invalid_grant: 'The credentials were not accepted',
  slow_down: 'Too many attempts',
  temporarily_unavailable: 'The service cannot answer at the moment',
  server_error: 'The service failed'
}

/** Answers the errors of a scope as problem details (RFC 9457), with the statuses and headers that they have elsewhere. */
export function answerProblems(scope: App): void {
  scope.setErrorHandler((error: FastifyError, request, reply) => {
    answerProblem(withoutForms(refusalOf(error, request)), request, reply, fieldsOf(error))
  })
  const methodsOf = watchMethods(scope)
  scope.setNotFoundHandler((request, reply) => answerProblem(notFound(methodsOf(request.url)), request, reply))
}

/** No form is taken where errors are problem details. */
const withoutForms = (refusal: Refusal | undefined): Refusal | undefined =>
  refusal?.statusCode === 415
    ? new Refusal('invalid_request', { description: 'The content type must be application/json', statusCode: 415 })
    : refusal

/** Answers an error as problem details; `fields` are those that a schema refused. */
export function answerProblem(
  refusal: Refusal | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  fields: readonly FieldError[] = []
): FastifyReply {
  writeHead(refusal, request, reply)
  const { code = 'server_error', statusCode: status = 500, description } = refusal ?? {}
  const errors = [...(refusal?.fields ?? []), ...fields]
  return reply.type('application/problem+json').send({
    type: `urn:latchkey:problem:${code.replaceAll('_', '-')}`,
    title: titles[code] ?? 'The request was refused',
    status,
    ...(description === undefined ? {} : { detail: description }),
    ...(refusal instanceof PasswordRefused && { reason: refusal.reason }),
    ...(errors.length > 0 && { errors })
  })
}

const maxFields = 50

/** What a schema refused in a body: all of it, by JSON pointers; never a value. */
function fieldsOf({ validation, validationContext }: FastifyError): FieldError[] {
  if (validation === undefined || validationContext !== 'body') return []
  return validation.slice(0, maxFields).map(({ instancePath, keyword, params, message }) => {
    if (keyword === 'additionalProperties') return at(instancePath, params.additionalProperty, 'is no field of this')
    if (keyword === 'required') return at(instancePath, params.missingProperty, 'is missing')
    const allowed =
      keyword === 'enum' && Array.isArray(params.allowedValues) ? `: ${params.allowedValues.join(', ')}` : ''
    const wrong = keyword === 'pattern' ? 'has characters or a form that is not allowed' : (message ?? 'is malformed')
    return { pointer: instancePath, detail: `${wrong}${allowed}` }
  })
}

/** A name that the caller chose comes back shortened, and without what would be read as something else. */
const at = (path: string, name: unknown, detail: string): FieldError => {
  const shown = String(name)
    .slice(0, 60)
    .replace(/[^\w.-]/g, '?')
  return { pointer: `${path}/${shown}`, detail }
}

/** The JSON pointer of a place (RFC 6901 3). */
export const pointerOf = (path: ReadonlyArray<string | number>): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
