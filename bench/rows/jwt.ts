import { type IssuerKey, issuerKey, signed } from '../../test/servers/issuer.ts'
import { databasesOf, onEachDialect } from '../databases.ts'
import { form, soundLoad, startCeiling, startLatchkey } from '../processes.ts'
import { atLeast, inTurn } from '../row.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 5)
const people = 200
const issuer = 'https://issuer.example.com'

const settings = (database: string, { jwk }: IssuerKey): string => `
secret: ${'s'.repeat(40)}
publicClient: true
database: { url: "${database}" }
limits: { ip: false }
backends:
  - id: elsewhere
    type: jwt
    issuer: ${issuer}
    audiences: [latchkey]
    algorithms: [ES256]
    jwks: ${JSON.stringify({ keys: [jwk] })}
    email: { domains: [example.com] }
`

/** Exchange of another issuer's tokens, of people who are known, against verification, upsert and signature. */
export const jwt = onEachDialect(async (scope, dialect) => {
  const database = await databasesOf(scope, dialect)
  const key = await issuerKey('one')
  const server = await startLatchkey(scope, settings(await database('ours'), key))
  const env = { DATABASE_URL: await database('bare'), JWK: JSON.stringify(key.jwk) }
  const ceiling = await startCeiling(scope, 'exchange', env)
  const bodies = await Promise.all(Array.from({ length: people }, (_, at) => exchangeBody(key, at)))
  const post = { method: 'POST', headers: form, connections: 64, bodies } as const
  await soundLoad({ ...post, url: `${server.url}/token`, amount: people })
  const pairs = await inTurn(
    async () => (await soundLoad({ ...post, url: `${ceiling.url}/token`, seconds })).perSecond,
    async () => (await soundLoad({ ...post, url: `${server.url}/token`, seconds })).perSecond
  )
  const note = 'limit: verification, upsert, signature'
  return [atLeast(0.5, { name: `exchange of another issuer's token, ${dialect}`, unit: '/s', pairs, note })]
})

/** A form that exchanges a token of one of these people. */
export async function exchangeBody(key: IssuerKey, person: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const token = await signed(key, {
    ...{ iss: issuer, aud: 'latchkey', sub: `subject-${person}`, iat: now, exp: now + 3000, jti: `token-${person}` },
    ...{ email: `person-${person}@example.com`, email_verified: true, preferred_username: `person-${person}` }
  })
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt'
  }).toString()
}
