import type { IncomingMessage } from 'node:http'
import { InvalidRequest } from '../errors.ts'
import type { App } from './server.ts'

/**
 * RFC 9112 3.2: a request with two Host headers, or none from HTTP/1.1 on, is refused, since what stands before us may have
 * read it as somebody else's; the connection ends. Node keeps the first of two.
 */
export function requireOneHost(app: App): void {
  app.addHook('onRequest', ({ raw }, reply, done) => {
    if (hasOneHost(raw)) return done()
    reply.header('connection', 'close')
    done(new InvalidRequest('The request needs one header Host'))
  })
}

/** Goes through names as they came: Node's lists of headers by name would be made for this alone. */
function hasOneHost({ headers, rawHeaders, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  if (headers.host === undefined) return httpVersionMajor === 1 && httpVersionMinor === 0
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts <= 1
}
