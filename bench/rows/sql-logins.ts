import { hash } from '@node-rs/argon2'
import { databasesOf, onEachDialect, runIn } from '../databases.ts'
import { figure, form, loginBody, soundLoad, startLatchkey } from '../processes.ts'
import { atLeast, inTurn } from '../row.ts'

const password = 'correct horse battery'
const people = 200
const seconds = Number(process.env.BENCH_SECONDS ?? 5)

/** With time limits that 64 callers at once keep even where a hash takes long. */
const settings = (ours: string, theirs: string): string => `
secret: ${'s'.repeat(40)}
publicClient: true
database: { url: "${ours}" }
limits: { ip: false, account: false }
login: { timeout: 10s }
passwords: { queueTimeout: 8s }
backends:
  - id: shop
    type: sql
    timeout: 9s
    database: { url: "${theirs}" }
    user: SELECT id AS subject, login AS username, email, hash AS passwordHash, active AS isActive FROM people WHERE login = :username
    identity: SELECT id AS subject, login AS username, email, active AS isActive FROM people WHERE id = :subject
    email: { domains: [example.com] }
`

/** Logins of known people of somebody else's table, on either dialect, against the bare hash. */
export const sqlLogins = onEachDialect(async (scope, dialect) => {
  const database = await databasesOf(scope, dialect)
  const theirs = await database('theirs')
  await seedPeople(theirs)
  const server = await startLatchkey(scope, settings(await database('ours'), theirs))
  const bodies = Array.from({ length: people }, (_, at) => loginBody(`person${at + 1}`, password))
  const post = { url: `${server.url}/token`, method: 'POST', headers: form, connections: 64, bodies } as const
  await soundLoad({ ...post, connections: 8, amount: people })
  const pairs = await inTurn(
    () => figure('argon2', { SECONDS: String(seconds) }),
    async () => (await soundLoad({ ...post, seconds })).perSecond
  )
  const name = `logins by a table in ${dialect}, 64 connections`
  return [atLeast(0.9, { name, unit: '/s', pairs, note: 'limit: bare argon2 verifications' })]
})

async function seedPeople(url: string): Promise<void> {
  const stored = await hash(password, { memoryCost: 19456, timeCost: 2, parallelism: 1 })
  await runIn(url, ({ numbers, text }) => [
    'create table people (id integer primary key, login varchar(100) not null unique, email varchar(254), hash varchar(200), active integer)',
    `insert into people select n, ${text("'person'", 'n')}, ${text("'person'", 'n', "'@example.com'")}, '${stored}', 1 from ${numbers(people)}`
  ])
}
