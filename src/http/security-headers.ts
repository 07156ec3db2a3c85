import helmet from 'helmet'
import type { App } from './server.ts'

/** The headers of security of every answer, by helmet itself: @fastify/helmet puts its thirteen parts together at each request. */
export function protectAnswers(app: App, { issuer }: { readonly issuer: string }): void {
  const protect = helmet({
    // For this host alone, and only where it is reached by https at all: other hosts of the domain are not ours to bind.
    strictTransportSecurity: issuer.startsWith('https:') && { maxAge: 31_536_000, includeSubDomains: false },
    contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] }, useDefaults: false }
  })
  app.addHook('onRequest', (request, reply, done) => {
    protect(request.raw, reply.raw, (error) => (error instanceof Error ? done(error) : done()))
  })
}
