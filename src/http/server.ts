import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type ConnectionError,
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawServerDefault
} from 'fastify'
import { http } from './node-http.ts'
import { administrative } from './schemas/admin.ts'
import { shared } from './schemas.ts'
import { validateLazily } from './validation.ts'

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
  /** Answers a request whose path can't be read: it has no route, and none of the hooks. */
  readonly refuseUnread: (request: FastifyRequest, reply: FastifyReply) => FastifyReply
  /** What answers in this app's place, where one server is for several apps. */
  readonly handle?: RequestListener | undefined
}

const requestId = /^[\w.-]{8,64}$/
/** AuthZEN 10.1.4: any text comes back as it came. */
const anyRequestId = /^[\x20-\x7e]{1,1024}$/

/** A server with limits on sizes and times, strict about bodies, that keeps query strings and headers out of its log. */
export function createServer({ log, trustedProxies, issuer, refuseUnread, handle }: ServerOptions): App {
  const issuerPath = new URL(issuer).pathname
  const options: FastifyHttpOptions<Server, FastifyBaseLogger> = {
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    bodyLimit: 16 * 1024,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 65_000,
    // Node looks for requests that take too long every 30 s only, unless told otherwise.
    // A request without Host, Node would answer in its own way; see one-host.ts.
    http: {
      headersTimeout: 8_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16 * 1024,
      requireHostHeader: false
    },
    routerOptions: { maxParamLength: 300 },
    schemaController: { compilersFactory: { buildValidator: ownCompiler, buildSerializer: ownCompiler } },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    rewriteUrl: ({ url = '/' }) => withoutIssuerPath(url, issuerPath),
    requestIdHeader: false,
    frameworkErrors: (_error, request: FastifyRequest, reply: FastifyReply) => refuseUnread(request, reply),
    clientErrorHandler: refuseUnparsed,
    genReqId: (request) => {
      const given = request.headers['x-request-id']
      const allowed = request.url?.includes('/access/v1/') ? anyRequestId : requestId
      return typeof given === 'string' && allowed.test(given) ? given : randomUUID()
    }
  }
  const app = Fastify(
    handle ? { ...options, serverFactory: () => listener(options, handle) } : options
  ).withTypeProvider<TypeBoxTypeProvider>()
  for (const schema of [...shared, ...administrative]) app.addSchema(schema)
  validateLazily(app, { schemas: shared })
  return app
}

/** Every scope sets its own: those of Fastify take a tenth of the start and of the memory. */
const ownCompiler = (): never => {
  throw new Error('a scope without compilers of its own')
}

/** As Fastify makes it. */
function listener(options: FastifyHttpOptions<Server, FastifyBaseLogger>, handle: RequestListener): Server {
  const { http: parser = {}, keepAliveTimeout = 0, requestTimeout = 0, connectionTimeout = 0 } = options
  return http.createServer({ ...parser, keepAliveTimeout, requestTimeout }, handle).setTimeout(connectionTimeout)
}

const metadataPaths = ['/.well-known/oauth-authorization-server', '/.well-known/authzen-configuration']

/** RFC 8414 3.1 and AuthZEN 9.2 put the issuer's path behind the well-known one; OpenID Connect and our own endpoints have it before. */
function withoutIssuerPath(url: string, path: string): string {
  if (path === '/') return url
  const [pathname = '', query] = url.split(/(?=\?)/)
  const metadata = metadataPaths.find((metadataPath) => pathname === metadataPath + path)
  if (metadata !== undefined) return metadata + (query ?? '')
  return pathname.startsWith(`${path}/`) ? url.slice(path.length) : url
}

const malformed = { error: 'invalid_request', error_description: 'The request is malformed' }

/**
 * What Node's own parser refuses never becomes a request: it is answered as all else is, and the connection ends. Where
 * nothing came at all, a proxy holds it ready: an answer would be taken for that of its first request.
 */
function refuseUnparsed(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) return void socket.destroy()
  const statuses: Record<string, string> = {
    HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout'
  }
  const body = JSON.stringify(malformed)
  const headers = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close`
  socket.end(`HTTP/1.1 ${statuses[error.code] ?? '400 Bad Request'}\r\n${headers}\r\n\r\n${body}`)
}
