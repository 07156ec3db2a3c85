import { type IssuedToken, issueClientToken } from '../../tokens/access-token.ts'
import { chooseAudience, parseScope } from '../../tokens/audience.ts'
import { type GrantRequest, ttlOf } from './grant.ts'

/** RFC 6749 4.4: a client for itself, with the permissions that it has of its own; nothing to refresh (4.4.3). */
export async function clientCredentials(
  body: { readonly scope?: string },
  { client, target, parts, context, trail }: GrantRequest
): Promise<IssuedToken> {
  const audience = chooseAudience(target, client.audiences)
  const { id: clientId, permissions } = client
  const scope = parseScope(body.scope)
  context.log.info({ event: 'client_token', client: clientId, audience: audience.id }, 'client token')
  return issueClientToken(
    { clientId, permissions, audience, scope, trail, span: context.span, ...ttlOf(client) },
    parts.tokens
  )
}
