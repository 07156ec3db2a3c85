import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { backendDefinitions } from '../../src/backends/index.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { createDispatcher } from '../../src/http/dispatch.ts'
import { openLog } from '../../src/log.ts'
import { createReloader } from '../../src/reload.ts'
import { openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { serve } from '../serve.ts'
import { freePort } from '../servers/free-port.ts'
import { answerJson, startFakeService } from '../servers/http-service.ts'
import { type Collector, type ReceivedSpan, startCollector } from '../servers/otlp-collector.ts'

const password = 'canary-correct-horse-battery'
const secret = 'canary-secret-of-a-client-that-is-long-enough'
const email = 'canary.alice@example.com'

/** A service whose traces go to a collector, with one user. */
async function traced(
  t: Test,
  { more = '', otlp = '', env = {} }: { more?: string; otlp?: string; env?: Record<string, string> } = {}
): Promise<{ collector: Collector; latchkey: TestLatchkey; spans: () => Promise<ReceivedSpan[]> }> {
  const collector = await startCollector(t)
  const telemetry = `telemetry: { otlp: { endpoint: "${collector.url}", metrics: false${otlp} } }`
  const backends = /^backends:/m.test(more) ? '' : 'backends: [{ id: local, type: local }]'
  const yaml = `publicClient: true\nlogin: { failureFloor: 20ms }\n${backends}\n${telemetry}\n${more}`
  const latchkey = await openTestLatchkey(t, yaml, env)
  await latchkey.addUser({ email, password, permissions: ['blog.add_post'] })
  const spans = async () => {
    await latchkey.close()
    return collector.spans()
  }
  return { collector, latchkey, spans }
}

/** The spans of one trace as a tree of names, in the order in which they began. */
function treeOf(spans: readonly ReceivedSpan[], parent: string | undefined): unknown[] {
  return spans
    .filter((span) => span.parent === parent)
    .sort((a, b) => Number(a.start - b.start))
    .map((span) => {
      const parts = treeOf(spans, span.spanId)
      return parts.length === 0 ? span.name : [span.name, ...parts]
    })
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const [found] = spans.filter((span) => span.name === name)
  if (found === undefined) throw new Error(`no span ${name} among ${spans.map((span) => span.name)}`)
  return found
}

const own = ({ attributes }: ReceivedSpan) =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith('latchkey.')))

const callers = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
const traceparent = (flags = '01') => `00-${callers.traceId}-${callers.spanId}-${flags}`

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const passwordGrant = (more: Record<string, string> = {}) =>
  new URLSearchParams({ grant_type: 'password', username: email, password, ...more }).toString()

t.test('a login is one trace: the caller’s, through the chain, each backend, hash, store and signature', async (t) => {
  const service = await startFakeService(t, (_, response) => answerJson(response, 404, {}))
  const { latchkey, spans } = await traced(t, {
    more: `backends:
  - { id: remote, type: http, url: "${service.url}" }
  - { id: dead, type: http, url: "http://127.0.0.1:${await freePort()}/" }
  - { id: local, type: local }
clients: [{ id: blog, secret: "${secret}", grants: [password, refresh_token] }]`
  })
  const headers = {
    ...form,
    traceparent: traceparent(),
    tracestate: 'vendor=opaque',
    authorization: `Basic ${Buffer.from(`blog:${secret}`).toString('base64')}`
  }
  const answer = await latchkey.app.inject({ method: 'POST', url: '/token', headers, payload: passwordGrant() })
  t.equal(answer.statusCode, 200)
  const log = latchkey.log()
  const all = await spans()

  t.same(treeOf(all, callers.spanId), [
    [
      'POST /token',
      'client.authenticate',
      [
        'login',
        ['chain', 'backend.authenticate', 'backend.authenticate', ['backend.authenticate', 'hash.queue', 'hash.work']],
        'user.record',
        ['permissions', 'permissions.stored']
      ],
      'token.sign',
      'audit.record'
    ]
  ])
  t.same(new Set(all.map(({ traceId }) => traceId)), new Set([callers.traceId]))
  t.ok(all.every(({ start, end }) => start > 0n && end >= start))
  t.ok(all.every(({ status }) => status.message === undefined))

  const server = named(all, 'POST /token')
  t.equal(server.kind, 2)
  t.ok(all.every((span) => span === server || span.kind === 1))
  t.same(server.attributes, {
    'http.request.method': 'POST',
    'url.scheme': 'http',
    'server.address': 'localhost',
    'server.port': 8000,
    'http.route': '/token',
    'http.response.status_code': 200,
    'latchkey.grant_type': 'password',
    'latchkey.client.id': 'blog'
  })
  t.match(server.resource, { 'service.name': 'latchkey', 'service.instance.id': /^[\da-f-]{36}$/ })
  t.equal(server.resource['service.version'], latchkey.parts.version)

  const asked = all.filter(({ name }) => name === 'backend.authenticate').sort((a, b) => Number(a.start - b.start))
  t.same(asked.map(own), [
    { 'latchkey.backend.id': 'remote', 'latchkey.backend.type': 'http', 'latchkey.outcome': 'unknown' },
    { 'latchkey.backend.id': 'dead', 'latchkey.backend.type': 'http' },
    { 'latchkey.backend.id': 'local', 'latchkey.backend.type': 'local', 'latchkey.outcome': 'accepted' }
  ])
  t.same(
    asked.map(({ status, attributes }) => [status.code ?? 0, attributes['error.type']]),
    [
      [0, undefined],
      [2, 'connect'],
      [0, undefined]
    ]
  )

  t.match(service.questions[0]?.request.headers, {
    traceparent: `00-${callers.traceId}-${asked[0]?.spanId}-01`,
    tracestate: 'vendor=opaque'
  })
  const lines = log.split('\n').filter((line) => line.includes('"reqId"'))
  for (const event of ['login', 'audit', 'request']) t.ok(lines.some((line) => line.includes(`"event":"${event}"`)))
  for (const line of lines) t.match(JSON.parse(line), { trace_id: callers.traceId, span_id: server.spanId })
})

