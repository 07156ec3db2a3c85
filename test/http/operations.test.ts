import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { openTestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { serve } from '../serve.ts'
import { answerJson, startFakeService } from '../servers/http-service.ts'
import { needs } from '../servers/needs.ts'
import { startSlapd } from '../servers/slapd.ts'

const yaml = `
issuer: https://auth.example.com/sso
secret: a secret of at least thirty-two bytes
publicClient: true
listen: { trustedProxies: [10.0.0.0/8] }
ops: { from: [192.0.2.0/24] }
backends: [{ id: local, type: local }]
`

t.test('discovery', async (t) => {
  const { app } = await openTestLatchkey(t, yaml)
  const { body, headers } = await app.inject('/.well-known/openid-configuration')
  const metadata = JSON.parse(body)
  t.match(headers['content-type'], /^application\/json/)
  t.match(metadata, {
    issuer: 'https://auth.example.com/sso',
    token_endpoint: 'https://auth.example.com/sso/token',
    userinfo_endpoint: 'https://auth.example.com/sso/userinfo',
    jwks_uri: 'https://auth.example.com/sso/.well-known/jwks.json',
    grant_types_supported: ['password'],
    response_types_supported: []
  })
  t.same((await app.inject('/.well-known/oauth-authorization-server')).json(), metadata)
  t.same(
    (await app.inject('/.well-known/oauth-authorization-server/sso')).json(),
    metadata,
    'RFC 8414 3.1: the path goes behind'
  )
  t.same(
    (await app.inject('/sso/.well-known/openid-configuration')).json(),
    metadata,
    'and before, as OpenID Connect has it'
  )
  for (const name of ['token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'service_documentation']) {
    const { pathname } = new URL(metadata[name])
    const answer = await app.inject({ method: name === 'token_endpoint' ? 'POST' : 'GET', url: pathname })
    t.not(answer.statusCode, 404, `${name} is there`)
  }
  const jwks = (await app.inject('/.well-known/jwks.json')).json()
  matchLists(t, jwks.keys, [{ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: /^[\w-]{43}$/ }])
  t.notOk('d' in jwks.keys[0], 'no private part')
})

t.test('probes and figures', async (t) => {
  const { app, token, drain } = await openTestLatchkey(t, yaml)
  t.same((await app.inject('/livez')).json(), { status: 'ok' })
  t.same((await app.inject('/readyz')).json(), { status: 'ok' })
  await token({ grant_type: 'password', username: 'x@example.com', password: 'y' })
  const status = (await app.inject('/status')).json()
  t.match(status, {
    status: 'ok',
    database: 'ok',
    version: /^\d+\.\d+\.\d+/,
    backends: [{ id: 'local', type: 'local', state: 'closed', last_error: null, since: /^20\d\d-/ }]
  })
  const metrics = (await app.inject('/metrics')).body
  t.match(metrics, /latchkey_logins_total\{backend="none",outcome="invalid_grant"\} 1/)
  t.match(metrics, /latchkey_backend_duration_seconds_count\{backend="local",outcome="unknown"\} 1/)
  for (const name of [
    'latchkey_login_duration_seconds_bucket',
    'latchkey_hash_queue_running',
    'latchkey_hash_queue_waiting',
    'latchkey_backend_up'
  ]) {
    t.match(metrics, new RegExp(`^${name}`, 'm'))
  }
  t.notOk(metrics.includes('x@example.com'))
  drain()
  t.equal((await app.inject('/readyz')).statusCode, 503)
  t.equal((await app.inject('/livez')).statusCode, 200)
  t.equal((await app.inject('/livez')).headers.connection, 'close')
})

t.test('a backend that died is seen though nobody logs in', { skip: needs('slapd') }, async (t) => {
  const slapd = await startSlapd(t)
  let code = 404
  const service = await startFakeService(t, (_question, response) => answerJson(response, code, {}))
  const { app, token } = await openTestLatchkey(
    t,
    `
publicClient: true
backends:
  - { id: corp, type: ldap, servers: ["${slapd.url}"], insecure: true, bind: ${JSON.stringify(slapd.bind)},
      users: [{ base: "dc=example,dc=com", filter: "(uid={username})" }] }
  - { id: accounts, type: http, url: "${service.url}" }
  - { id: local, type: local }
`
  )
  const status = async () => (await app.inject('/status')).json()
  const rows = async () => (await status()).backends.map(({ answers }: { answers: boolean }) => answers)
  t.match(await status(), { status: 'ok', backends: [{ id: 'corp', answers: true }, { id: 'accounts' }, {}] })
  await Promise.all([status(), status(), status()])
  t.equal(service.questions.length, 1, 'asked once a second at most')

  await slapd.kill()
  await nextRound()
  t.match(await status(), { status: 'degraded', database: 'ok' })
  t.same(await rows(), [false, true, true])
  t.equal((await app.inject('/readyz')).statusCode, 200, 'which is no reason to leave the rotation')

  await slapd.start()
  code = 500
  await nextRound()
  t.same(await rows(), [true, false, true])
  t.match((await status()).backends[1], { state: 'closed', last_error: String }, 'one failure does not yet shut it out')
  code = 404
  await nextRound()
  t.match(await status(), { status: 'ok' })
  t.equal((await token({ grant_type: 'password', username: 'x', password: 'y' })).statusCode, 400)
})

const nextRound = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1100))

