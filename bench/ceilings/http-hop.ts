import { parse } from 'node:querystring'
import Fastify from 'fastify'
import { Pool } from 'undici'

/** The bare minimum of a login elsewhere: Fastify, one POST by undici on warm connections. No checks, no database, no signature. */
const { PORT, TARGET = '' } = process.env
const pool = new Pool(TARGET, { connections: 64 })
const app = Fastify()
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, parse(String(body)))
})
app.get('/ready', async () => 'ok')
app.post('/token', async (request) => {
  const { username, password } = request.body as { username?: string; password?: string }
  const body = JSON.stringify({ operation: 'authenticate', username, password })
  const answer = await pool.request({
    path: '/',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body
  })
  return answer.body.json()
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
