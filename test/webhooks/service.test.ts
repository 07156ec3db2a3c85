import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { eventTypes } from '../../src/auth/events.ts'
import { backendDefinitions as definitions } from '../../src/backends/index.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { type Received, startReceiver } from '../servers/receiver.ts'
import { setActive } from '../store/acts.ts'

const run = promisify(execFile)
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const password = 'a password of bob, quite long'
const { webhooks: documented } = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } })

const eventOf = ({ body, headers }: Received) => {
  const event = new Webhook(secret).verify(body, headers as Record<string, string>) as { type: string; data: object }
  const { schema } = documented[event.type].post.requestBody.content['application/json']
  if (!ajv.validate(schema, event)) throw new Error(`${body}: ${ajv.errorsText()}`)
  return event
}

const yaml = (hooks: string) => `
publicClient: true
secret: a secret of at least thirty-two bytes
login: { failureFloor: 1ms }
limits: { ip: false, account: { failures: 2 } }
backends: [{ id: local, type: local }, { id: fixed, type: static, users: [{ username: bob, email: bob@example.com, password: "${password}" }] }]
webhooks: ${hooks}
`
const hook = (url: string, id = 'crm', more = '') =>
  `{ id: ${id}, url: "${url}", secret: ${secret}, allowPrivate: [127.0.0.0/8]${more} }`

t.test('the receiver in docs/webhooks.md takes what is sent, and nothing else', async (t) => {
  const page = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8')
  const [, code = ''] = /^```js\n([\s\S]*?)^```$/m.exec(page) ?? []
  const receiver = await startReceiver(t)
  const latchkey = await openTestLatchkey(t, yaml(`[${hook(receiver.url)}]`))
  await latchkey.addUser({ email: 'ann@example.com', password })
  await receiver.got(1)
  const [{ body, headers } = { body: '', headers: {} }] = receiver.received
  const take = (text: string) => {
    const call = `const [body, headers] = JSON.parse(process.env.MESSAGE)\nconsole.log(take(body, headers))`
    const env = { PATH: process.env.PATH ?? '', CRM_WEBHOOK_SECRET: secret, MESSAGE: JSON.stringify([text, headers]) }
    return run(process.execPath, ['--input-type=module', '--eval', `${code}\n${call}`], { env })
  }
  t.equal((await take(body)).stdout, 'user.created ann@example.com\n')
  await t.rejects(take(body.replace('ann@', 'eve@')), /WebhookVerificationError|No matching signature/)
})

t.test('every event is documented', async (t) => {
  t.same(Object.keys(documented), [...eventTypes])
})

/** What happens through any door is told, as documented, and administrators see what became of it. */
async function told(t: Test, database = ''): Promise<void> {
  const receiver = await startReceiver(t)
  const latchkey = await openTestLatchkey(t, yaml(`[${hook(receiver.url)}]`) + database)
  const { app, token, addUser, accessToken } = latchkey
  await addUser({ email: 'root@example.com', password, superuser: true })
  const root = await accessToken('root@example.com', password)
  await accessToken('bob', password)
  await receiver.got(3)
  const types = () => receiver.received.map((message) => eventOf(message).type)
  t.same(types(), ['user.created', 'user.joined', 'user.created'])
  t.match(eventOf(receiver.received[2] as Received).data, { user: { email: 'bob@example.com' }, backend: 'fixed' })

  for (let n = 0; n < 4; n++) await token({ grant_type: 'password', username: 'bob', password: 'wrong, canary' })
  await receiver.got(4)
  t.match(eventOf(receiver.received[3] as Received), {
    type: 'account.locked',
    data: { user: { email: 'bob@example.com' }, backend: 'fixed', failures: 2, ip: '127.0.0.1' }
  })
  for (let n = 0; n < 4; n++) await token({ grant_type: 'password', username: 'nobody', password: 'canary' })

  const bearer = { authorization: `Bearer ${root}` }
  const get = async (url: string) => (await app.inject({ url, headers: bearer })).json()
  const post = async (url: string, payload: object = {}) =>
    app.inject({ method: 'POST', url, headers: bearer, payload })
  const rotated = await post('/admin/keys/rotate', { now: true })
  t.equal(rotated.statusCode, 200)
  await receiver.got(5)
  t.equal(eventOf(receiver.received[4] as Received).type, 'key.rotated')
  t.notMatch(JSON.stringify(receiver.received), /canary|argon2|a password/)

  receiver.answer((response) => response.writeHead(500).end())
  await post('/admin/users', { email: 'new@example.com' })
  await receiver.got(6)
  const waiting = async () => (await get('/admin/webhooks/deliveries?state=waiting&endpoint=crm')).items
  while ((await waiting())[0]?.lastStatus !== 500) await sleep(20)
  const [delivery] = await waiting()
  t.match(delivery, { endpoint: 'crm', type: 'user.created', attempts: 1, lastError: 'status', payload: { data: {} } })
  t.match((await get('/admin/webhooks')).items, [
    { id: 'crm', origin: `http://127.0.0.1:${receiver.port}`, disabled: false, waiting: 1, dead: 0 }
  ])
  t.notMatch(JSON.stringify(await get('/admin/webhooks')), /whsec|hook"/)
  const typesBy = async (query: string) =>
    (await get(`/admin/webhooks/deliveries?${query}`)).items.map(({ type }: { type: string }) => type)
  t.same(await typesBy('search=user.c&state=waiting'), ['user.created'])
  t.same(await typesBy('search=key.&endpoint=crm'), ['key.rotated'])
  for (const none of ['search=User.', 'search=%25', 'search=user.c&endpoint=erp', 'search=key.&state=waiting'])
    t.same(await typesBy(none), [], none)
  const [first, ...others] = (await get('/admin/webhooks/deliveries?search=user.')).items
  const page = await get('/admin/webhooks/deliveries?search=user.&limit=1')
  t.same(page.items, [first])
  t.same((await get(`/admin/webhooks/deliveries?search=user.&cursor=${page.next}`)).items, others)
  const nothing = await app.inject({ url: '/admin/webhooks/deliveries?search=', headers: bearer })
  t.equal(nothing.statusCode, 400)
  const url = `/admin/webhooks/deliveries/${delivery.id}`
  t.equal((await post(`${url}/retry`)).statusCode, 404, 'it waits already')
  t.equal((await app.inject({ method: 'DELETE', url, headers: bearer })).statusCode, 204)
  t.equal((await app.inject({ url, headers: bearer })).statusCode, 404)
  t.match((await app.inject('/metrics')).body, /latchkey_webhook_tries_total\{endpoint="crm",outcome="delivered"\} 5/)
}

t.test('what happens through any door is told, and administrators see it, on SQLite', (t) => told(t))
t.test('the same on MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const server = await startMariadb()
  t.teardown(() => server.stop())
  await told(t, `database: { url: "${await server.database('told')}" }`)
})

