import { once } from 'node:events'
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { claimsOf, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command, type Running, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'
import { clientAtIssuer, issuerKey, startIssuer } from '../servers/issuer.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'

const passwordOf = (name: string) => `password of ${name}`

/** A backend of one's own with people by name: no hash holds a stream of logins up. */
const company = `
import { defineBackend, Type } from 'latchkey'
export default defineBackend({
  options: Type.Object({ people: Type.Array(Type.String()), permission: Type.String({ default: 'blog.add_post' }) }),
  open: (id, { people, permission }) => {
    let isClosed = false
    const identityOf = (name: string) => ({ subject: name, username: name, emails: [name + '@example.com'], attributes: {} })
    return {
      takes: ['password'],
      async authenticate(credentials, context) {
        if (isClosed) throw new Error('it is closed')
        if (credentials.kind !== 'password' || !people.includes(credentials.username)) return { outcome: 'unknown' }
        await context.found(credentials.username)
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (isClosed) throw new Error('it was closed meanwhile')
        if (credentials.password !== 'password of ' + credentials.username) return { outcome: 'rejected', reason: 'wrong-password' }
        return { outcome: 'accepted', identity: identityOf(credentials.username) }
      },
      async identity(subject) {
        return people.includes(subject) ? { state: 'present', identity: identityOf(subject) } : { state: 'gone' }
      },
      async permissions({ subject }) {
        return { grants: subject === null ? [] : [{ permission, origin: 'everybody' }] }
      },
      async close() { isClosed = true }
    }
  }
})`

interface Server extends Running {
  readonly folder: string
  readonly url: string
  configure(yaml: string): Promise<void>
  reload(): ReturnType<typeof command>
  token(fields: Record<string, string>, secret?: string): Promise<{ status: number; body: Record<string, string> }>
}

const backend = (id: string, people: string, more = '') =>
  `{ id: ${id}, type: ./company.ts, people: [${people}]${more} }`

const base = `publicClient: true
limits: { ip: false, account: false }
login: { failureFloor: 1ms }
`

async function serve(t: Test, yaml: string, head = base): Promise<Server> {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const env = { LATCHKEY_PORT: String(port) }
  const url = `http://127.0.0.1:${port}`
  const configure = (text: string) => writeFile(join(folder, 'latchkey.yaml'), head + text)
  await writeFile(join(folder, 'company.ts'), company)
  await configure(yaml)
  const running = start(t, ['serve'], folder, env)
  await running.says('listening')
  return {
    ...running,
    ...{ folder, url, configure },
    reload: () => command(t, ['reload'], folder, { env }),
    async token(fields, secret) {
      const headers: Record<string, string> = secret ? { authorization: `Basic ${btoa(`blog:${secret}`)}` } : {}
      const body = new URLSearchParams({ grant_type: 'password', ...fields })
      const answer = await fetch(`${url}/token`, { method: 'POST', body, headers })
      return { status: answer.status, body: (await answer.json()) as Record<string, string> }
    }
  }
}

const credentials = (username: string) => ({ username, password: passwordOf(username) })

t.test('latchkey reload: everything at once, or nothing', async (t) => {
  const secret = 'a secret of a client that is long enough 1'
  const client = (value: string) => `clients: [{ id: blog, secret: "${value}", grants: [password] }]\n`
  const server = await serve(t, `backends: [${backend('a', 'ann')}, ${backend('b', 'bob')}]\n${client(secret)}`)
  const bob = (await server.token(credentials('bob'))).body
  const another = (await server.token(credentials('bob'))).body
  const ann = (await server.token(credentials('ann'))).body
  t.same(claimsOf(ann.access_token ?? '').permissions, ['blog.add_post'])
  t.equal((await server.token(credentials('ann'), secret)).status, 200)
  t.equal((await stat(join(server.folder, 'data/latchkey.pid'))).mode & 0o777, 0o600)

  const other = 'a secret of a client that is long enough 2'
  await server.configure(
    `backends: [${backend('a', 'ann', ', permission: blog.view_post')}, ${backend('c', 'cid')}]\n${client(other)}audiences: [{ id: "urn:shop", permissions: ["*"] }]\nops: { from: [10.0.0.0/8] }\n`
  )
  const done = await server.reload()
  t.same([done.code, done.stdout, done.stderr], [0, 'reloaded\n', ''])
  t.equal((await server.token(credentials('ann'), secret)).status, 401, 'the old secret is over')
  t.equal((await server.token(credentials('ann'), other)).status, 200)
  t.equal((await server.token(credentials('cid'))).status, 200, 'a backend came')
  t.equal((await server.token(credentials('bob'))).status, 400, 'another one left')
  const shop = (await server.token({ ...credentials('ann'), audience: 'urn:shop' })).body
  matchLists(t, claimsOf(shop.access_token ?? ''), { aud: 'urn:shop', permissions: ['blog.view_post'] })
  const userinfo = (token = '') => fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${token}` } })
  t.equal((await userinfo(ann.access_token)).status, 200)
  t.equal((await userinfo(bob.access_token)).status, 401, 'tokens of the one that left are over')
  const introspected = await fetch(`${server.url}/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`blog:${other}`)}` },
    body: new URLSearchParams({ token: bob.access_token ?? '' })
  })
  t.same(await introspected.json(), { active: false })
  const refresh = { grant_type: 'refresh_token', refresh_token: bob.refresh_token ?? '' }
  t.equal((await server.token(refresh)).status, 400, 'and so is the session')
  t.match(server.said(), 'its backend left the configuration')
  while (/ backend b /.test((await command(t, ['sessions', 'list'], server.folder)).stdout)) await sleep(50)
  t.match((await command(t, ['sessions', 'list'], server.folder)).stdout, / backend a /, 'those of others go on')
  t.equal((await server.token({ grant_type: 'refresh_token', refresh_token: ann.refresh_token ?? '' })).status, 200)

  await server.configure(`backnds: []\nbackends: [${backend('d', 'dan')}, { id: e, type: ./gone.ts }]\n`)
  const refused = await server.reload()
  t.equal(refused.code, 1)
  t.match(refused.stderr, 'backnds: unknown key: did you mean backends?')
  t.match(refused.stderr, './gone.ts: there is no such file')
  t.equal((await server.token(credentials('cid'))).status, 200, 'all stays as it was')

  const file = join(server.folder, 'latchkey.yaml')
  await rename(file, `${file}.away`)
  const away = await server.reload()
  t.equal(away.code, 1)
  t.match(away.stderr, 'latchkey.yaml: 1 mistake\n  there is no such file any more')
  t.equal((await server.token(credentials('cid'))).status, 200, 'and what holds without a file is not put in its place')

  await writeFile(
    join(server.folder, 'throws.ts'),
    company.replace('let isClosed', "throw new Error('no luck'); let isClosed")
  )
  await server.configure(`backends: [${backend('d', 'dan')}, { id: e, type: ./throws.ts, people: [] }]\n`)
  const thrown = await command(t, ['reload'], server.folder, { env: { LATCHKEY_PORT: new URL(server.url).port } })
  t.equal(thrown.code, 1)
  t.match(thrown.stderr, './throws.ts: open threw Error: no luck')

  await server.configure(
    `issuer: http://localhost:1\nsecret: "another secret that has thirty-two bytes"\npasswords: { memory: 65536 }\nbackends: [${backend('d', 'dan')}]\n`
  )
  const restart = await server.reload()
  t.equal(restart.code, 1)
  for (const path of ['issuer', 'secret', 'passwords'])
    t.match(restart.stderr, `${path}: has changed: this needs a restart`)
  t.notMatch(restart.stderr + server.said(), /another secret that has/)
  t.equal((await server.token(credentials('cid'))).status, 200)

  await server.configure(`backends: [${backend('d', 'dan')}]\n`)
  t.equal((await server.reload()).code, 0)
  await writeFile(join(server.folder, 'company.ts'), company.replace("'blog.add_post'", "'blog.from_new_code'"))
  t.equal((await server.reload()).code, 0)
  const fresh = (await server.token(credentials('dan'))).body
  t.same(claimsOf(fresh.access_token ?? '').permissions, ['blog.from_new_code'], 'a module that changed is read again')

  await server.configure(`backends: [${backend('d', 'dan')}, ${backend('b', 'bob')}]\n`)
  t.equal((await server.reload()).code, 0)
  t.equal((await server.token(credentials('bob'))).status, 200)
  const old = { grant_type: 'refresh_token', refresh_token: another.refresh_token ?? '' }
  t.equal((await server.token(old)).status, 400, 'a backend that comes back begins anew')

  t.equal(await server.end(), 0)
  const gone = await server.reload()
  t.equal(gone.code, 1)
  t.match(gone.stderr, 'no server of this configuration runs')
})

