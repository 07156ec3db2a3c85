import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { Documented } from './document.ts'

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
        { name: 'discovery', description: 'What clients and resource servers find by themselves' },
        { name: 'operations', description: 'For orchestrators, alarms and people' }
      ],
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } }
      }
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
    staticCSP: true,
    uiConfig: { deepLinking: false },
    theme: { title: 'Latchkey', css: [{ filename: 'latchkey.css', content: '.topbar { display: none }' }] }
  })
  await app.ready()
  yaml = stringify(app.swagger(), { aliasDuplicateObjects: false })
  return app
}
