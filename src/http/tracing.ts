import type { RequestSpan, Tracer } from '../auth/tracing.ts'
import type { App } from './server.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Absent where nobody traces. */
    span?: RequestSpan | undefined
  }
}

/** They are asked every few seconds, by machines that want to know nothing else. */
const probes: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz', '/status', '/metrics'])

/** A span for each request, in its caller's trace where it has one; its log lines carry the ids of both. */
export function traceRequests(app: App, { tracer }: { readonly tracer?: Tracer | undefined }): void {
  app.decorateRequest('span')
  if (tracer === undefined) return
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url
    if (probes.has(route)) return
    const span = tracer.begin(request.method, request.headers)
    request.span = span
    request.log = request.log.child({ trace_id: span.traceId, span_id: span.spanId })
    reply.log = request.log
    reply.raw.once('close', () => span.end(route, undefined))
  })
  app.addHook('onResponse', async ({ span, routeOptions }, reply) => span?.end(routeOptions.url, reply.statusCode))
}
