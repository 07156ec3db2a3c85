import type { FastifyRequest } from 'fastify'
import type { Trail } from '../../auth/audit.ts'
import type { RequestContext } from '../../auth/question.ts'
import type { Audited } from '../audited.ts'
import type { Client } from '../client.ts'
import type { AppParts } from '../parts.ts'

/** What every grant is given beside its body. */
export interface GrantRequest {
  readonly client: Client
  readonly request: FastifyRequest
  readonly parts: AppParts
  /** What the request says of the audience. */
  readonly target: { readonly audience: readonly string[]; readonly resource: readonly string[] }
  /** What its event is made of. */
  readonly trail: Trail
  /** For the questions to the backends, without the deadline. */
  readonly context: Omit<RequestContext, 'deadline'> & Pick<Audited, 'along'>
}

interface Target {
  readonly audience?: string | string[]
  readonly resource?: string | string[]
}

/** What the body says of the target, and what goes along with the request. */
export function grantContext(
  body: Target,
  client: Client,
  request: FastifyRequest,
  audited: Audited
): Pick<GrantRequest, 'target' | 'context' | 'trail'> {
  return {
    trail: audited.trail,
    target: { audience: list(body.audience), resource: list(body.resource) },
    context: {
      log: request.log,
      clientId: client.id,
      ip: client.ip,
      isGone: () => request.raw.socket.destroyed,
      span: request.span,
      ...audited
    }
  }
}

const list = (value: string | string[] | undefined): readonly string[] => [value ?? []].flat()

/** Seconds of the client's own, where it has any. */
export const ttlOf = ({ accessTtlSeconds }: Client): { ttlSeconds?: number } =>
  accessTtlSeconds === undefined ? {} : { ttlSeconds: accessTtlSeconds }
