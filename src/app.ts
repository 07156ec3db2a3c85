import type { RequestListener } from 'node:http'
import rateLimit from '@fastify/rate-limit'
import { SlowDown } from './errors.ts'
import { accessRoutes } from './http/access/access.ts'
import { accountRoutes } from './http/account.ts'
import { addressCounts } from './http/address-counts.ts'
import { adminRoutes } from './http/admin/index.ts'
import { acceptBearers } from './http/bearer.ts'
import { acceptBodies } from './http/bodies.ts'
import { discoveryRoutes } from './http/discovery.ts'
import { documentRoutes } from './http/document.ts'
import { answerErrors } from './http/errors.ts'
import { forwardAuthRoute } from './http/forward-auth.ts'
import { introspectRoute } from './http/introspect.ts'
import { requireOneHost } from './http/one-host.ts'
import { operationRoutes } from './http/operations.ts'
import type { AppParts } from './http/parts.ts'
import { passwordResetRoutes } from './http/password-reset.ts'
import { logRequests } from './http/request-log.ts'
import { revokeRoute } from './http/revoke.ts'
import { protectAnswers } from './http/security-headers.ts'
import { type App, createServer } from './http/server.ts'
import { tokenRoute } from './http/token.ts'
import { traceRequests } from './http/tracing.ts'
import { refuseUnread } from './http/unread.ts'
import { userinfoRoute } from './http/userinfo.ts'

/**
 * The whole service as plugins and routes in reading order; it listens on nothing.
 * @param options.handle what answers the requests of its server in its place
 */
export async function createApp(parts: AppParts, options: { readonly handle?: RequestListener } = {}): Promise<App> {
  const app = createServer({ ...parts, issuer: parts.tokens.issuer, refuseUnread, handle: options.handle })
  answerErrors(app, parts)
  acceptBodies(app)
  traceRequests(app, parts)
  logRequests(app, parts)
  protectAnswers(app, parts.tokens)
  requireOneHost(app)
  await app.register(rateLimit, {
    global: false,
    store: addressCounts(parts.addressRates),
    addHeaders: noHeaders,
    addHeadersOnExceeding: noHeaders,
    errorResponseBuilder: (_request, { ttl }) => new SlowDown(ttl / 1000)
  })
  await acceptBearers(app, parts)
  documentRoutes(app, parts)
  await app.register(async (routes: App) => {
    tokenRoute(routes, parts)
    userinfoRoute(routes, parts)
    introspectRoute(routes, parts)
    revokeRoute(routes, parts)
    forwardAuthRoute(routes, parts)
    await accessRoutes(routes, parts)
    discoveryRoutes(routes, parts)
    operationRoutes(routes, parts)
    await accountRoutes(routes, parts)
    await passwordResetRoutes(routes, parts)
    await adminRoutes(routes, parts)
  })
  return app
}

const noHeaders = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false } as const
