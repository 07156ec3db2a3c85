import type { AppParts } from './parts.ts'
import type { App } from './server.ts'

/** One line a request, with the route's pattern and never the URL, and the request id in the answer. */
export function logRequests(app: App, { isDraining }: AppParts): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isDraining()) reply.header('connection', 'close')
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const fields = {
      event: 'request',
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      ip: request.ip,
      ms: Math.round(reply.elapsedTime * 10) / 10
    }
    request.log.info(fields, 'request')
    done()
  })
}