t.test('a refused login is no error of a span, and tells why in words of ours only', async (t) => {
  const { latchkey, spans } = await traced(t)
  t.equal((await latchkey.token({ grant_type: 'password', username: email, password: 'wrong' })).statusCode, 400)
  t.equal((await latchkey.token({ grant_type: 'password', username: 'nobody', password: 'wrong' })).statusCode, 400)
  const all = await spans()
  t.same(treeOf(all, undefined), [
    [
      'POST /token',
      'client.authenticate',
      ['login', ['chain', ['backend.authenticate', 'hash.queue', 'hash.work']], 'login.floor'],
      'audit.record'
    ],
    [
      'POST /token',
      'client.authenticate',
      ['login', ['chain', 'backend.authenticate', 'hash.queue', 'hash.work'], 'login.floor'],
      'audit.record'
    ]
  ])
  t.ok(all.every(({ status }) => (status.code ?? 0) === 0))
  t.match(own(named(all, 'login')), { 'latchkey.outcome': 'invalid_grant' })
  t.equal(named(all, 'POST /token').attributes['http.response.status_code'], 400)
  t.equal(new Set(all.map(({ traceId }) => traceId)).size, 2)
})

t.test('a refresh and an exchange are traced, and so is whatever else gathers permissions', async (t) => {
  const { latchkey, spans } = await traced(t)
  const first = (await latchkey.token({ grant_type: 'password', username: email, password })).json()
  const second = (await latchkey.token({ grant_type: 'refresh_token', refresh_token: first.refresh_token })).json()
  const exchanged = await latchkey.token({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: second.access_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token'
  })
  t.equal(exchanged.statusCode, 200)
  t.equal((await latchkey.userinfo(second.access_token)).statusCode, 200)
  t.equal((await latchkey.app.inject({ url: '/livez' })).statusCode, 200)
  t.equal((await latchkey.app.inject({ url: `/nowhere/${password}` })).statusCode, 404)
  const all = await spans()
  const permissions = ['permissions', 'permissions.stored']
  t.same(treeOf(all, undefined).slice(1), [
    [
      'POST /token',
      'client.authenticate',
      'session.find',
      ['login.again', 'backend.identity', 'user.record', permissions],
      'token.sign',
      'audit.record'
    ],
    ['POST /token', 'client.authenticate', 'token.verify', permissions, 'session.find', 'token.sign', 'audit.record'],
    ['GET /userinfo', permissions],
    'GET'
  ])
  t.match(own(named(all, 'backend.identity')), { 'latchkey.outcome': 'present' })
})