t.test('a pid file that is left, or somebody else’s to write, is not believed', async (t) => {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'data'))
  const path = join(folder, 'data/latchkey.pid')
  const bystander = start(t, ['users', 'list'], folder)
  const record = { pid: process.pid, started: 'another time', reloads: 0, reloading: false }
  await writeFile(path, JSON.stringify(record), { mode: 0o600 })
  let hups = 0
  const count = () => void hups++
  process.on('SIGHUP', count)
  t.teardown(() => process.off('SIGHUP', count))
  const stale = await command(t, ['reload'], folder)
  t.equal(stale.code, 1)
  t.match(stale.stderr, 'is left from one that ended')
  for (const text of ['', 'x', '{}', 'null', '{"pid":-1}', '{"pid":0}', '{"pid":"1"}']) {
    await writeFile(path, text)
    t.equal((await command(t, ['reload'], folder)).code, 1, text)
  }
  await writeFile(
    path,
    JSON.stringify({ ...record, started: (await readFile('/proc/self/stat', 'latin1')).split(') ')[1]?.split(' ')[19] })
  )
  await chmod(path, 0o666)
  t.match((await command(t, ['reload'], folder)).stderr, 'not to be believed')
  t.equal(hups, 0, 'no signal was sent')
  await bystander.end()
})

