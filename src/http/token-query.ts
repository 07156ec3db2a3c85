import type { FastifyRequest } from 'fastify'
import type { TProperties } from 'typebox'
import { InvalidRequest } from '../errors.ts'

/** Reads a form as RFC 6749 3.2 has it: parameters without a value are as if omitted, and unrecognised ones are ignored. */
export function readForm(request: FastifyRequest, { properties }: { readonly properties: TProperties }): void {
  const { body } = request
  if (body === undefined || body === null) throw new InvalidRequest('The body is missing')
  const isForm = !/^application\/json/i.test(request.headers['content-type'] ?? '')
  if (isForm && typeof body === 'object') request.body = recognised(body as Record<string, unknown>, properties)
}

/** RFC 8693 2.1 and RFC 8707 2 alone let a parameter come more than once. */
const repeatable: readonly string[] = ['audience', 'resource']

/**
 * The parameters that are known and have a value. A known one that comes twice has the schema against it.
 * @throws {InvalidRequest} one that nobody knows comes twice (RFC 6749 3.2)
 */
export function recognised(fields: Record<string, unknown>, properties: object): Record<string, unknown> {
  const known: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(fields)) {
    const value = valuesOf(name, given)
    if (Object.hasOwn(properties, name)) {
      if (value !== '') known[name] = value
    } else if (Array.isArray(given)) throw new InvalidRequest('A parameter comes twice')
  }
  return known
}

/** Of one that may repeat, those that have a value; none at all is as if it had not come. */
function valuesOf(name: string, value: unknown): unknown {
  if (!Array.isArray(value) || !repeatable.includes(name)) return value
  const given = value.filter((each) => each !== '')
  return given.length === 0 ? '' : given
}
