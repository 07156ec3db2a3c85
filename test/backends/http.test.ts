import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import type { AuthenticateContext, Backend, TraceStep } from '../../src/auth/backend.ts'
import type { BackendTools } from '../../src/auth/define-backend.ts'
import { httpBackend } from '../../src/backends/http/index.ts'
import { httpMistakes } from '../../src/backends/http/options.ts'
import { signatureOf } from '../../src/backends/http/signature.ts'
import { BackendUnavailable, SlowDown } from '../../src/errors.ts'
import { fakeBackendTools } from '../auth/fakes.ts'
import { claimsOf, openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { createCertificates } from '../servers/certificates.ts'
import { answerJson, startFakeService, startSampleService } from '../servers/http-service.ts'
import { startProxy } from '../servers/proxy.ts'

const root = new URL('../../', import.meta.url).pathname
const secret = 'a secret of the two, thirty-two bytes and more'
const password = 'canary-correct-horse'
const alice = { subject: '7', username: 'alice', email: 'alice@example.com' }
const log = { debug() {}, info() {}, warn() {}, error() {} }

type Options = Parameters<typeof httpBackend.open>[1]
type Opened = Backend & Required<Pick<Backend, 'identity' | 'permissions' | 'probe'>>

function open(t: Test, options: Options, tools: Partial<BackendTools> = {}): Opened {
  const backend = httpBackend.open('accounts', options, fakeBackendTools(tools))
  t.teardown(() => backend.close?.())
  const { identity, permissions, probe } = backend
  if (!identity || !permissions || !probe) throw new Error('the backend http answers all questions')
  return { ...backend, identity, permissions, probe }
}

const context = (more: Partial<AuthenticateContext> = {}, ms = 2000): AuthenticateContext => ({
  signal: AbortSignal.timeout(ms),
  remainingMs: () => ms,
  ...{ log, clientId: 'blog', ip: '192.0.2.7' },
  found: async () => {},
  verifyPassword: async () => false,
  ...more
})

const logIn = (backend: Backend, more: Partial<AuthenticateContext> = {}, ms?: number) =>
  backend.authenticate({ kind: 'password', username: 'alice', password }, context(more, ms))

const failed = async (question: Promise<unknown>): Promise<BackendUnavailable> => {
  const error = await question.then(
    (answer) => new Error(`answered ${JSON.stringify(answer)}`),
    (error: unknown) => error
  )
  if (!(error instanceof BackendUnavailable)) throw error
  return error
}

t.test('each status is its verdict, and what it says reaches the core', async (t) => {
  let next: readonly [number, unknown] = [200, {}]
  const service = await startFakeService(t, (_, response) => answerJson(response, ...next))
  const backend = open(t, { url: service.url, secret })
  const found: string[] = []
  const ask = (status: number, content: unknown = {}) => {
    next = [status, content]
    found.length = 0
    return logIn(backend, { found: async (subject) => void found.push(subject) })
  }
  matchLists(t, await ask(200, alice), {
    outcome: 'accepted',
    identity: { subject: '7', emails: ['alice@example.com'] }
  })
  t.same(found, ['7'])
  t.same(await ask(401, { subject: '7' }), { outcome: 'rejected', reason: 'wrong-password' })
  t.same(found, ['7'], 'all login names of an account share one counter')
  t.same(await ask(401), { outcome: 'rejected', reason: 'wrong-password' })
  t.same(found, ['name:alice'], 'and where the service does not say whose it is, the name has one')
  t.same(await ask(403), { outcome: 'denied', reason: 'not-allowed' })
  t.same(await ask(404), { outcome: 'unknown' })
  t.same(found, [])
  t.same(await ask(423), { outcome: 'denied', reason: 'locked' })
  for (const state of ['disabled', 'locked', 'expired', 'password-expired', 'must-change-password']) {
    t.same(await ask(423, { subject: '7', state }), { outcome: 'denied', reason: state, subject: '7' })
  }
  for (const status of [201, 202, 204, 301, 302, 307, 400, 402, 405, 409, 418, 429, 500, 502, 503]) {
    t.equal((await failed(ask(status, alice))).reason, 'status', `${status}`)
  }
  const locked = new SlowDown(9)
  next = [401, { subject: '7' }]
  await t.rejects(logIn(backend, { found: async () => Promise.reject(locked) }), locked, 'a lock passes through')

  const asked = (status: number, content: unknown = {}) => {
    next = [status, content]
    return backend.identity('7', context())
  }
  t.match(await asked(200, alice), { state: 'present', identity: { subject: '7' } })
  t.same(await asked(404), { state: 'gone' })
  t.same(await asked(403), { state: 'disabled', reason: 'not-allowed' })
  t.same(await asked(423, { state: 'expired' }), { state: 'disabled', reason: 'expired' })
  t.equal((await failed(asked(401))).reason, 'status', 'there is no password to be wrong')
  t.equal((await failed(asked(200, { ...alice, subject: '8' }))).reason, 'protocol', 'somebody else is no answer')
  next = [404, {}]
  await t.resolves(backend.probe(context()), 'a service that knows nobody of the kind answers')
  next = [400, {}]
  t.equal((await failed(backend.probe(context()))).reason, 'status')
})

t.test('questions are what the contract says, to the URL of the configuration alone', async (t) => {
  const document = parse(readFileSync(join(root, 'docs/backends/http.openapi.yaml'), 'utf8'))
  const ajv = new Ajv2020({ strict: false, discriminator: false })
  ajv.addSchema(document, 'contract')
  const service = await startFakeService(t, ({ json }, response) =>
    answerJson(
      response,
      200,
      json.operation === 'permissions' ? { permissions: ['blog.add_post'], groups: ['a'] } : alice
    )
  )
  const backend = open(t, { url: `${service.url}?tenant=1`, secret })
  const username = '../../admin?x=1#\u{1f600}%00&subject=8'
  await backend.authenticate({ kind: 'password', username, password }, context())
  await backend.identity('7', context())
  await backend.permissions({ subject: '7' }, context())
  await backend.permissions({ subject: '7', object: { type: 'post', id: '4/2' } }, context())
  await backend.permissions({ subject: null }, context())
  t.same(
    service.questions.map(({ json }) => json),
    [
      { operation: 'authenticate', username, password, client: 'blog', ip: '192.0.2.7' },
      { operation: 'identity', subject: '7' },
      { operation: 'permissions', subject: '7' },
      { operation: 'permissions', subject: '7', object: { type: 'post', id: '4/2' } },
      { operation: 'permissions', subject: null }
    ]
  )
  const names = ['Authenticate', 'Identity', 'Permissions', 'Permissions', 'Permissions']
  for (const [at, { request, json, body }] of service.questions.entries()) {
    t.equal(request.url, '/accounts?tenant=1')
    t.equal(request.method, 'POST')
    t.match(request.headers, { 'content-type': 'application/json', accept: 'application/json' })
    const timestamp = Number(request.headers['latchkey-timestamp'])
    t.ok(Math.abs(timestamp - Date.now() / 1000) < 10)
    t.match(request.headers, signatureOf(secret, body, timestamp * 1000))
    const fits = ajv.getSchema(`contract#/components/schemas/${names[at]}Question`)
    t.ok(fits?.(json), `${names[at]} as the document has it`)
  }
  t.notOk(service.questions.some(({ request }) => inspect(request.headers).includes('admin')))
})

t.test('the signature is the one that openssl makes', async (t) => {
  const body = '{"operation":"identity","subject":"Zoë"}'
  const { 'latchkey-timestamp': timestamp, 'latchkey-signature': signature } = signatureOf(
    secret,
    body,
    1_795_310_787_999
  )
  t.equal(timestamp, '1795310787')
  const input = `${timestamp}.${body}`
  const made = execFileSync('openssl', ['dgst', '-sha256', '-hmac', secret], { input, encoding: 'utf8' })
  t.equal(signature, `v1=${made.trim().split('= ')[1]}`)
  t.equal(signature, 'v1=344d4ec8e3c5aa5721309b140f273e77c18eb71231ea596b488d4b9599761372')
})

t.test('an identity: fields by their names, one’s own where they are declared, null as if left out', async (t) => {
  let answer: object = {}
  const service = await startFakeService(t, (_, response) => answerJson(response, 200, answer))
  const attributes = { department: 'orgUnit', firstName: 'given_name', email: 'mail' }
  const backend = open(t, { url: service.url, secret, attributes }, { userFields: ['department', 'floor', 'active'] })
  const identityOf = async (given: object) => {
    answer = given
    const verdict = await logIn(backend)
    return verdict.outcome === 'accepted' ? verdict.identity : undefined
  }
  t.same(
    await identityOf({
      ...{ subject: '7', username: 'alice', mail: ['a@example.com', 'b@example.com'], emailVerified: false },
      ...{
        given_name: 'Alice',
        lastName: null,
        orgUnit: 'HR',
        floor: 3,
        active: true,
        isSuperuser: true,
        more: { x: 1 }
      }
    }),
    {
      ...{ subject: '7', username: 'alice', emails: ['a@example.com', 'b@example.com'], emailVerified: false },
      attributes: { firstName: 'Alice', department: 'HR', floor: 3, active: true }
    }
  )
  t.same(await identityOf({ subject: '7', username: null, mail: null }), {
    ...{ subject: '7', username: '7', emails: [], attributes: {} }
  })
  const wrong: object[] = [
    {},
    { subject: 7 },
    { subject: '' },
    { subject: 'x'.repeat(256) },
    { subject: 'ä'.repeat(200) },
    { subject: 'a\u0000' },
    { ...alice, username: 1 },
    { ...alice, username: 'a\nb' },
    { ...alice, mail: 7 },
    { ...alice, mail: ['a@example.com', 7] },
    { ...alice, mail: { value: 'canary-value' } },
    { ...alice, emailVerified: 'yes' },
    { ...alice, given_name: ['Alice'] },
    { ...alice, floor: { x: 1 } },
    { ...alice, permissions: 'blog.add_post' },
    { ...alice, permissions: ['blog.add_post canary-value'] },
    { ...alice, permissions: [7] },
    { ...alice, groups: ['a\r\nb'] },
    { ...alice, groups: { 0: 'a' } }
  ]
  for (const given of wrong) {
    const error = await failed(identityOf(given))
    t.equal(error.reason, 'protocol', JSON.stringify(given).slice(0, 80))
    t.notMatch(inspect(error), 'canary-value', 'the reason names the place, not the value')
    t.match(inspect(error), /as documented: \/|subject is over-long/)
  }
})

t.test('permissions come with the identity, or are asked for; about an object always', async (t) => {
  const service = await startFakeService(t, ({ json }, response) =>
    json.subject === 'gone'
      ? response.writeHead(404).end()
      : answerJson(response, 200, { permissions: ['blog.add_post'], groups: ['editors'] })
  )
  const backend = open(t, { url: service.url, secret })
  const identity = { subject: '7', username: 'a', emails: [], attributes: {} }
  const native = { permissions: ['shop.buy'], groups: ['buyers'] }
  t.same(await backend.permissions({ subject: '7', identity: { ...identity, native } }, context()), {
    grants: [{ permission: 'shop.buy', origin: 'the HTTP service' }],
    groups: ['buyers']
  })
  t.equal(service.questions.length, 0)
  const asked = { grants: [{ permission: 'blog.add_post', origin: 'the HTTP service' }], groups: ['editors'] }
  t.same(await backend.permissions({ subject: '7', identity }, context()), asked)
  const object = { type: 'post', id: '1' }
  t.same(await backend.permissions({ subject: '7', identity: { ...identity, native }, object }, context()), asked)
  t.same(await backend.permissions({ subject: 'gone' }, context()), { grants: [], known: false })
  t.equal(service.questions.length, 3)
})

t.test('what is no whole JSON answer of 64 KiB is no answer, and leads nowhere', async (t) => {
  const elsewhere = await startFakeService(t, (_, response) => answerJson(response, 200, alice))
  const json = JSON.stringify(alice)
  const type = { 'content-type': 'application/json' }
  const bomb = gzipSync(Buffer.alloc(50_000_000, 32))
  const answers: Record<string, [reason: string, status: number, headers: object, body: string | Buffer]> = {
    'another type': ['protocol', 200, { 'content-type': 'text/html' }, json],
    'a type that only begins so': ['protocol', 200, { 'content-type': 'application/json-seq' }, json],
    'problem details': ['protocol', 200, { 'content-type': 'application/problem+json' }, json],
    'another charset': ['protocol', 200, { 'content-type': 'application/json; charset=latin1' }, json],
    'no type': ['protocol', 200, {}, json],
    'an error page that says 404': ['protocol', 404, { 'content-type': 'text/html' }, '<h1>Not found</h1>'],
    'an error page that says 401': ['protocol', 401, { 'content-type': 'text/plain' }, 'who are you?'],
    nothing: ['protocol', 200, type, ''],
    'no JSON': ['protocol', 200, type, '{"subject":'],
    'a list': ['protocol', 200, type, `[${json}]`],
    'a text': ['protocol', 200, type, '"alice"'],
    null: ['protocol', 200, type, 'null'],
    'no UTF-8': ['protocol', 200, type, Buffer.from('{"subject":"\xff"}', 'latin1')],
    'a bomb': ['protocol', 200, { ...type, 'content-encoding': 'gzip' }, bomb],
    'a small one': ['protocol', 200, { ...type, 'content-encoding': 'gzip' }, gzipSync(json)],
    'more than 64 KiB': ['size-limit', 200, type, `${json}${' '.repeat(65_536)}`],
    'more than 64 KiB of an error': ['size-limit', 500, type, ' '.repeat(70_000)],
    'a redirect': ['status', 307, { location: elsewhere.url }, ''],
    'another one': ['status', 302, { location: elsewhere.url, ...type }, json]
  }
  let next: readonly [number, object, string | Buffer] = [200, {}, '']
  const service = await startFakeService(t, (_, response) => {
    const [status, headers, body] = next
    response.writeHead(status, headers as Record<string, string>).end(body)
  })
  const backend = open(t, { url: service.url, secret })
  for (const [name, [reason, ...answer]] of Object.entries(answers)) {
    next = answer
    const error = await failed(logIn(backend))
    t.equal(error.reason, reason, name)
  }
  t.equal(elsewhere.questions.length, 0)
  const padded = `${json.slice(0, -1)}${' '.repeat(65_536 - json.length)}}`
  for (const content of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"', 'application/json']) {
    next = [200, { 'content-type': content }, padded]
    t.match(await logIn(backend), { outcome: 'accepted' }, `${content}, and 64 KiB`)
  }
  next = [404, {}, '']
  t.same(await logIn(backend), { outcome: 'unknown' }, 'a bare status says enough')
})

t.test('a network that fails: no verdict, in time, and whole again afterwards', async (t) => {
  const service = await startFakeService(t, (_, response) => answerJson(response, 200, alice))
  const proxy = await startProxy(t, service.port)
  const backend = open(t, { url: `http://127.0.0.1:${proxy.port}/accounts`, secret })
  t.match(await logIn(backend), { outcome: 'accepted' })
  const faults = [
    [{ kind: 'drop' }, 'timeout'],
    [{ kind: 'delay', ms: 5000 }, 'timeout'],
    [{ kind: 'half' }, 'timeout'],
    [{ kind: 'throttle', bytesPerSecond: 60 }, 'timeout'],
    [{ kind: 'reset' }, 'closed'],
    [{ kind: 'garbage', bytes: 'SSH-2.0-OpenSSH_9\r\n\r\n' }, 'protocol'],
    [{ kind: 'garbage', bytes: `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}` }, 'protocol'],
    [{ kind: 'garbage', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\n{}' }, 'protocol']
  ] as const
  for (const [fault, reason] of faults) {
    proxy.set(fault)
    const error = await failed(logIn(backend, {}, 300))
    t.equal(error.reason, reason, JSON.stringify(fault).slice(0, 60))
    for (const canary of [password, secret]) t.notMatch(inspect(error, { depth: 20, showHidden: true }), canary)
    proxy.set({ kind: 'pass' })
    t.match(await logIn(backend), { outcome: 'accepted' }, 'and again')
  }
  proxy.set({ kind: 'delay', ms: 50 })
  t.match(await logIn(backend), { outcome: 'accepted' }, 'slow is not dead')
  proxy.set({ kind: 'pass' })
  await Promise.all(Array.from({ length: 200 }, () => logIn(backend)))
  t.ok(proxy.connections().open <= 64, 'no more connections than that')
  await service.stop()
  t.equal((await failed(logIn(open(t, { url: service.url, secret })))).reason, 'connect')
})

t.test('TLS: an authority of one’s own, the name in the certificate, and a certificate of ours', async (t) => {
  const folder = await temporaryFolder(t)
  const [server, client, other] = [
    await createCertificates(folder),
    await createCertificates(folder, { prefix: 'client' }),
    await createCertificates(folder, { prefix: 'other', names: 'DNS:elsewhere.example' })
  ]
  const listen = async (files: typeof server) => {
    const read = (name: string) => readFileSync(name)
    const settings = { cert: read(files.cert), key: read(files.key), ca: read(client.ca), requestCert: true }
    const https = createTlsServer({ ...settings, rejectUnauthorized: true }, (request, response) => {
      request.resume()
      answerJson(response, 200, alice)
    })
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      https.close()
      https.closeAllConnections()
    })
    const address = https.address()
    return `https://localhost:${typeof address === 'object' ? address?.port : ''}/accounts`
  }
  const url = await listen(server)
  const mine = { cert: client.cert, key: client.key }
  t.match(await logIn(open(t, { url, tls: { ca: server.ca, ...mine } })), { outcome: 'accepted' })
  t.equal((await failed(logIn(open(t, { url, tls: mine })))).reason, 'tls', 'an authority that nobody trusts')
  t.match((await failed(logIn(open(t, { url, tls: { ca: server.ca } })))).reason, /tls|closed/, 'without ours')
  t.equal((await failed(logIn(open(t, { url, tls: { ca: join(folder, 'none'), ...mine } })))).reason, 'tls')
  const elsewhere = await listen(other)
  t.equal((await failed(logIn(open(t, { url: elsewhere, tls: { ca: other.ca, ...mine } })))).reason, 'tls', 'the name')
  const named = { ca: other.ca, ...mine, serverName: 'elsewhere.example' }
  t.match(await logIn(open(t, { url: elsewhere, tls: named })), { outcome: 'accepted' })
})

t.test('unsafe options are mistakes', async (t) => {
  const url = 'https://accounts.example.com/latchkey'
  const mistakes = (options: Partial<Options>) => httpMistakes({ url, secret, ...options }).map(({ path }) => path)
  t.same(mistakes({}), [])
  t.same(mistakes({ url: 'http://localhost:9/', tls: undefined as never }), [])
  for (const wrong of ['http://accounts.example.com', 'ftp://localhost', 'accounts', 'http://127.0.0.1.example.com']) {
    t.same(mistakes({ url: wrong }), ['/url'], wrong)
  }
  t.same(mistakes({ url: 'https://alice:x@example.com/' }), ['/url'])
  t.same(mistakes({ url: `${url}#x` }), ['/url'])
  t.same(mistakes({ secret: 'short' }), ['/secret'])
  t.same(
    httpMistakes({ url }).map(({ path }) => path),
    ['/secret']
  )
  t.same(httpMistakes({ url, tls: { cert: 'a', key: 'b' } }), [])
  t.same(httpMistakes({ url: 'http://127.0.0.1:9/' }), [])
  t.same(mistakes({ tls: { cert: 'a' } }), ['/tls/cert'])
  t.same(mistakes({ tls: { key: 'a' } }), ['/tls/key'])
  t.same(mistakes({ url: 'http://localhost:9', tls: { ca: 'a' } }), ['/tls'])
})

t.test('the contract is published, linted, and what the schemas say', async (t) => {
  const name = 'docs/backends/http.openapi.yaml'
  const before = readFileSync(join(root, name), 'utf8')
  await import('../../scripts/http-openapi.ts')
  t.equal(readFileSync(join(root, name), 'utf8') === before, true, 'else: npm run generate')
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NODE_OPTIONS: '' }
  const redocly = join(root, 'node_modules/.bin/redocly')
  const linted = spawnSync(redocly, ['lint', '--config', 'redocly.yaml', name], { encoding: 'utf8', env, cwd: root })
  t.equal(linted.status, 0, linted.stdout + linted.stderr)
  const page = readFileSync(join(root, 'docs/backends/http.md'), 'utf8')
  const reasons = /type FailureReason =([^\n]+)/.exec(readFileSync(join(root, 'src/backends/http/failure.ts'), 'utf8'))
  for (const [, reason] of (reasons?.[1] ?? '').matchAll(/'([\w-]+)'/g)) t.match(page, `\n| \`${reason}\` |`)
})

