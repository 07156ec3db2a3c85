import type { FastifyRequest } from 'fastify'
import type { ChangeOptions } from '../../admin/tools.ts'
import type { User } from '../../auth/user-store.ts'
import { NotFound } from '../../errors.ts'
import { expectedVersion } from '../etag.ts'
import type { AppParts } from '../parts.ts'

/** Ids are compared as they are written; a URL may write them in capitals. */
export const idOf = ({ id }: { readonly id: string }): string => id.toLowerCase()

/** @throws {NotFound} */
export async function userOf(id: string, { login }: AppParts): Promise<User> {
  const user = await login.store.byId(id.toLowerCase())
  if (!user) throw new NotFound('There is no such user')
  return user
}

/** The version that the user must still have, where the request names one. @throws {PreconditionFailed} */
export async function condition(request: FastifyRequest, id: string, parts: AppParts): Promise<ChangeOptions> {
  if (request.headers['if-match'] === undefined) return {}
  const ifVersion = expectedVersion(request, (await userOf(id, parts)).version)
  return ifVersion === undefined ? {} : { ifVersion }
}