t.test(
  'the caller’s flag is obeyed, a ratio counts for traces that begin here, and a broken header is none',
  async (t) => {
    const outcomes = async (otlp: string, headers: Record<string, string>, env = {}) => {
      const service = await startFakeService(t, (_, response) => answerJson(response, 404, {}))
      const { latchkey, spans } = await traced(t, {
        more: `backends: [{ id: remote, type: http, url: "${service.url}" }, { id: local, type: local }]`,
        otlp,
        env
      })
      const payload = passwordGrant()
      await latchkey.app.inject({ method: 'POST', url: '/token', headers: { ...form, ...headers }, payload })
      const handed = service.questions[0]?.request.headers.traceparent
      return { spans: await spans(), handed, log: latchkey.log() }
    }
    const unsampled = await outcomes('', { traceparent: traceparent('00') })
    t.same(unsampled.spans, [])
    t.match(unsampled.handed, new RegExp(`^00-${callers.traceId}-[0-9a-f]{16}-00$`), 'what is not taken down goes on')
    t.match(unsampled.log, callers.traceId, 'and the log has it')

    t.same((await outcomes(', sampleRatio: 0', {})).spans, [])
    t.ok((await outcomes(', sampleRatio: 0', { traceparent: traceparent() })).spans.length > 0)
    for (const broken of [
      '',
      'x',
      `00-${'0'.repeat(32)}-${callers.spanId}-01`,
      `${traceparent()}, ${traceparent()}`,
      `ff${traceparent().slice(2)}`
    ]) {
      const { spans } = await outcomes('', { traceparent: broken })
      t.notMatch(named(spans, 'POST /token'), { traceId: callers.traceId }, broken)
      t.equal(named(spans, 'POST /token').parent, undefined, broken)
    }
    const deaf = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }
    t.same((await outcomes('', { traceparent: traceparent() }, deaf)).spans, [])
  }
)

t.test('what a caller typed, and what is somebody’s, never gets there', async (t) => {
  const { latchkey, collector } = await traced(t, {
    more: `clients: [{ id: blog, secret: "${secret}", grants: [password, refresh_token, client_credentials] }]`,
    otlp: ', headers: { x-key: canary-header }'
  })
  const canaries = new Set([email, password, secret, 'canary'])
  const id = (await latchkey.store.users.byEmail(email))?.id ?? ''
  const first = (await latchkey.token({ grant_type: 'password', username: email, password })).json()
  for (const word of [id, first.access_token, first.refresh_token, first.access_token.split('.')[2]]) canaries.add(word)
  const noise = {
    'user-agent': 'canary-agent',
    'x-request-id': 'canary-request-id',
    'x-forwarded-for': '203.0.113.77',
    baggage: 'user=canary-baggage',
    authorization: `Basic ${Buffer.from(`canary-client:${secret}`).toString('base64')}`
  }
  const requests = [
    { method: 'POST', url: '/token?canary-query=1', headers: { ...form, ...noise }, payload: passwordGrant() },
    {
      method: 'POST',
      url: '/token',
      headers: form,
      payload: passwordGrant({ username: 'canary-typed', password: 'canary-wrong' })
    },
    { method: 'POST', url: '/token', headers: form, payload: passwordGrant({ backend: 'canary-backend' }) },
    { method: 'POST', url: '/token', headers: form, payload: 'grant_type=canary-grant' },
    { method: 'POST', url: '/token', headers: form, payload: `grant_type=refresh_token&refresh_token=canary-refresh` },
    { method: 'GET', url: `/admin/users/${id}`, headers: { authorization: `Bearer ${first.access_token}` } },
    { method: 'GET', url: '/admin/groups/canary-group', headers: { authorization: `Bearer ${first.access_token}` } },
    {
      method: 'GET',
      url: '/auth?permission=canary.permission',
      headers: { authorization: 'Bearer canary.canary.canary' }
    },
    { method: 'PROPFIND', url: '/canary-path' }
  ] as const
  for (const request of requests) await latchkey.app.inject(request as never)
  await latchkey.close()
  t.ok(collector.spans().length > requests.length)
  t.match(named(collector.spans(), 'HTTP').attributes, { 'http.request.method': '_OTHER' })
  const sent = Buffer.concat(collector.requests.map(({ body }) => body)).toString('latin1')
  for (const canary of canaries) t.notOk(sent.includes(canary), canary)
  t.notMatch(sent, /203\.0\.113\.77|127\.0\.0\.1/, 'no addresses')
  t.ok(collector.requests.every(({ headers }) => headers['x-key'] === 'canary-header'))
  t.notMatch(latchkey.log(), /canary-header/)
})

