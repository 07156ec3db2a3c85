import type { FastifyReply, FastifyRequest } from 'fastify'
import { PreconditionFailed } from '../errors.ts'

/** The strong ETag of a version (RFC 9110 8.8.3). */
const etagOf = (version: number | string): string => `"${version}"`

/** Tells the version of what an answer shows. */
export const tag = (reply: FastifyReply, version: number | string | undefined): FastifyReply =>
  version === undefined ? reply : reply.header('etag', etagOf(version))

/**
 * Whether a change may go on, by the version that is there now: If-Match is optional, and compared strongly (RFC 9110 13.1.1).
 * @throws {PreconditionFailed}
 */
export function checkIfMatch(request: FastifyRequest, version: number | string | undefined): void {
  const asked = request.headers['if-match']
  if (asked === undefined || asked.trim() === '*') return
  const tags = asked.split(',').map((one) => one.trim())
  if (version === undefined || !tags.includes(etagOf(version))) throw new PreconditionFailed()
}

/**
 * The version that a change must still find, for the one who writes: of two who read the same one wins.
 * @param version the one that is there now
 * @throws {PreconditionFailed}
 */
export function expectedVersion<Version extends number | string>(
  request: FastifyRequest,
  version: Version
): Version | undefined {
  checkIfMatch(request, version)
  const asked = request.headers['if-match']
  return asked === undefined || asked.trim() === '*' ? undefined : version
}
