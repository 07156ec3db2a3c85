import { parse } from 'node:querystring'
import Fastify, { type FastifyInstance } from 'fastify'

/** Bare Fastify with `POST /token`, which takes a form. */
export function bareApp(answer: (username: string, password: string) => Promise<object>): FastifyInstance {
  const app = Fastify()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, parse(String(body)))
  })
  app.get('/ready', async () => 'ok')
  app.post('/token', async (request) => {
    const { username = '', password = '' } = request.body as { username?: string; password?: string }
    return answer(username, password)
  })
  return app
}
