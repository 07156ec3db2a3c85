import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { HeaderCredentials } from '../../auth/backend.ts'
import type { Chain } from '../../auth/link.ts'
import { login } from '../../auth/login.ts'
import type { IssuedToken } from '../../tokens/access-token.ts'
import { chosenBackend } from '../client.ts'
import type { ProxyGrant } from '../schemas.ts'
import type { GrantRequest } from './grant.ts'
import { issueForLogin, wantedBy } from './issue.ts'

/** A login by the headers of a proxy that has authenticated already; its session ends with the proof. */
export async function proxy(body: Static<typeof ProxyGrant>, asked: GrantRequest): Promise<IssuedToken> {
  const { client, context, parts, request } = asked
  const wanted = wantedBy(body, asked)
  const loggedIn = await login(
    credentialsOf(request),
    { ...context, chain: client.chain, ...chosenBackend(body.backend, client) },
    parts.login
  )
  return issueForLogin(loggedIn, wanted, asked, { amr: [] })
}

/** Whether there is anybody who takes headers. */
export const takesHeaders = (chain: Chain): boolean => chain.some(({ backend }) => backend.takes.includes('header'))

/** The headers as they came, each time that they came; and who sent them, which no header can say. */
function credentialsOf({ raw: { rawHeaders, socket } }: FastifyRequest): HeaderCredentials {
  const headers = Array.from(
    { length: rawHeaders.length / 2 },
    (_, at) => [`${rawHeaders[2 * at]}`.toLowerCase(), `${rawHeaders[2 * at + 1]}`] as const
  )
  return { kind: 'header', headers, peer: socket.remoteAddress ?? '' }
}
