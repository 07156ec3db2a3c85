import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import { stringify } from 'yaml'
import type { AppParts } from './parts.ts'
import type { App } from './server.ts'

/** Collects the routes that follow into an OpenAPI 3.1 document. */
export async function collectDocument(app: App, { version, tokens }: AppParts): Promise<void> {
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
      servers: [{ url: tokens.issuer }],
      tags: [
        { name: 'tokens', description: 'Credentials in, a signed token out' },
        { name: 'discovery', description: 'What clients and resource servers find by themselves' },
        { name: 'operations', description: 'For orchestrators, alarms and people' }
      ],
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } }
      }
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`) }
  })
}

/** Serves the document as JSON, as YAML and as a page. */
export async function documentRoutes(app: App): Promise<void> {
  const hidden = { schema: { hide: true } }
  app.get('/openapi.json', hidden, async () => app.swagger())
  app.get('/openapi.yaml', hidden, async (_request, reply) => reply.type('application/yaml').send(documentOf(app)))
  await app.register(fastifySwaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { deepLinking: false } })
}

/** The document as it is committed in openapi.yaml. */
export function documentOf(app: App): string {
  return stringify(app.swagger(), { aliasDuplicateObjects: false })
}
