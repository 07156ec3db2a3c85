import { parse } from 'node:querystring'
import Fastify, { type FastifyInstance } from 'fastify'

/** Bare Fastify with `POST /token`, which takes a form. */
export function bareApp(answer: (form: Readonly<Record<string, string>>) => Promise<object>): FastifyInstance {
  const app = Fastify()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, parse(String(body)))
  })
  app.get('/ready', async () => 'ok')
  app.post('/token', async (request) => answer(request.body as Record<string, string>))
  return app
}
