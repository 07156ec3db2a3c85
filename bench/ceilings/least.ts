import { bareApp } from '../ways/app.ts'
import { openHttp } from '../ways/http.ts'
import { openJwt } from '../ways/jwt.ts'
import { openLdap } from '../ways/ldap.ts'
import { openLedger } from '../ways/ledger.ts'
import { openLocal } from '../ways/local.ts'
import { sign } from '../ways/sign.ts'
import type { Way } from '../ways/way.ts'

/** The least that a login is: the way of its backend, one commit, one signature. No checks, no permissions, no log. */
const openExchange = async (): Promise<Way> => {
  const verify = openJwt()
  return async ({ subject_token = '' }) => verify(subject_token)
}
const ways: Readonly<Record<string, () => Promise<Way>>> = {
  http: openHttp,
  jwt: openExchange,
  ldap: openLdap,
  local: openLocal
}
const open = ways[process.env.WAY ?? '']
if (open === undefined) throw new Error(`WAY is one of ${Object.keys(ways).join(', ')}`)
const authenticate = await open()
const writeDown = await openLedger(process.env.DATABASE_URL ?? 'file:least.db')
const app = bareApp(async (form) => {
  const account = await authenticate(form)
  const { user, session, refreshToken } = await writeDown(account)
  const access_token = sign({ sub: user, email: account.email, sid: session })
  return { access_token, refresh_token: refreshToken, token_type: 'Bearer', expires_in: 600 }
})
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
