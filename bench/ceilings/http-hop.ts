import { bareApp } from '../ways/app.ts'
import { openHttp } from '../ways/http.ts'

/** The bare minimum of a login elsewhere: Fastify, one POST by undici on warm connections. No checks, no database, no signature. */
const app = bareApp(await openHttp())
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