t.test('who may read them', async (t) => {
  const { app } = await openTestLatchkey(t, yaml)
  const from = (remoteAddress: string, headers = {}) => ({ remoteAddress, headers })
  const behind = (address: string) => ({ 'x-forwarded-for': address })
  const table: ReadonlyArray<readonly [who: string, request: object, status: number]> = [
    ['loopback', from('127.0.0.1'), 200],
    ['loopback, IPv6', from('::1'), 200],
    ['loopback, mapped', from('::ffff:127.0.0.1'), 200],
    ['an operator', from('192.0.2.9'), 200],
    ['a stranger', from('203.0.113.1'), 403],
    ['a stranger who says he is loopback', from('203.0.113.1', behind('127.0.0.1')), 403],
    ['a stranger behind the proxy', from('10.1.1.1', behind('203.0.113.1')), 403],
    ['a stranger behind the proxy who says he is loopback', from('10.1.1.1', behind('127.0.0.1, 203.0.113.1')), 403],
    ['loopback that came by a proxy', from('127.0.0.1', { 'x-real-ip': '8.8.8.8' }), 403],
    ['loopback that came by another', from('127.0.0.1', { via: '1.1 proxy' }), 403],
    ['an operator behind the proxy', from('10.1.1.1', behind('192.0.2.9')), 200]
  ]
  for (const [who, request, status] of table) {
    for (const url of ['/status', '/metrics'])
      t.equal((await app.inject({ url, ...request })).statusCode, status, `${who}: ${url}`)
  }
  const bare = await openTestLatchkey(t, 'backends: [{ id: local, type: local }]')
  const forwarded = await bare.app.inject({ url: '/status', ...from('127.0.0.1', behind('203.0.113.1')) })
  t.equal(forwarded.statusCode, 403, 'a proxy on this machine that nobody told us of opens nothing')
  const open = await openTestLatchkey(t, 'ops: { from: [10.0.0.0/8] }\nbackends: [{ id: local, type: local }]')
  const ask = async (headers: object) =>
    (await open.app.inject({ url: '/status', ...from('10.1.1.1', headers) })).statusCode
  t.equal(await ask({}), 200)
  t.equal(await ask(behind('203.0.113.1')), 403, 'nor one among the operators')
})

t.test('headers', async (t) => {
  const { app } = await openTestLatchkey(t, yaml)
  const answer = await app.inject({ url: '/livez', headers: { 'x-request-id': 'abc-12345678' } })
  t.equal(answer.headers['x-request-id'], 'abc-12345678')
  const forged = await app.inject({ url: '/livez', headers: { 'x-request-id': 'a"b\tc\u00e9 12345678' } })
  t.match(forged.headers['x-request-id'], /^[\da-f-]{36}$/, 'one that could forge a log line is replaced')
  t.match(answer.headers, {
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'",
    'referrer-policy': 'no-referrer',
    'strict-transport-security': String
  })
})

