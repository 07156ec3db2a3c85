import { createPublicKey } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'

/** A bare route that verifies a bearer token with a static key and answers a small document. */
const { PORT, JWK = '{}' } = process.env
const publicKey = createPublicKey({ key: JSON.parse(JWK), format: 'jwk' })
  .export({ format: 'pem', type: 'spki' })
  .toString()
const app = Fastify()
await app.register(fastifyJwt, { secret: { private: '', public: publicKey }, verify: { algorithms: ['ES256'] } })
app.get('/ready', async () => 'ok')
app.get('/userinfo', async (request) => {
  const claims = await request.jwtVerify<{ sub: string; email: string }>()
  return { sub: claims.sub, email: claims.email }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
