import { databasesOf, onEachDialect } from '../databases.ts'
import { form, load, loginBody, type Served, startCeiling, startLatchkey } from '../processes.ts'
import { atLeast, type Row, rounds } from '../row.ts'

const password = 'correct horse battery'
const secret = 'bench '.repeat(8)
const connections = 64
const seconds = 5

const settings = (database: string): string => `
issuer: http://localhost:8000
secret: ${'s'.repeat(40)}
database: { url: "${database}" }
publicClient: true
limits: { ip: false, account: false }
clients: [{ id: api, secret: "${secret}" }]
backends: [{ id: s, type: static, users: [{ username: user, email: user@example.com, password: "${password}" }] }]
`

/** Refreshes against two statements and a signature, introspection against one SELECT; on both dialects. */
export const sessions = onEachDialect(async (scope, dialect): Promise<Row[]> => {
  const database = await databasesOf(scope, dialect)
  const server = await startLatchkey(scope, settings(await database('ours')))
  const ceiling = await startCeiling(scope, 'sessions', { DATABASE_URL: await database('bare') })
  const post = { method: 'POST', headers: form, connections, seconds } as const
  const first = await login(server)
  const introspection = new URLSearchParams({
    token: first.access_token,
    client_id: 'api',
    client_secret: secret
  })
  const refreshes: Array<readonly [number, number]> = []
  const introspections: Array<readonly [number, number]> = []
  for (let round = 0; round <= rounds; round++) {
    const limit = await load({ ...post, url: `${ceiling.url}/refresh`, bodies: ['x'] })
    // spare ones, since a connection takes its next before its answer is read; what is under way at the end is lost
    const sessions: Session[] = []
    while (sessions.length < 2 * connections) {
      sessions.push(...(await Promise.all(Array.from({ length: 16 }, () => login(server)))))
    }
    const refreshTokens = sessions.map(({ refresh_token }) => refresh_token)
    const own = await load({ ...post, url: `${server.url}/token`, refreshTokens })
    const bareLook = await load({ ...post, url: `${ceiling.url}/introspect`, bodies: ['x'] })
    const look = await load({ ...post, url: `${server.url}/introspect`, bodies: [String(introspection)] })
    const failed = [limit, own, bareLook, look].map((one) => one.failed)
    if (failed.some((count) => count > 0)) throw new Error(`failed: ${failed.join(', ')}`)
    if (round === 0) continue
    refreshes.push([limit.perSecond, own.perSecond])
    introspections.push([bareLook.perSecond, look.perSecond])
  }
  return [
    atLeast(0.5, {
      name: `refreshes, ${dialect}`,
      unit: '/s',
      pairs: refreshes,
      note: 'limit: two statements, one signature'
    }),
    atLeast(0.5, { name: `/introspect, ${dialect}`, unit: '/s', pairs: introspections, note: 'limit: one SELECT' })
  ]
})

interface Session {
  readonly access_token: string
  readonly refresh_token: string
}

async function login({ url }: Served): Promise<Session> {
  const answer = await fetch(`${url}/token`, { method: 'POST', headers: form, body: loginBody('user', password) })
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as Session
}
