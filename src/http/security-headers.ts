import { Socket } from 'node:net'
import helmet from 'helmet'
import { http } from './node-http.ts'
import type { App } from './server.ts'

/**
 * The headers of security of every answer, as helmet says them. They are the same each time, and asked for once: set one by one
 * at each request they took a tenth of a short one's time.
 */
export function protectAnswers(app: App, { issuer }: { readonly issuer: string }): void {
  const protection = headersOf(
    helmet({
      // For this host alone, and only where it is reached by https at all: other hosts of the domain are not ours to bind.
      strictTransportSecurity: issuer.startsWith('https:') && { maxAge: 31_536_000, includeSubDomains: false },
      contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] }, useDefaults: false }
    })
  )
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(protection)
    done()
  })
}

/** What a middleware that looks at no request sets. */
function headersOf(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const request = new http.IncomingMessage(new Socket())
  const response = new http.ServerResponse(request)
  middleware(request, response, (error) => {
    if (error) throw error
  })
  return Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]))
}
