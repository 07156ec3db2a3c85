import type { FastifyRequest } from 'fastify'

/** For operations that need no body: none is the same as an empty object. */
export async function bodyMayMiss(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}
