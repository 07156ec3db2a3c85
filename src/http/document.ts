import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, HTTPMethods } from 'fastify'
import { NotFound } from '../errors.ts'
import type { AppParts } from './parts.ts'
import type { App } from './server.ts'

/** What the document tells of. */
export interface Documented {
  readonly routes: ReadonlyArray<{ method: HTTPMethods | HTTPMethods[]; url: string; schema?: FastifySchema }>
  /** What the routes' schemas refer to. */
  readonly schemas: Record<string, unknown>
  readonly version: string
  readonly issuer: string
}

/**
 * Serves the OpenAPI document of the routes that follow as JSON, as YAML and as a page. It is made when it is first asked
 * for: few processes ever are, and what makes it takes 60 ms and 5 MB.
 */
export function documentRoutes(app: App, { version, tokens: { issuer } }: AppParts): void {
  const routes: Array<Documented['routes'][number]> = []
  let opened: Promise<FastifyInstance> | undefined
  const open = async (): Promise<FastifyInstance> => {
    const { openDocumentation } = await import('./documentation.ts')
    return openDocumentation({ routes, schemas: app.getSchemas(), version, issuer })
  }
  const answer = async ({ url, headers: asked }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    opened ??= open()
    const { statusCode, headers, rawPayload } = await (await opened).inject({ url, headers: asked })
    if (statusCode === 404) throw new NotFound()
    const { connection: _hops, ...ours } = headers
    return reply.code(statusCode).headers(ours).send(rawPayload)
  }
  for (const url of ['/openapi.json', '/openapi.yaml', '/docs', '/docs/*']) app.get(url, answer)
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (method !== 'HEAD') routes.push({ method, url, ...(schema && { schema }) })
  })
  app.addHook('onClose', async () => (await opened)?.close())
}
