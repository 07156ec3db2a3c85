import { assertionAlgorithms } from '../clients/assertions.ts'
import Type from '../schema/type.ts'
import type { AppParts } from './parts.ts'
import { errors, KeySet, ref } from './schemas.ts'
import type { App } from './server.ts'
import { grantTypes } from './token.ts'

const Metadata = Type.Object(
  { issuer: Type.String() },
  {
    additionalProperties: true,
    examples: [
      {
        issuer: 'https://auth.example.com',
        token_endpoint: 'https://auth.example.com/token',
        jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
        grant_types_supported: ['password', 'refresh_token', 'client_credentials'],
        response_types_supported: []
      }
    ]
  }
)

const accessMetadataOf = (issuer: string) => ({
  policy_decision_point: issuer,
  access_evaluation_endpoint: `${issuer}/access/v1/evaluation`,
  access_evaluations_endpoint: `${issuer}/access/v1/evaluations`,
  search_subject_endpoint: `${issuer}/access/v1/search/subject`,
  search_resource_endpoint: `${issuer}/access/v1/search/resource`,
  search_action_endpoint: `${issuer}/access/v1/search/action`
})

const AccessMetadata = Type.Object(
  { policy_decision_point: Type.String(), access_evaluation_endpoint: Type.String() },
  { additionalProperties: true, examples: [accessMetadataOf('https://auth.example.com')] }
)

/** The key set (RFC 7517) and both discovery documents (OpenID Connect discovery 3, RFC 8414 2): only what really works. */
export function discoveryRoutes(app: App, parts: AppParts): void {
  const document = (operationId: string, summary: string): object => ({
    schema: { operationId, summary, tags: ['discovery'], security: [], response: { 200: Metadata, ...errors(500) } }
  })
  app.get('/.well-known/openid-configuration', document('openidConfiguration', 'OpenID Connect discovery'), async () =>
    metadataOf(parts)
  )
  app.get('/.well-known/oauth-authorization-server', document('oauthMetadata', 'OAuth 2.0 metadata'), async () =>
    metadataOf(parts)
  )
  const access = accessMetadataOf(parts.tokens.issuer)
  app.get(
    '/.well-known/authzen-configuration',
    {
      schema: {
        operationId: 'accessMetadata',
        summary: 'Where decisions are asked for (AuthZEN 9)',
        tags: ['discovery'],
        security: [],
        response: { 200: AccessMetadata, ...errors(500) }
      }
    },
    async () => access
  )
  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'jwks',
        summary: 'The public keys that tokens are verified with',
        tags: ['discovery'],
        security: [],
        response: { 200: ref(KeySet), ...errors(500) }
      }
    },
    async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=300')
      return { keys: [...parts.tokens.keys.jwks().keys] }
    }
  )
}

function metadataOf(parts: AppParts): { issuer: string } & Record<string, unknown> {
  const { audiences, publicClient, clients, tokens } = parts
  const { issuer } = tokens
  const confidential: string[] = [...clients.registry.authentication].filter((method) => method !== 'none')
  const methods = [...new Set([...clients.registry.authentication, ...(publicClient ? ['none'] : [])])]
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: grantTypes(parts),
    response_types_supported: [],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_signing_alg_values_supported: [...new Set(audiences.map(({ algorithm }) => algorithm))],
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(audiences.map(({ algorithm }) => algorithm))],
    claims_supported: [
      ...['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'sid', 'client_id', 'auth_time', 'amr', 'scope'],
      ...['email', 'email_verified', 'name', 'backend', 'permissions', 'permissions_digest', 'groups']
    ],
    service_documentation: `${issuer}/docs`
  }
}