t.test('another configuration swaps webhooks, and without any nothing is written', async (t) => {
  const [one, two] = [await startReceiver(t), await startReceiver(t)]
  const latchkey = await openTestLatchkey(t, yaml(`[${hook(one.url, 'one')}]`))
  const configOf = async (text: string) => {
    const path = join(latchkey.folder, 'latchkey.yaml')
    await writeFile(path, text)
    return readConfig({ path, env: {}, definitions, cwd: latchkey.folder })
  }
  await latchkey.addUser({ email: 'one@example.com' })
  await one.got(1)
  const second = await latchkey.next(
    await configOf(yaml(`[${hook(two.url, 'two', ', events: [user.created]')}]`)),
    latchkey
  )
  await latchkey.retire(second)
  const user = await latchkey.addUser({ email: 'two@example.com' })
  await setActive(latchkey.store, user, false, Date.now())
  await two.got(1)
  const third = await latchkey.next(await configOf(yaml('[]')), second)
  await second.retire(third)
  await latchkey.addUser({ email: 'three@example.com' })
  await third.retire()
  t.same([one.received.length, two.received.length], [1, 1])
  t.equal((await latchkey.store.deliveries.list({ limit: 10 })).length, 2)
})

t.test('what the command line does is told by the server, also after kill -9 in the middle of a try', async (t) => {
  const receiver = await startReceiver(t)
  const folder = await temporaryFolder(t)
  const port = await freePort()
  await writeFile(join(folder, 'latchkey.yaml'), yaml(`[${hook(receiver.url, 'crm', ', timeout: 30s')}]`))
  const env = { LATCHKEY_PORT: String(port) }
  receiver.answer(() => {})
  const first = start(t, ['serve'], folder, env)
  await first.says('"msg"')
  t.equal((await command(t, ['users', 'create', 'ann@example.com'], folder, { env })).code, 0)
  await receiver.got(1)
  await first.end('SIGKILL')
  const list = async () => (await command(t, ['webhooks', 'list'], folder, { env })).stdout
  t.equal(await list(), `crm  http://127.0.0.1:${receiver.port}  1 waiting  0 delivered  0 dead\n`)
  const found = async (search: string) =>
    (await command(t, ['webhooks', 'list', '--search', search], folder, { env })).stdout
  t.same([await found('c'), await found('x')], [await list(), ''])
  receiver.answer((response) => response.writeHead(410).end())
  // its lease lasts a minute: nobody waits for that here
  const { DatabaseSync } = await import('node:sqlite')
  const direct = new DatabaseSync(join(folder, 'data/latchkey.db'), { timeout: 5000 })
  direct.exec('update latchkey_webhook_deliveries set due_at = 0')
  direct.close()
  const second = start(t, ['serve'], folder, env)
  await receiver.got(2)
  const [lost, again] = receiver.received.map(({ headers }) => headers['webhook-id'])
  t.equal(again, lost)
  while (!(await list()).includes('1 dead')) await sleep(20)
  const disabled = /^crm {2}\S+ {2}disabled {2}0 waiting {2}0 delivered {2}1 dead\n$/
  t.match(await list(), disabled)
  t.equal((await command(t, ['users', 'create', 'bob@example.com'], folder, { env })).code, 0)
  t.match(await list(), disabled, 'what wants no more is told nothing by the command line either')
  const cli = async (...args: string[]) => command(t, ['webhooks', ...args], folder, { env })
  const dead = await cli('dead', '--webhook', 'crm', '--json')
  t.match(JSON.parse(dead.stdout), { state: 'dead', attempts: 2, lastStatus: 410, payload: { type: 'user.created' } })
  t.equal((await cli('retry')).code, 2)
  t.equal((await cli('retry', 'none')).code, 1)
  t.equal((await cli('enable', 'other')).code, 1)
  receiver.answer((response) => response.writeHead(204).end())
  t.equal((await cli('enable', 'crm')).stdout, 'enabled crm\n')
  t.equal((await cli('retry', '--all')).stdout, 'retried 1\n')
  await receiver.got(3)
  t.equal(eventOf(receiver.received[2] as Received).type, 'user.created')
  t.equal((await cli('delete', '--all')).stdout, 'deleted 0\n')
  t.equal(await second.end(), 0)
})
