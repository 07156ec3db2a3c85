import { type Dialect, databasesOf, onEachDialect } from '../databases.ts'
import { seedMany, userId } from '../many.ts'
import { type Scope, type Served, soundLoad, startCeiling, startLatchkey, tokenOf } from '../processes.ts'
import { atLeast, atMost, attempt, inTurn, median, type Row, rounds } from '../row.ts'

const users = Number(process.env.BENCH_USERS ?? 1_000_000)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const questions = 5000
const secret = 'bench '.repeat(8)
const password = 'correct horse battery'

const settings = (database: string): string => `
secret: ${'s'.repeat(40)}
publicClient: true
database: { url: "${database}" }
limits: { ip: false, account: false }
clients: [{ id: api, secret: "${secret}" }]
backends: [{ id: s, type: static, users: [{ username: root, email: root@example.com, password: "${password}", superuser: true }] }]
`

/** Questions of permission and the list of users, where there are very many: both on one database, which takes long to fill. */
export const many = onEachDialect(async (scope, dialect) => {
  const url = await (await databasesOf(scope, dialect, '3G'))('many')
  process.stderr.write(`filling ${dialect} with ${users} users …\n`)
  await seedMany(url, users)
  const server = await startLatchkey(scope, settings(url))
  return [
    ...(await attempt(`evaluation, ${dialect}`, () => evaluation(scope, dialect, url, server))),
    ...(await attempt(`list of users, ${dialect}`, () => userList(dialect, server)))
  ]
})

/** A number that is everywhere among the users, and the same in each run. */
const somebody = (turn: number): number => 1 + ((turn * 7_919) % users)

/** Half of them are granted: `seedMany` gives everybody `app.view` on objects of their own number. */
const questionOf = (turn: number): string => {
  const [n, object] = [somebody(turn), somebody(turn % 2 === 0 ? turn : turn + 1)]
  return JSON.stringify({
    subject: { type: 'user', id: userId(n) },
    action: { name: 'app.view' },
    resource: { type: `doc${turn % 5}`, id: `d${object}` }
  })
}

async function evaluation(scope: Scope, dialect: Dialect, url: string, server: Served): Promise<Row[]> {
  const ceiling = await startCeiling(scope, 'evaluation', { DATABASE_URL: url })
  const authorization = `Basic ${Buffer.from(`api:${encodeURIComponent(secret)}`).toString('base64')}`
  const headers = { 'content-type': 'application/json', authorization }
  const bodies = Array.from({ length: questions }, (_, turn) => questionOf(turn))
  const [ours, bare] = [`${server.url}/access/v1/evaluation`, `${ceiling.url}/evaluation`]
  for (const target of [ours, bare]) {
    for (const [turn, body] of bodies.slice(0, 20).entries()) {
      const answer = await fetch(target, { method: 'POST', headers, body })
      const { decision } = (await answer.json()) as { decision?: boolean }
      if (decision !== (turn % 2 === 0)) throw new Error(`${target} answers ${decision} to ${body}`)
    }
  }
  const post = { method: 'POST', headers, connections: 64, bodies, seconds } as const
  const pairs = await inTurn(
    async () => (await soundLoad({ ...post, url: bare })).perSecond,
    async () => (await soundLoad({ ...post, url: ours })).perSecond
  )
  const name = `/access/v1/evaluation with ${users} users, ${5 * users} object grants, ${dialect}`
  return [atLeast(0.5, { name, unit: '/s', pairs, note: 'limit: two indexed SELECTs on the same tables' })]
}

async function userList(dialect: Dialect, server: Served): Promise<Row[]> {
  const headers = { authorization: `Bearer ${await tokenOf(server, 'root', password)}` }
  const prefixes = Array.from({ length: 200 }, (_, turn) => `user${somebody(turn)}`.slice(0, 4 + (turn % 6)))
  const paths = prefixes.map((prefix) => `/admin/users?search=${prefix}&limit=50`)
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const { p99Ms } = await soundLoad({ url: server.url, headers, paths, connections: 1, seconds })
    if (round > 0) times.push(p99Ms)
  }
  const name = `a page of users by prefix, with ${users} users, p99, ${dialect}`
  return [atMost(1, { name, unit: 'ms', limit: 30, ours: median(times), note: '50 users a page, one after the other' })]
}