t.test('in the chain: one person, lock-out, refresh, explain, and nothing secret in the log', async (t) => {
  const service = await startSampleService(t, secret)
  const proxy = await startProxy(t, service.port)
  const yaml = `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: { failures: 3, window: 1h } }
backends:
  - { id: accounts, type: http, url: "http://127.0.0.1:${proxy.port}/", secret: "\${SECRET}", email: { domains: [example.com] }, grants: [intranet.read] }
  - { id: local, type: local }
`
  const latchkey = await openTestLatchkey(t, yaml, { SECRET: secret })
  const { token } = latchkey
  const answer = await token({ grant_type: 'password', username: 'alice', password: 'wonderland' })
  t.equal(answer.statusCode, 200, answer.body)
  const { access_token, refresh_token } = answer.json()
  t.match(claimsOf(access_token), {
    ...{ email: 'alice@example.com', email_verified: true, name: 'Alice Example', backend: 'accounts' },
    ...{ permissions: ['blog.add_post', 'intranet.read'], groups: ['editors'] }
  })
  const refreshed = await token({ grant_type: 'refresh_token', refresh_token })
  t.equal(refreshed.statusCode, 200)
  matchLists(t, claimsOf(refreshed.json().access_token), { permissions: ['blog.add_post', 'intranet.read'] })

  const seen: TraceStep[] = []
  const link = latchkey.login.chain[0]
  await link?.backend.probe?.(context({ trace: (step) => void seen.push(step) }))
  matchLists(t, seen, [{ step: 'request', outcome: 'ok', text: `POST http://127.0.0.1:${proxy.port}/ identity: 404` }])

  t.equal((await token({ grant_type: 'password', username: 'bob', password: 'looking-glass' })).statusCode, 400)

  proxy.set({ kind: 'reset' })
  for (let n = 0; n < 5; n++) {
    t.equal((await token({ grant_type: 'password', username: 'alice', password: 'wrong-canary' })).statusCode, 503)
  }
  t.equal(
    (await token({ grant_type: 'refresh_token', refresh_token: refreshed.json().refresh_token })).statusCode,
    503,
    'an outage ends no session'
  )
  t.match(link?.breaker.status(), { lastError: 'closed' })
  const status = (await latchkey.app.inject('/status')).json()
  matchLists(t, status, { status: 'degraded', backends: [{ id: 'accounts', type: 'http' }, {}] })
  t.match((await latchkey.app.inject('/metrics')).body, /latchkey_backend_duration_seconds_count\{.*backend="accounts"/)
  proxy.set({ kind: 'pass' })
  for (const canary of [secret, 'wonderland', 'wrong-canary', 'looking-glass']) t.notMatch(latchkey.log(), canary)
})

t.test('failures that the service told count, by any name of the account', async (t) => {
  const service = await startFakeService(t, ({ json }, response) =>
    json.password === 'right' ? answerJson(response, 200, alice) : answerJson(response, 401, { subject: '7' })
  )
  const yaml = `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: { failures: 3, window: 1h } }
backends: [{ id: accounts, type: http, url: "${service.url}" }]
`
  const { token } = await openTestLatchkey(t, yaml)
  const statuses: number[] = []
  for (const username of ['alice', 'a.liddell', 'alice@example.com', 'ALICE L', 'liddell']) {
    statuses.push((await token({ grant_type: 'password', username, password: 'wrong' })).statusCode)
  }
  t.same(statuses, [400, 400, 400, 429, 429])
  const right = await token({ grant_type: 'password', username: 'yet-another', password: 'right' })
  t.equal(right.statusCode, 429, 'and the right password is none either while it is locked')
})
