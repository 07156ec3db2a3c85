import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { Documented } from './document.ts'
import { webhookOperations } from './schemas/webhooks.ts'
import { grants } from './schemas.ts'

/** An application that serves the OpenAPI 3.1 document of other routes, as JSON, as YAML and as a page, and none of them. */
export async function openDocumentation({ routes, schemas, version, issuer }: Documented): Promise<FastifyInstance> {
  const app = Fastify()
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  for (const schema of Object.values(schemas)) app.addSchema(schema)
  await app.register(fastifySwagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version,
        description: 'An ordered chain of backends behind one token endpoint.',
        license: { name: 'MIT', identifier: 'MIT' }
      },
      servers: [{ url: issuer }],
      tags: [
        { name: 'tokens', description: 'Credentials in, a signed token out' },
        { name: 'access', description: 'Who may do what (OpenID AuthZEN 1.0)' },
        { name: 'discovery', description: 'What clients and resource servers find by themselves' },
        { name: 'account', description: "A user's own" },
        { name: 'administration', description: 'Users, groups, permissions, clients, sessions and keys' },
        { name: 'webhooks', description: 'What is posted to those who want to be told' },
        { name: 'operations', description: 'For orchestrators, alarms and people' }
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          client: { type: 'http', scheme: 'basic', description: 'client_secret_basic (RFC 6749 2.3.1)' }
        }
      }
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject
      return Object.assign(mapGrants(document.openapiObject), { webhooks: structuredClone(webhookOperations) })
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`) }
  })
  for (const route of routes) app.route({ ...route, handler: async () => undefined })
  const hidden = { schema: { hide: true } }
  app.get('/openapi.json', hidden, async () => app.swagger())
  let yaml = ''
  app.get('/openapi.yaml', hidden, async (_request, reply) => reply.type('application/yaml').send(yaml))
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    indexPrefix: new URL(issuer).pathname,
    staticCSP: ownSourcesOnly,
    uiConfig: { deepLinking: false },
    theme: { title: 'Latchkey', css: [{ filename: 'latchkey.css', content: '.topbar { display: none }' }] }
  })
  await app.ready()
  yaml = stringify(app.swagger(), { aliasDuplicateObjects: false })
  return app
}

/** The plugin's own would let sources elsewhere in, and turn http into https where nothing listens. */
const ownSourcesOnly = {
  'default-src': "'self'",
  'base-uri': "'self'",
  'frame-ancestors': "'self'",
  'img-src': ["'self'", 'data:'],
  'object-src': "'none'",
  'script-src-attr': "'none'"
}

/** Says which grant is which schema (OpenAPI 3.1 4.8.25.1); Ajv takes no `mapping` and reads it off the schemas. */
function mapGrants<Document extends { components?: { schemas?: object } }>(document: Document): Document {
  const { schemas = {} } = document.components ?? {}
  const { TokenRequest: request } = schemas as { TokenRequest?: { discriminator: { mapping?: object } } }
  if (!request) return document
  const mapping = grants.map((grant) => {
    const { $id = '' } = grant as { $id?: string }
    return [grant.properties.grant_type.const, `#/components/schemas/${$id}`] as const
  })
  request.discriminator = { ...request.discriminator, mapping: Object.fromEntries(mapping) }
  return document
}
