import Fastify from 'fastify'

/** A service that knows everybody, for the backend `http` and for the bare hop beside it. */
const app = Fastify()
app.get('/ready', async () => 'ok')
app.post('/', async (request) => {
  const { username = '', subject = username } = request.body as { username?: string; subject?: string }
  return {
    subject,
    username: subject,
    email: `${subject}@example.com`,
    permissions: ['blog.add_post'],
    groups: ['staff']
  }
})
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