t.test('a path that can’t be read is refused like all else', async (t) => {
  const { app, log } = await openTestLatchkey(t, yaml)
  const id = 'abc-12345678'
  const ask = (url: string) => app.inject({ url, headers: { 'x-request-id': id } })
  for (const url of ['/%zz', '/userinfo%ff', '/administration/%zz']) {
    const answer = await ask(url)
    t.match(answer, { statusCode: 400, headers: { 'x-request-id': id, 'cache-control': 'no-store' } }, url)
    t.same(answer.json(), { error: 'invalid_request', error_description: 'The request is malformed' }, url)
  }
  t.match(log(), /"reqId":"abc-12345678".*"status":400/, 'and the log has it')
  t.notMatch(log(), '%zz', 'without the path')
  for (const url of ['/admin/users/%zz', `/admin/users/${'x'.repeat(400)}`, '/account/%ff']) {
    const answer = await ask(url)
    t.match(answer.headers, { 'x-request-id': id, 'content-type': /^application\/problem\+json/ }, url)
    t.match(answer.json(), { type: 'urn:latchkey:problem:invalid-request', status: 400 }, url)
  }
})

t.test('a request with two Host headers, or none, is refused', async (t) => {
  const { url } = await serve(t, 'publicClient: true\nbackends: [{ id: local, type: local }]')
  const port = Number(new URL(url).port)
  const answer = async (request: string, ...headers: string[]) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`${[request, ...headers].join('\r\n')}\r\n\r\n`)
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
    return { head, body }
  }
  const two = ['Host: a.example.com', 'hOsT: b.example.com']
  const refused = { error: 'invalid_request', error_description: 'The request needs one header Host' }
  for (const [request, ...headers] of [
    ['GET /livez HTTP/1.1', ...two],
    ['GET /livez HTTP/1.0', ...two],
    ['GET /livez HTTP/1.1', 'host: a', 'x-forwarded-for: 10.0.0.1', 'host: a'],
    ['GET /livez HTTP/1.1'],
    ['GET /no/such/path HTTP/1.1', ...two],
    ['POST /token HTTP/1.1', 'content-length: 3', ...two]
  ] as const) {
    const { head, body } = await answer(request, ...headers)
    t.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/, request)
    t.match(head, /\r\nconnection: close(\r\n|$)/i)
    t.match(head, /\r\nx-request-id: /i)
    t.same(JSON.parse(body), refused, request)
  }
  const administrative = await answer('GET /admin/users HTTP/1.1', ...two)
  t.match(administrative.head, 'content-type: application/problem+json')
  t.match(JSON.parse(administrative.body), { type: 'urn:latchkey:problem:invalid-request', status: 400 })
  const one = await answer('GET /livez HTTP/1.1', 'Host: a.example.com', 'From: me', 'Connection: close')
  t.match(one.head, /^HTTP\/1\.1 200 /)
  t.match((await answer('GET /livez HTTP/1.0')).head, /^HTTP\/1\.1 200 /, 'HTTP/1.0 knows no Host')
})

t.test('who sends slowly is cut off, whatever trickles in', async (t) => {
  const { url } = await serve(t, 'publicClient: true\nbackends: [{ id: local, type: local }]')
  const began = performance.now()
  const send = async (beginning: string, trickle: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(beginning)
    const trickling = setInterval(() => socket.write(trickle), 1000)
    t.teardown(() => clearInterval(trickling))
    socket.on('error', () => clearInterval(trickling)).on('close', () => clearInterval(trickling))
    return [await text(socket), (performance.now() - began) / 1000] as const
  }
  const form = 'content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\n'
  const [[headers, headersAfter], [body, bodyAfter], [nothing]] = await Promise.all([
    send('POST /token HTTP/1.1\r\nhost: x\r\n', 'x: y\r\n'),
    send(`POST /token HTTP/1.1\r\nhost: x\r\n${form}`, 'a'),
    send('', '')
  ])
  t.match(headers, /^HTTP\/1\.1 408 /)
  t.match(body, /^HTTP\/1\.1 408 [\s\S]*"error":"invalid_request"/)
  t.equal(nothing, '', 'a connection that is held ready ends without an answer')
  t.ok(headersAfter < 8 + 5, `headers within 8 s: ${headersAfter}`)
  t.ok(bodyAfter < 10 + 5, `a request within 10 s: ${bodyAfter}`)
})
