import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv } from 'ajv'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  LogController,
  type RawServerDefault
} from 'fastify'
import { shared } from './schemas.ts'

/** Our Fastify, whose routes take their types from their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** What the server must be told. */
export interface ServerOptions {
  readonly log: FastifyBaseLogger
  /** CIDRs of the proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** A URL; a path in it stands before every path of ours, and is understood with and without a proxy that strips it. */
  readonly issuer: string
}

const requestId = /^[\w.-]{8,64}$/

/** A server with limits on sizes and times, strict about bodies, that keeps query strings and headers out of its log. */
export function createServer({ log, trustedProxies, issuer }: ServerOptions): App {
  const options: FastifyHttpOptions<Server, FastifyBaseLogger> = {
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    bodyLimit: 16 * 1024,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 8_000, maxHeaderSize: 16 * 1024 },
    routerOptions: { maxParamLength: 300 },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    rewriteUrl: ({ url = '/' }) => withoutIssuerPath(url, new URL(issuer).pathname),
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && requestId.test(given) ? given : randomUUID()
    }
  }
  const app = Fastify(options).withTypeProvider<TypeBoxTypeProvider>()
  validateWith(app)
  return app
}

const metadataPath = '/.well-known/oauth-authorization-server'

/** RFC 8414 3.1 puts the issuer's path behind the well-known one; OpenID Connect and our own endpoints have it before. */
function withoutIssuerPath(url: string, path: string): string {
  if (path === '/') return url
  const [pathname = '', query] = url.split(/(?=\?)/)
  if (pathname === metadataPath + path) return metadataPath + (query ?? '')
  return pathname.startsWith(`${path}/`) ? url.slice(path.length) : url
}

const common = { removeAdditional: false, useDefaults: true, discriminator: true, validateFormats: false } as const

/** Ajv would turn null into "" and drop unknown fields in silence; query strings alone are text that may become numbers. */
function validateWith(app: App): void {
  const strict = new Ajv({ ...common, coerceTypes: false })
  const coercing = new Ajv({ ...common, coerceTypes: 'array' })
  for (const ajv of [strict, coercing]) for (const schema of shared) ajv.addSchema(schema)
  for (const schema of shared) app.addSchema(schema)
  app.setValidatorCompiler<object>(({ schema, httpPart }) => (httpPart === 'body' ? strict : coercing).compile(schema))
}
