import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../src/store/index.ts'
import { databasesOf, onEachDialect, runIn, valuesIn } from '../databases.ts'
import { folderOf, form, loginBody, type Served, soundLoad, startLatchkey } from '../processes.ts'
import { atMost, atMostTimes, attempt, inTurn, type Row } from '../row.ts'

const few = 1000
const many = Number(process.env.BENCH_SESSIONS ?? 1_000_000)
const expiring = Math.round(many / 10)
const seconds = Number(process.env.BENCH_SECONDS ?? 4)
const password = 'correct horse battery'
const secret = 'bench '.repeat(8)
const [users, sessionIds] = ['01900000-0000-7000-8000-', '01900000-0000-7000-a000-']
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const loopDelay = new URL('../ceilings/loop-delay.ts', import.meta.url).href

const settings = (database: string): string => `
secret: ${'s'.repeat(40)}
publicClient: true
database: { url: "${database}" }
limits: { ip: false, account: false }
clients: [{ id: api, secret: "${secret}" }]
backends: [{ id: s, type: static, users: [{ username: user, email: user@example.com, password: "${password}" }] }]
`

/** Refresh and introspection with very many sessions, and how long the service stands still while those that expired go. */
export const sessionsMany = onEachDialect(async (scope, dialect) => {
  const database = await databasesOf(scope, dialect, '1G')
  const start = async (sessions: number): Promise<Counted> => {
    const url = await database(`with${sessions}`)
    await seedSessions(url, sessions)
    const delays = join(await folderOf(scope), 'delays')
    const env = { NODE_OPTIONS: `--import=${loopDelay}`, LOOP_DELAY_FILE: delays }
    return { url, delays, server: await startLatchkey(scope, settings(url), { env }) }
  }
  const [small, large] = [await start(few), await start(many)]
  return [
    ...(await attempt(`refresh, ${dialect}`, async () => [
      atMostTimes(1.2, {
        ...{ name: `refresh with ${many} sessions, ${dialect}`, unit: 'ms', note: `limit: with ${few}` },
        pairs: await inTurn(
          () => refreshTime(small.server),
          () => refreshTime(large.server)
        )
      })
    ])),
    ...(await attempt(`introspection, ${dialect}`, async () => [
      atMostTimes(1.2, {
        ...{ name: `/introspect with ${many} sessions, ${dialect}`, unit: 'ms', note: `limit: with ${few}` },
        pairs: await inTurn(
          () => introspectionTime(small.server),
          () => introspectionTime(large.server)
        )
      })
    ])),
    ...(await attempt(`removal, ${dialect}`, async () => [await removal(large, dialect)]))
  ]
})

interface Counted {
  readonly url: string
  readonly server: Served
  /** The file of bench/ceilings/loop-delay.ts. */
  readonly delays: string
}

async function seedSessions(url: string, sessions: number): Promise<void> {
  await (await openStore({ url, log: silent })).close()
  const now = Date.now()
  const day = 86_400_000
  await runIn(url, ({ numbers, uuid, text }) => [
    `insert into latchkey_users (id, email, email_vouched, attributes, own_attributes, is_active, is_superuser, created_at, updated_at, tokens_valid_from, version)
     select ${uuid(users, 'n')}, ${text("'many'", 'n', "'@example.com'")}, 1, '{}', '{}', 1, 0, 1, 1, 0, 0 from ${numbers(few)}`,
    `insert into latchkey_sessions (id, user_id, backend, subject, client_id, audience, amr, counter, rotated_at, authenticated_at, created_at, expires_at, idle_expires_at)
     select ${uuid(sessionIds, 'n')}, ${uuid(users, `(n % ${few} + 1)`)}, 's', 'user', 'public', 'http://localhost:8000', '["pwd"]', 0, ${now}, ${now}, ${now}, ${now + 30 * day}, ${now + 7 * day} + n from ${numbers(sessions)}`
  ])
  if (!url.startsWith('file:')) await runIn(url, () => ['analyze table latchkey_sessions'])
}

interface Issued {
  readonly access_token: string
  readonly refresh_token: string
}

async function login({ url }: Served): Promise<Issued> {
  const answer = await fetch(`${url}/token`, { method: 'POST', headers: form, body: loginBody('user', password) })
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as Issued
}

const alone = { method: 'POST', headers: form, connections: 1, seconds } as const

async function refreshTime(server: Served): Promise<number> {
  const refreshTokens: string[] = []
  while (refreshTokens.length < 4) refreshTokens.push((await login(server)).refresh_token)
  return 1000 / (await soundLoad({ ...alone, url: `${server.url}/token`, refreshTokens })).perSecond
}

async function introspectionTime(server: Served): Promise<number> {
  const { access_token: token } = await login(server)
  const body = new URLSearchParams({ token, client_id: 'api', client_secret: secret }).toString()
  return 1000 / (await soundLoad({ ...alone, url: `${server.url}/introspect`, bodies: [body] })).perSecond
}

/** A tenth of the sessions expires at once; the service looks for such once a minute. */
async function removal({ url, server, delays }: Counted, dialect: string): Promise<Row> {
  const calmFrom = Date.now()
  await sleep(5000)
  const calm = await longestPause(delays, calmFrom, Date.now())
  await runIn(url, () => [
    `update latchkey_sessions set idle_expires_at = 1 where id <= '${sessionIds}${expiring.toString(16).padStart(12, '0')}'`
  ])
  const began = Date.now()
  let firstSeen = 0
  for (let left = expiring; left > 0; await sleep(200)) {
    if (Date.now() - began > 600_000) throw new Error(`${left} of ${expiring} expired sessions are still there`)
    const [count] = await valuesIn(url, 'select count(*) from latchkey_sessions where idle_expires_at = 1')
    left = Number(count)
    if (left < expiring && firstSeen === 0) firstSeen = Date.now()
  }
  await sleep(500)
  const ours = await longestPause(delays, firstSeen - 1000, Date.now())
  if (!(await fetch(`${server.url}/livez`)).ok) throw new Error('the service has died')
  const note = `in ${((Date.now() - firstSeen) / 1000).toFixed(0)} s; ${calm.toFixed(1)} ms while nothing was to be done`
  return atMost(1, {
    ...{ name: `longest pause while ${expiring} of ${many} sessions are removed, ${dialect}`, unit: 'ms' },
    ...{ limit: 50, ours, note }
  })
}

async function longestPause(file: string, since: number, until: number): Promise<number> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n')
  const seen = lines.map((line) => JSON.parse(line) as { at: number; pauseMs: number })
  const pauses = seen.flatMap(({ at, pauseMs }) => (at >= since && at <= until ? [pauseMs] : []))
  if (pauses.length === 0) throw new Error('the service told nothing of its event loop')
  return Math.max(...pauses)
}
