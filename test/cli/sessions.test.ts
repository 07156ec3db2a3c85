import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { claimsOf, temporaryFolder } from '../latchkey.ts'
import { command, type Running, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

const password = 'correct horse battery'
const settings = `
issuer: http://localhost:8000
publicClient: true
limits: { ip: false }
backends: [{ id: local, type: local }]
`

interface Tokens {
  access_token: string
  refresh_token: string
}

interface Replica {
  readonly running: Running
  post(fields: Record<string, string>): Promise<Response>
  userinfo(token: string): Promise<number>
}

async function replicas(t: Test, folder: string, count: number): Promise<Replica[]> {
  await writeFile(join(folder, 'latchkey.yaml'), settings)
  await command(t, ['users', 'create', 'ann@example.com', '--password-stdin'], folder, { input: password })
  return Promise.all(
    Array.from({ length: count }, async () => {
      const port = await freePort()
      const running = start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) })
      await running.says('listening')
      const url = `http://127.0.0.1:${port}`
      return {
        running,
        post: (fields) => fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(fields) }),
        userinfo: async (token) =>
          (await fetch(`${url}/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status
      }
    })
  )
}

const login = async ({ post }: Replica): Promise<Tokens> =>
  (await (await post({ grant_type: 'password', username: 'ann@example.com', password })).json()) as Tokens

const refresh = ({ post }: Replica, refresh_token: string): Promise<Response> =>
  post({ grant_type: 'refresh_token', refresh_token })

t.test('50 refreshes at once on two processes, again and again, are one line of succession', async (t) => {
  const folder = await temporaryFolder(t)
  const [one, two] = await replicas(t, folder, 2)
  if (!one || !two) throw new Error('no replicas')
  let { refresh_token: live } = await login(one)
  const seen = new Set([live])
  const unusual: string[] = []
  for (let round = 0; round < 100; round++) {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => refresh(n % 2 ? one : two, live)))
    const tokens = await Promise.all(answers.map(async (answer) => (await answer.json()) as Partial<Tokens>))
    const [next, ...others] = new Set(tokens.map(({ refresh_token = '' }) => refresh_token))
    if (next === undefined || seen.has(next) || others.length > 0) unusual.push(`${round}: ${others.length}`)
    live = next ?? ''
    seen.add(live)
  }
  t.same(unusual, [])
  t.equal(seen.size, 101)

  one.running.child.kill('SIGKILL')
  const after = await refresh(two, live)
  t.equal(after.status, 200, 'a process that was killed takes no session with it')
})

t.test('sessions list and revoke, beside two running services', async (t) => {
  const folder = await temporaryFolder(t)
  const [one, two] = await replicas(t, folder, 2)
  if (!one || !two) throw new Error('no replicas')
  const [first, second] = [await login(one), await login(two)]
  const listed = await command(t, ['sessions', 'list', '--json'], folder)
  const sessions = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; client: string; backend: string })
  t.equal(sessions.length, 2)
  t.match(sessions[0], { client: 'public', backend: 'local' })
  t.notMatch(listed.stdout, first.refresh_token)
  const text = await command(t, ['sessions', 'list', '--user', 'ann@example.com'], folder)
  t.equal(text.stdout.trim().split('\n').length, 2)
  const search = async (...filter: string[]) =>
    (await command(t, ['sessions', 'list', '--search', ...filter, '--json'], folder)).stdout
  t.equal(await search('ANN@'), listed.stdout)
  t.equal(await search('a', '--user', 'ann@example.com'), listed.stdout)
  for (const filter of [['nn'], ['%'], ['b', '--user', 'ann@example.com']])
    t.equal(await search(...filter), '', filter.join(' '))

  const sid = JSON.parse(Buffer.from(first.access_token.split('.')[1] ?? '', 'base64url').toString()).sid as string
  t.equal((await command(t, ['sessions', 'revoke', sid], folder)).code, 0)
  const database = new DatabaseSync(join(folder, 'data/latchkey.db'))
  const ended = database.prepare('select expires_at as until from latchkey_revoked_tokens where id = ?').get(sid)
  database.close()
  t.ok(
    Number(ended?.until) > Date.now() + 24 * 3_600_000,
    'its access tokens are dead for as long as any of them lives'
  )
  for (const replica of [one, two]) {
    t.equal(await replica.userinfo(first.access_token), 401)
    t.equal((await refresh(replica, first.refresh_token)).status, 400)
    t.equal(await replica.userinfo(second.access_token), 200, 'the other one lives')
  }
  const all = await command(t, ['sessions', 'revoke', '--user', 'ann@example.com', '--json'], folder)
  t.match(JSON.parse(all.stdout), { user: claimsOf(first.access_token).sub, ended: 1 })
  for (const replica of [one, two]) {
    t.equal(await replica.userinfo(second.access_token), 401)
    t.equal((await refresh(replica, second.refresh_token)).status, 400)
  }
  const third = await login(one)
  t.equal(await two.userinfo(third.access_token), 200, 'and she may log in again')
  await command(t, ['users', 'set-password', 'ann@example.com', '--password-stdin'], folder, {
    input: 'another long one'
  })
  for (const replica of [one, two]) t.equal(await replica.userinfo(third.access_token), 401)

  const usages: ReadonlyArray<readonly [string[], number]> = [
    [['sessions', 'revoke'], 2],
    [['sessions', 'revoke', 'nonsense'], 1],
    [['sessions', 'revoke', sid, '--user', 'ann@example.com'], 2],
    [['sessions', 'list', '--user', 'nobody@example.com'], 1],
    [['sessions', 'burn'], 2]
  ]
  for (const [args, code] of usages) t.equal((await command(t, args, folder)).code, code, args.join(' '))
})
