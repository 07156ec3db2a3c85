import type { FastifyReply, FastifyRequest } from 'fastify'
import { InvalidRequest } from '../errors.ts'
import { answerError } from './errors.ts'
import { answerProblem } from './problems.ts'

const administrative = /^\/(admin|account)(\/|$)/

/** Answers a request whose path can't be read: no route and no hook sees it, so that what these do is done here. */
export function refuseUnread(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = administrative.test(request.url) ? answerProblem : answerError
  reply.header('x-request-id', request.id)
  const fields = { event: 'request', method: request.method, route: null, status: 400, ip: request.ip }
  request.log.info(fields, 'request')
  return answer(new InvalidRequest('The request is malformed'), request, reply)
}
