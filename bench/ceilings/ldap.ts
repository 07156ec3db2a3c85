import { bareApp } from '../ways/app.ts'
import { openLdap } from '../ways/ldap.ts'
import { sign } from '../ways/sign.ts'

/** The bare minimum of a directory login: one search and one bind on warm connections, one signature. No checks, no database. */
const authenticate = await openLdap()
const app = bareApp(async (form) => {
  const { subject, email } = await authenticate(form)
  return { access_token: sign({ sub: subject, email }), token_type: 'Bearer', expires_in: 600 }
})
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