t.test('a stream of logins loses nothing over 20 reloads, two signals at once among them', async (t) => {
  const yaml = (number: number) =>
    `backends: [${backend('a', 'ann, ben, cat, dan')}, ${backend(`b${number}`, 'eve')}]\n`
  const server = await serve(t, yaml(0))
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  t.teardown(() => agent.destroy())
  const { port } = new URL(server.url)
  const outcomes = new Map<string, number>()
  const post = (username: string): Promise<string> =>
    new Promise((resolve) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const sent = request({ port, host: '127.0.0.1', path: '/token', method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(String(answer.statusCode)))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      sent.end(new URLSearchParams({ grant_type: 'password', ...credentials(username) }).toString())
    })
  let isOver = false
  const worker = async (username: string): Promise<void> => {
    while (!isOver) {
      const outcome = await post(username)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  const workers = ['ann', 'ben', 'cat', 'dan', 'ann', 'ben', 'cat', 'dan'].map(worker)
  const reloads = async (): Promise<number> =>
    JSON.parse(await readFile(join(server.folder, 'data/latchkey.pid'), 'utf8')).reloads
  for (let number = 1; number <= 20; number++) {
    await server.configure(yaml(number))
    server.child.kill('SIGHUP')
    if (number % 5 === 0) server.child.kill('SIGHUP')
    while ((await reloads()) < number) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  isOver = true
  await Promise.all(workers)
  t.same([...outcomes.keys()], ['200'], `${outcomes.get('200')} logins`)
  await server.says(/(?:"event":"reloaded"[\s\S]*?){20}/)
  t.notMatch(server.said(), /it (is|was) closed/)
  const status = await (await fetch(`${server.url}/status`)).json()
  t.same(
    (status as { backends: Array<{ id: string }> }).backends.map(({ id }) => id),
    ['a', 'b20']
  )
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  t.equal(metrics.match(/^latchkey_backend_up/gm)?.length, 2)
  t.equal(await server.end(), 0)
})

t.test('a signal that comes while the service starts is followed once it listens', async (t) => {
  const folder = await temporaryFolder(t)
  const slowly = "process.stderr.write('importing'); await new Promise((resolve) => setTimeout(resolve, 1000))"
  await writeFile(join(folder, 'company.ts'), `${company}\n${slowly}`)
  await writeFile(join(folder, 'latchkey.yaml'), `${base}backends: [${backend('first', 'ann')}]\n`)
  const server = start(t, ['serve'], folder, { LATCHKEY_PORT: String(await freePort()) })
  await server.says('importing')
  server.child.kill('SIGHUP')
  server.child.kill('SIGHUP')
  await server.says('listening')
  await server.says('"event":"reloaded"')
  t.equal(await server.end(), 0)
  t.equal(server.said().match(/"event":"reloaded"/g)?.length, 1)
})

t.test('a reload while an issuer is down keeps its last good keys, and another place of keys does not', async (t) => {
  const key = await issuerKey('one')
  const issuer = await startIssuer(t, key)
  const jwt = (more: string) =>
    `backends: [{ id: sso, type: jwt, issuer: "${issuer.url}", audiences: [${clientAtIssuer}]${more} }]\n`
  const server = await serve(t, jwt(''))
  const exchange = async () => {
    const grant_type = 'urn:ietf:params:oauth:grant-type:token-exchange'
    const subject_token_type = 'urn:ietf:params:oauth:token-type:jwt'
    const { status } = await server.token({ grant_type, subject_token_type, subject_token: await issuer.token() })
    return status
  }
  t.equal(await exchange(), 200)
  issuer.instead = (_request, response) => response.writeHead(503).end()
  await server.configure(jwt(', grants: [blog.add_post]'))
  t.equal((await server.reload()).code, 0)
  t.equal(await exchange(), 200)
  t.match(server.said(), 'issuer_keys_unavailable', 'though it was asked again')
  await server.configure(jwt(`, algorithms: [ES256], jwks: "${issuer.url}/others"`))
  t.equal((await server.reload()).code, 0)
  t.equal(await exchange(), 503)
})

t.test('a reload while a directory hangs waits for nobody', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : 0
  const ldap = `{ id: corp, type: ldap, servers: ["ldap://127.0.0.1:${port}"], insecure: true, users: [{ base: "dc=x", filter: "(uid={username})" }] }`
  const server = await serve(t, `backends: [${ldap}, ${backend('a', 'ann')}]\n`)
  const waiting = server.token(credentials('ann'))
  await once(silent, 'connection')
  await server.configure(`backends: [${backend('a', 'ann')}]\n`)
  t.equal((await server.reload()).code, 0)
  t.equal((await server.token(credentials('ann'))).status, 200)
  t.equal((await waiting).status, 200, 'the login under way ends as it began')
  t.equal(await server.end(), 0)
})

/** What lasts over a reload, whatever the database is. */
async function countersGoOn(t: Test, database = ''): Promise<void> {
  const yaml = (max: number, ...people: string[]) =>
    `limits: { ip: { max: ${max}, window: 1h }, account: false }\nbackends: [${people.map((name) => backend(name, name))}]\n`
  const head = `publicClient: true\nlogin: { failureFloor: 1ms }\n${database}`
  const server = await serve(t, yaml(6, 'ann', 'bob'), head)
  const bob = (await server.token(credentials('bob'))).body
  const ann = (await server.token(credentials('ann'))).body
  await server.configure(yaml(6, 'ann', 'cid'))
  t.same(await server.reload(), { code: 0, stdout: 'reloaded\n', stderr: '' })
  const refresh = async ({ refresh_token = '' }: Record<string, string>) =>
    (await server.token({ grant_type: 'refresh_token', refresh_token })).status
  t.equal(await refresh(bob), 400, 'its backend left')
  t.equal(await refresh(ann), 200)
  t.equal((await server.token(credentials('cid'))).status, 200)
  t.equal((await server.token(credentials('cid'))).status, 200, 'the sixth in this hour')
  t.match(await server.token(credentials('cid')), { status: 429, body: { error: 'slow_down' } }, 'counted from before')
  t.equal((await server.reload()).code, 0)
  t.equal((await server.token(credentials('cid'))).status, 429)
  await server.configure(yaml(7, 'ann', 'cid'))
  t.equal((await server.reload()).code, 0)
  t.equal((await server.token(credentials('cid'))).status, 200, 'another limit begins anew')
  t.equal(await server.end(), 0)
}

t.test('sessions and the counters of addresses go on over a reload, on SQLite', (t) => countersGoOn(t))
t.test('the same on MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const database = await startMariadb()
  t.teardown(() => database.stop())
  const url = await database.database('reloaded')
  const head = `secret: a secret of at least thirty-two bytes\ndatabase: { url: "${url}" }\n`
  await countersGoOn(t, head)
  const server = await serve(t, `backends: [${backend('a', 'ann')}]\n`, head)
  await database.kill()
  const refused = await server.reload()
  t.equal(refused.code, 1)
  t.match(refused.stderr, /^the configuration stays as it was\nThe service cannot answer at the moment: .*ECONNREFUSED/)
})
