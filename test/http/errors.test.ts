import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { freePort } from '../servers/free-port.ts'

/** What is asked and what comes back, to the letter; `{…}` in a question is a value of this run. */
interface Case {
  readonly ask: string
  readonly because: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly answer: Answer
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
}

const golden = new URL('errors.golden.yaml', import.meta.url)
const cases: readonly Case[] = parse(readFileSync(golden, 'utf8'))
const secretOf = (client: string): string => `${client}-secret-`.repeat(8)
const yamlOf = (port: number) => `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: { failures: 2, window: 15m } }
backends:
  - { id: local, type: local }
  - { id: down, type: ldap, servers: ["ldap://127.0.0.1:${port}"], insecure: true,
      users: [{ base: "dc=example,dc=com", filter: "(uid={username})" }] }
audiences: [{ id: blog, permissions: ["blog.*"] }]
clients:
  - { id: web, secret: "${secretOf('web')}", audiences: [blog], grants: [password, refresh_token], backends: [local] }
  - { id: other, secret: "${secretOf('other')}", audiences: [blog], grants: [client_credentials] }
`
const password = 'correct-horse-battery'

/** A lock has been running down since the guess before: its seconds are told in tens. */
const inTens = (name: string, value: unknown): unknown =>
  name === 'retry-after' && Number(value) > 5 ? String(Math.ceil(Number(value) / 10) * 10) : value

/** The headers that a client acts on. */
const matter = ['content-type', 'cache-control', 'pragma', 'www-authenticate', 'retry-after', 'allow']

async function valuesOf(latchkey: TestLatchkey): Promise<Record<string, string>> {
  await latchkey.addUser({ email: 'ann@example.com', password, permissions: ['blog.add_post'] })
  const own = { client_id: 'web', client_secret: secretOf('web') }
  const basic = (client: string, secret: string) => Buffer.from(`${client}:${secret}`).toString('base64')
  const guess = { grant_type: 'password', username: 'guessed@example.com', password: 'x', ...own }
  for (let n = 0; n < 2; n++) await latchkey.token(guess)
  const narrow = { grant_type: 'password', username: 'ann@example.com', password, scope: 'blog.add_post', ...own }
  return {
    'refresh token': (await latchkey.token(narrow)).json<{ refresh_token: string }>().refresh_token,
    token: await latchkey.accessToken('ann@example.com', password, own),
    web: basic('web', secretOf('web')),
    other: basic('other', secretOf('other')),
    wrong: basic('web', 'wrong'),
    'web in the body': new URLSearchParams(own).toString(),
    '20 KB': 'a'.repeat(20_000)
  }
}

const form = { 'content-type': 'application/x-www-form-urlencoded' }

async function ask(latchkey: TestLatchkey, { ask, headers = {}, body }: Case, values: Record<string, string>) {
  const filled = (text: string) => text.replace(/\{([\w ]+)\}/g, (whole, name: string) => values[name] ?? whole)
  const [method = '', url = ''] = ask.split(' ')
  const sent = Object.entries(headers).map(([name, value]) => [name, filled(value)])
  const answer = await latchkey.app.inject({
    ...{ method: method as 'GET' | 'POST', url },
    headers: { ...(body !== undefined && form), ...Object.fromEntries(sent) },
    ...(body !== undefined && { payload: filled(body) })
  })
  const told = matter.filter((name) => name in answer.headers).map((name) => [name, inTens(name, answer.headers[name])])
  return { status: answer.statusCode, headers: Object.fromEntries(told), body: answer.body }
}

t.test('every error of an OAuth endpoint is answered to the letter', async (t) => {
  const latchkey = await openTestLatchkey(t, yamlOf(await freePort()))
  const values = await valuesOf(latchkey)
  for (const each of cases) {
    const answer = await ask(latchkey, each, values)
    t.strictSame(answer, each.answer, `${each.ask}: ${each.because}`)
    // RFC 6749 5.2
    t.match(answer.body, /"error_description":"[\x20-\x21\x23-\x5b\x5d-\x7e]+"/)
  }
})

t.test('of what nobody foresaw only the log has the words', async (t) => {
  const yaml = 'publicClient: true\nlogin: { failureFloor: 1ms }\nbackends: [{ id: local, type: local }]'
  const latchkey = await openTestLatchkey(t, yaml)
  await latchkey.addUser({ email: 'ann@example.com', password, superuser: true })
  const authorization = `Bearer ${await latchkey.accessToken('ann@example.com', password)}`
  const fails = async () => {
    throw new Error("Duplicate entry 'canary' for key 'users.email'")
  }
  Object.assign(latchkey.parts.login.store, { byId: fails, byIdentity: fails, byEmail: fails })
  const login = await latchkey.token({ grant_type: 'password', username: 'ann@example.com', password })
  const asked = ['/userinfo', '/account', '/admin/users', '/auth'].map((url) =>
    latchkey.app.inject({ url, headers: { authorization } })
  )
  const [userinfo, ...others] = await Promise.all(asked)
  for (const answer of [login, userinfo]) {
    t.equal(answer?.statusCode, 500)
    t.same(answer?.json(), { error: 'server_error', error_description: 'The service failed' })
  }
  for (const answer of others) t.equal(answer.statusCode, 500)
  for (const answer of [login, userinfo, ...others]) t.notMatch(answer?.payload, /canary|Duplicate/)
  t.match(latchkey.log(), /Duplicate entry 'canary'/)
})

t.test('every code of the page that a client can meet has its case', (t) => {
  const page = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8')
  const [, table = ''] = page.split('## Errors')
  const codes = Array.from((table.split('\n## ')[0] ?? '').matchAll(/^\| \d+ \| (.*?) \|/gm), ([, cell = '']) => cell)
  const listed = codes.flatMap((cell) => Array.from(cell.matchAll(/`(\w+)`/g), ([, code = '']) => code))
  const met = new Set(cases.map(({ answer }) => (JSON.parse(answer.body) as { error: string }).error))
  t.ok(listed.length > 10)
  // Operators' endpoints are no OAuth, nor is administration; a fault of ours has no way to be asked for.
  const elsewhere = [
    ...[
      'access_denied',
      'password_refused',
      'invalid_reset_token',
      'grant_refused',
      'already_exists',
      'conflict',
      'last_superuser',
      'field_read_only'
    ],
    ...['set_by_configuration', 'precondition_failed', 'server_error']
  ]
  t.same(
    listed.filter((code) => !met.has(code)),
    elsewhere
  )
  t.end()
})
