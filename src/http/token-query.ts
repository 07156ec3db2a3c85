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

/** The parameters that are known and have a value. */
export function recognised(fields: Record<string, unknown>, properties: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => Object.hasOwn(properties, name) && value !== '')
  )
}
