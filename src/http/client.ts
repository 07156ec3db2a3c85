import type { FastifyRequest } from 'fastify'
import { InvalidClient, UnauthorizedClient } from '../errors.ts'
import type { Audience } from '../tokens/audience.ts'
import type { AppParts } from './parts.ts'

/** A registered service that calls us, and what it may ask for. */
export interface Client {
  readonly id: string
  /** Its default first. */
  readonly audiences: readonly Audience[]
  readonly chooseBackend: boolean
}

/** What a request may say of its client in its body (RFC 6749 2.3.1). */
export interface ClientParameters {
  readonly client_id?: string
  readonly client_secret?: string
}

const publicClientId = 'public'

/**
 * The client behind a request. Callers without client authentication are the public client, where that is switched on.
 * @throws {InvalidClient} in the scheme that the client used
 */
export function clientOf(request: FastifyRequest, body: ClientParameters, parts: AppParts): Client {
  const { authorization } = request.headers
  if (authorization !== undefined) throw new InvalidClient('Basic')
  if (body.client_secret !== undefined) throw new InvalidClient()
  if (!parts.publicClient || (body.client_id ?? publicClientId) !== publicClientId) throw new InvalidClient()
  return { id: publicClientId, audiences: parts.audiences, chooseBackend: false }
}

/** The backend that a request asks for, if its client may choose. @throws {UnauthorizedClient} */
export function chosenBackend(backend: string | undefined, client: Client): { backend?: string } {
  if (backend === undefined) return {}
  if (!client.chooseBackend) throw new UnauthorizedClient('The client may not choose a backend')
  return { backend }
}