t.test('a receiver that is down, refuses or hangs disturbs nobody, and the log says so once', async (t) => {
  const answers = {
    hanging: () => {},
    refusing: (response: { writeHead(status: number): { end(text: string): unknown } }) =>
      response.writeHead(401).end('canary-of-the-receiver'),
    failing: (response: { writeHead(status: number): { end(text: string): unknown } }) =>
      response.writeHead(500).end('')
  }
  for (const [how, answer] of Object.entries(answers)) {
    const { latchkey, collector } = await traced(t, {
      otlp: `, headers: { authorization: canary-header }, timeout: ${how === 'hanging' ? '500ms' : '10s'}`,
      env: { OTEL_BSP_SCHEDULE_DELAY: '1' }
    })
    collector.answer(answer)
    await latchkey.accessToken(email, password)
    await collector.until(() => collector.requests.length > 0)
    await latchkey.accessToken(email, password)
    await latchkey.close()
    const told = latchkey
      .log()
      .split('\n')
      .filter((line) => line.includes('telemetry_unsent'))
    t.equal(told.length, 1, how)
    const error = { hanging: 'timeout', refusing: 'status-401', failing: 'status-500' }[how]
    t.match(JSON.parse(told[0] ?? '{}'), { level: 'warn', signal: 'traces', error })
    t.notMatch(latchkey.log(), /canary-header|canary-of-the-receiver/)
  }
  const { latchkey, collector } = await traced(t, { otlp: ', timeout: 900ms' })
  await collector.stop()
  await latchkey.accessToken(email, password)
  await latchkey.close()
  t.match(latchkey.log(), /"event":"telemetry_unsent","signal":"traces","error":"ECONNREFUSED","count":1/)
})

t.test('whoever goes away before the answer leaves a span that was aborted', async (t) => {
  const collector = await startCollector(t)
  const reached = Promise.withResolvers<void>()
  const service = await startFakeService(t, () => reached.resolve())
  const { url, latchkey } = await serve(
    t,
    `publicClient: true
backends: [{ id: remote, type: http, url: "${service.url}" }]
telemetry: { otlp: { endpoint: "${collector.url}", metrics: false } }`,
    { OTEL_BSP_SCHEDULE_DELAY: '1' }
  )
  const gone = new AbortController()
  const asked = fetch(`${url}/token`, { method: 'POST', headers: form, body: passwordGrant(), signal: gone.signal })
  await reached.promise
  gone.abort()
  await t.rejects(asked)
  await collector.until(() => collector.spans().some(({ name }) => name === 'POST /token'))
  const server = named(collector.spans(), 'POST /token')
  t.equal(server.attributes['error.type'], 'aborted')
  t.equal(server.attributes['http.response.status_code'], undefined)
  t.ok(latchkey)
})

t.test(
  'a reload goes on with the same telemetry, puts another in its place, or ends it; one that fails ends nothing',
  async (t) => {
    const [first, second] = [await startCollector(t), await startCollector(t)]
    const yaml = (telemetry: string) =>
      `publicClient: true\nbackends: [{ id: local, type: local }]\n${telemetry && `telemetry: { otlp: { ${telemetry}, metrics: false } }`}`
    const latchkey = await openTestLatchkey(t, yaml(`endpoint: "${first.url}"`))
    await latchkey.addUser({ email, password })
    const dispatcher = createDispatcher()
    await dispatcher.switchTo(latchkey.app, 0)
    await latchkey.app.ready()
    const server = createServer(dispatcher.handle).listen(0, '127.0.0.1')
    t.teardown(() => server.close().closeAllConnections())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const login = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/token`, {
        method: 'POST',
        headers: form,
        body: passwordGrant()
      })
      t.equal(answer.status, 200)
      await answer.text()
    }
    const path = join(latchkey.folder, 'latchkey.yaml')
    const retired = Promise.withResolvers<void>()
    let spoil = false
    const next: typeof latchkey.next = async (config, before) => {
      const generation = await latchkey.next(config, before)
      const broken = { ...generation.parts, tokens: { ...generation.tokens, issuer: undefined as never } }
      return spoil ? { ...generation, parts: broken } : generation
    }
    const retire: typeof latchkey.retire = (later) => latchkey.retire(later).then(retired.resolve)
    const reloader = createReloader({
      latchkey: { ...latchkey, next, retire },
      dispatcher,
      read: () => readConfig({ path, env: {}, definitions: backendDefinitions, cwd: latchkey.folder }),
      log: await openLog('silent')
    })
    const change = async (telemetry: string) => {
      await writeFile(path, yaml(telemetry))
      return reloader.reload()
    }
    const logins = (collector: Collector) => collector.spans().filter(({ name }) => name === 'POST /token').length

    await login()
    t.same(await change(`endpoint: "${first.url}"`), { reloaded: true })
    await retired.promise
    await login()
    spoil = true
    t.match(await change(`endpoint: "${first.url}"`), { reloaded: false })
    spoil = false
    await login()
    t.same(await change(`endpoint: "${second.url}"`), { reloaded: true })
    await first.until(() => logins(first) === 3)
    await login()
    t.same(await change(''), { reloaded: true })
    await second.until(() => logins(second) === 1)
    await login()
    await reloader.close()
    t.same([logins(first), logins(second)], [3, 1])
  }
)
