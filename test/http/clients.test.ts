import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { grantPermissions } from '../store/acts.ts'

const password = 'correct horse battery'
const alice = { grant_type: 'password', username: 'alice@example.com', password }
const secret = (name: string) => `the secret of ${name}: a+b %&=, of many bytes`
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const issuer = 'http://localhost:8000'
const base = 'login: { failureFloor: 1ms }\nbackends: [{ id: local, type: local }]\n'

interface Sent {
  readonly headers?: Record<string, string>
  readonly remoteAddress?: string
}

/** POST /token as a form, with whatever headers and from wherever. */
async function post({ app }: TestLatchkey, fields: Record<string, string>, { headers, remoteAddress }: Sent = {}) {
  const answer = await app.inject({
    ...{ method: 'POST', url: '/token', payload: new URLSearchParams(fields).toString() },
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    ...(remoteAddress === undefined ? {} : { remoteAddress })
  })
  const { 'www-authenticate': challenge, 'retry-after': retryAfter } = answer.headers
  return { status: answer.statusCode, challenge, retryAfter, ...answer.json() }
}

const encoded = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
const basic = (id: string, word: string) => ({
  authorization: `Basic ${Buffer.from(`${encoded(id)}:${encoded(word)}`).toString('base64')}`
})

/** A service with Alice in it. */
async function open(t: Test, yaml: string): Promise<TestLatchkey> {
  const latchkey = await openTestLatchkey(t, base + yaml)
  await latchkey.addUser({ email: alice.username, password })
  return latchkey
}

const keyPairs = async (...algorithms: string[]) =>
  Promise.all(
    algorithms.map(async (alg) => {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
      return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, alg } }
    })
  )

type Claims = { readonly [Name in keyof JWTPayload]: JWTPayload[Name] | undefined }

let count = 0
const now = () => Math.floor(Date.now() / 1000)

/** A good assertion of the client `robot`, but for what is said otherwise; a claim that is undefined is left out. */
function assertion(
  key: CryptoKey | Uint8Array,
  alg: string,
  claims: Claims = {},
  header: Partial<JWTHeaderParameters> = {}
) {
  const all: Claims = { iss: 'robot', sub: 'robot', aud: issuer, exp: now() + 60, jti: `jti ${count++}`, ...claims }
  return new SignJWT(all as JWTPayload).setProtectedHeader({ alg, ...header }).sign(key)
}

t.test('each way of authentication is for those that it is configured for', async (t) => {
  const latchkey = await open(
    t,
    `clients:
  - { id: any, secret: "${secret('any')}" }
  - { id: basic, secret: "${secret('basic')}", authentication: client_secret_basic }
  - { id: post, secret: "${secret('post')}", authentication: client_secret_post }
  - { id: open, authentication: none, grants: ["urn:ietf:params:oauth:grant-type:token-exchange"] }
  - { id: two, secret: ["${secret('new')}", "${secret('old')}"] }`
  )
  const inBody = (id: string, word = secret(id)) => ({ ...alice, client_id: id, client_secret: word })
  const byBasic = (id: string, word = secret(id)) => post(latchkey, alice, { headers: basic(id, word) })
  t.equal((await byBasic('any')).status, 200)
  t.equal((await post(latchkey, inBody('any'))).status, 200)
  t.equal((await byBasic('basic')).status, 200)
  t.match(await post(latchkey, inBody('basic')), { status: 401, error: 'invalid_client', challenge: undefined })
  t.equal((await post(latchkey, inBody('post'))).status, 200)
  t.match(await byBasic('post'), { status: 401, error: 'invalid_client', challenge: /^Basic / })
  for (const word of ['new', 'old']) t.equal((await byBasic('two', secret(word))).status, 200, word)
  t.equal((await byBasic('two', secret('older'))).status, 401)
  t.match(
    await post(latchkey, { ...alice, client_id: 'open' }),
    { status: 400, error: 'unauthorized_client' },
    'it is known without a proof, and gets no grant for people'
  )
  t.match(await post(latchkey, inBody('open', 'x')), { status: 401, error: 'invalid_client' })
  t.match(await byBasic('open', ''), { status: 401, error: 'invalid_client' })
  const user = await latchkey.store.users.byEmail(alice.username)
  await grantPermissions(latchkey.store, user?.id ?? '', ['blog.add_post', 'shop.sell'])
  const narrow = await post(latchkey, { ...inBody('any'), scope: 'blog.*' })
  const exchange = {
    ...{ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: narrow.access_token },
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token'
  }
  const exchanged = await post(latchkey, { ...exchange, client_id: 'open' })
  t.same(claimsOf(exchanged.access_token).permissions, ['blog.add_post'], 'nor more than the token that it has')
  const payload = new URLSearchParams({ client_id: 'open', token: narrow.access_token }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const introspected = await latchkey.app.inject({ method: 'POST', url: '/introspect', payload, headers })
  t.match([introspected.statusCode, introspected.json().error], [401, 'invalid_client'], 'nor is it told of tokens')
  const stranger = await byBasic('nobody', secret('any'))
  t.same(await byBasic('any', secret('nobody')), stranger, 'an unknown client and a wrong secret are answered alike')
  t.same(await post(latchkey, inBody('any', 'x')), await post(latchkey, inBody('nobody')))

  const proof = { client_assertion_type: assertionType, client_assertion: 'x.y.z' }
  for (const [why, fields, headers] of [
    ['a secret twice', inBody('any'), basic('any', secret('any'))],
    ['a secret and an assertion', { ...inBody('any'), ...proof }, {}],
    ['Basic and an assertion', { ...alice, ...proof }, basic('any', secret('any'))],
    ['an assertion without its type', { ...alice, client_assertion: 'x.y.z' }, {}],
    ['a type without an assertion', { ...alice, client_assertion_type: assertionType }, {}]
  ] as const) {
    t.match(await post(latchkey, fields, { headers }), { status: 400, error: 'invalid_request' }, why)
  }
  const { json } = await latchkey.app.inject('/.well-known/openid-configuration')
  const metadata = json()
  t.same(
    metadata.token_endpoint_auth_methods_supported,
    ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    'a client with keys may be registered in the database at any time'
  )
  t.same(metadata.token_endpoint_auth_signing_alg_values_supported, ['ES256', 'RS256', 'PS256', 'EdDSA'])
})

t.test('private_key_jwt', async (t) => {
  const keys = await keyPairs('ES256', 'RS256', 'PS256', 'EdDSA')
  const latchkey = await open(
    t,
    `clients: [{ id: robot, jwks: ${JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })} }, { id: other, secret: "${secret('other')}" }]`
  )
  const send = (client_assertion: string, more: Record<string, string> = {}) =>
    post(latchkey, { ...alice, client_assertion_type: assertionType, client_assertion, ...more })
  const [es256, rs256] = keys
  if (es256 === undefined || rs256 === undefined) throw new Error('no keys')
  const signed = (claims: Claims = {}, header: Partial<JWTHeaderParameters> = {}) =>
    assertion(es256.privateKey, 'ES256', claims, header)

  for (const { alg, privateKey } of keys)
    t.equal((await send(await assertion(privateKey, alg, {}, { kid: alg }))).status, 200, alg)
  const fine: ReadonlyArray<readonly [string, Claims, Partial<JWTHeaderParameters>?]> = [
    ['the token endpoint as audience', { aud: `${issuer}/token` }],
    ['a list of one', { aud: [issuer] }],
    ['five minutes', { exp: now() + 300 }],
    ['a clock that is a little behind', { exp: now() - 5, nbf: now() - 60 }],
    ['a clock that is a little ahead', { iat: now() + 5, nbf: now() + 5 }],
    ['a type', {}, { typ: 'JWT' }],
    ['its own type', {}, { typ: 'client-authentication+jwt' }]
  ]
  for (const [why, claims, header] of fine) t.equal((await send(await signed(claims, header))).status, 200, why)
  t.equal((await send(await signed(), { client_id: 'robot' })).status, 200)
  t.equal(claimsOf((await send(await signed())).access_token).client_id, 'robot')

  const [foreign] = await keyPairs('ES256')
  const hmac = new TextEncoder().encode('0123456789abcdef0123456789abcdef')
  const unsigned = [{ alg: 'none' }, { iss: 'robot', sub: 'robot', aud: issuer, exp: now() + 60, jti: 'n' }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const once = await signed({ jti: 'once' })
  t.equal((await send(once)).status, 200)
  const refused: ReadonlyArray<readonly [string, string]> = [
    ['a second time', once],
    ['another assertion with the same jti', await signed({ jti: 'once', exp: now() + 90 })],
    ['another issuer', await signed({ iss: 'other' })],
    ['another subject', await signed({ sub: 'other' })],
    ['a client that is not there', await signed({ iss: 'nobody', sub: 'nobody' })],
    ['a client without keys', await signed({ iss: 'other', sub: 'other' })],
    ['no issuer', await signed({ iss: undefined })],
    ['no subject', await signed({ sub: undefined })],
    ['another audience', await signed({ aud: 'https://auth.example.com' })],
    ['a slash too many', await signed({ aud: `${issuer}/` })],
    ['two audiences', await signed({ aud: [issuer, 'https://other.example.com'] })],
    ['no audience', await signed({ aud: undefined })],
    ['expired', await signed({ exp: now() - 60 })],
    ['no end', await signed({ exp: undefined })],
    ['six minutes', await signed({ exp: now() + 360 })],
    ['for ever', await signed({ exp: 1e300 })],
    ['not yet', await signed({ nbf: now() + 60 })],
    ['born in the future', await signed({ iat: now() + 60 })],
    ['no jti', await signed({ jti: undefined })],
    ['an empty jti', await signed({ jti: '' })],
    ['a jti that is no text', await signed({ jti: 7 as never })],
    ['an access token', await signed({}, { typ: 'at+jwt' })],
    ['another key', await assertion(foreign?.privateKey ?? hmac, 'ES256')],
    ['a key that nobody knows', await signed({}, { kid: 'zzz' })],
    ["another algorithm's key", await signed({}, { kid: 'RS256' })],
    ['an unknown critical header', await signed({}, { kid: 'ES256' }).then((text) => text.replace(/^[^.]+/, crit))],
    ['HS256', await assertion(hmac, 'HS256')],
    ['RS384', await assertion(await reimported(rs256.privateKey, 'RS384'), 'RS384')],
    ['none', `${unsigned}.`],
    ['no signature', unsigned],
    ['no JWT', 'x'],
    ['no JSON', 'x.y.z']
  ]
  const texts = new Set<string>()
  for (const [why, text] of refused) {
    const answer = await send(text)
    t.match(answer, { status: 401, error: 'invalid_client', challenge: undefined }, why)
    texts.add(JSON.stringify(answer))
  }
  t.equal(texts.size, 1, 'nobody can tell why')
  t.match(await send(await signed(), { client_id: 'other' }), { status: 401 }, 'another client_id')
  t.match(await send(await signed(), { client_assertion_type: 'urn:x' }), { status: 401 }, 'another type')
  t.match(await post(latchkey, { ...alice, client_id: 'robot' }), { status: 401 }, 'no assertion at all')
  t.match(await post(latchkey, alice, { headers: basic('robot', '') }), { status: 401 }, 'no secret opens it')

  const race = await signed()
  const statuses = (await Promise.all(Array.from({ length: 5 }, () => send(race)))).map(({ status }) => status)
  t.same(statuses.sort(), [200, 401, 401, 401, 401], 'five times at once counts once')
  const metadata = (await latchkey.app.inject('/.well-known/oauth-authorization-server')).json()
  t.same(metadata.token_endpoint_auth_methods_supported, [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt'
  ])
  t.same(metadata.token_endpoint_auth_signing_alg_values_supported, ['ES256', 'RS256', 'PS256', 'EdDSA'])
  t.notOk(latchkey.log().includes(race.split('.')[2] ?? '?'), 'no assertion stands in the log')
})

const crit = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'ES256', crit: ['x'], x: 1 })).toString('base64url')

/** The same RSA key for another digest. */
async function reimported(key: CryptoKey, alg: string): Promise<CryptoKey> {
  const { importJWK } = await import('jose')
  return (await importJWK({ ...(await exportJWK(key)), alg }, alg)) as CryptoKey
}

t.test('keys that a client publishes are fetched, kept, and fetched again for an unknown one', async (t) => {
  const [first] = await keyPairs('ES256')
  if (first === undefined) throw new Error('no key')
  let answer: { status: number; body: string } = { status: 200, body: JSON.stringify({ keys: [first.jwk] }) }
  let fetched = 0
  const server = createServer((_request, response) => {
    fetched++
    response.writeHead(answer.status, answer.status === 302 ? { location: '/other' } : {}).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
  const send = async (latchkey: TestLatchkey) =>
    post(latchkey, {
      ...{ ...alice, client_assertion_type: assertionType },
      client_assertion: await assertion(first.privateKey, 'ES256', {}, { kid: 'ES256' })
    })
  const yaml = `clients: [{ id: robot, jwksUri: "${uri}", allowPrivate: [127.0.0.1] }]`
  const latchkey = await open(t, yaml)
  const many = await Promise.all(Array.from({ length: 5 }, () => send(latchkey)))
  t.same(
    many.map(({ status }) => status),
    [200, 200, 200, 200, 200]
  )
  t.equal(fetched, 1, 'once for all')
  answer = { status: 500, body: '' }
  t.equal((await send(latchkey)).status, 200, 'the keys that are there are used')

  for (const bad of [
    { status: 500, body: '' },
    { status: 302, body: '' },
    { status: 200, body: '{' },
    { status: 200, body: '{"keys":1}' },
    { status: 200, body: JSON.stringify({ keys: [], pad: 'x'.repeat(300_000) }) }
  ]) {
    answer = bad
    const other = await open(t, yaml)
    t.match(
      await send(other),
      { status: 503, error: 'temporarily_unavailable', retryAfter: /^\d+$/ },
      `${bad.status} ${bad.body.slice(0, 10)}`
    )
    t.match(other.log(), /client_keys_unavailable/)
  }
})

t.test('what a client may: its own lifetime and its own limit', async (t) => {
  const latchkey = await open(
    t,
    `clients:
  - { id: short, secret: "${secret('short')}", accessTtl: 90s, limits: { max: 2, window: 1m } }
  - { id: usual, secret: "${secret('usual')}" }`
  )
  const send = (id: string, word = secret(id)) => post(latchkey, alice, { headers: basic(id, word) })
  for (let n = 0; n < 3; n++) t.equal((await send('short', 'wrong')).status, 401, 'a stranger uses nothing up')
  const { expires_in, access_token } = await send('short')
  const { iat, exp } = claimsOf(access_token)
  t.same([expires_in, Number(exp) - Number(iat)], [90, 90])
  t.equal((await send('short')).status, 200)
  t.match(await send('short'), { status: 429, error: 'slow_down', retryAfter: /^([1-9]|[1-5]\d|60)$/ })
  t.match(await send('usual'), { status: 200, expires_in: 600 }, 'others are not concerned')
})

t.test("a trusted client hands on the end user's address, for limits and log", async (t) => {
  const latchkey = await open(
    t,
    `limits: { ip: { max: 3, window: 1m }, account: false }
listen: { trustedProxies: [10.9.0.0/16] }
clients:
  - { id: front, secret: "${secret('front')}", forwardedFor: [10.1.0.0/16] }
  - { id: plain, secret: "${secret('plain')}" }`
  )
  const send = async (id: string, from: string, forwarded?: string, word = password) => {
    const headers = { ...basic(id, secret(id)), ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }) }
    const { status } = await post(latchkey, { ...alice, password: word }, { headers, remoteAddress: from })
    return status
  }
  const lastIp = () =>
    latchkey
      .log()
      .match(/"event":"login_failed"[^\n]*/g)
      ?.at(-1)
      ?.match(/"ip":"([^"]+)"/)?.[1]
  for (const [why, id, from, forwarded, ip] of [
    ['handed on', 'front', '10.1.0.1', '203.0.113.1', '203.0.113.1'],
    ['what the end user said of itself is nothing', 'front', '10.1.0.1', '198.51.100.1, 203.0.113.2', '203.0.113.2'],
    ["the client's own hops are passed over", 'front', '10.1.0.1', '203.0.113.3, 10.1.7.7', '203.0.113.3'],
    ['through our own proxies', 'front', '10.9.0.1', '203.0.113.4, 10.1.0.1, 10.9.0.2', '203.0.113.4'],
    ['IPv6', 'front', '10.1.0.1', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['no address', 'front', '10.1.0.1', 'unknown', '10.1.0.1'],
    ['nothing handed on', 'front', '10.1.0.2', undefined, '10.1.0.2'],
    ['from elsewhere', 'front', '192.0.2.1', '203.0.113.5', '192.0.2.1'],
    ['another client', 'plain', '10.1.0.3', '203.0.113.5', '10.1.0.3']
  ] as const) {
    t.equal(await send(id, from, forwarded, 'wrong'), 400, why)
    t.equal(lastIp(), ip, why)
  }
  for (let n = 0; n < 3; n++) t.equal(await send('front', '10.1.0.9', '203.0.113.99'), 200)
  t.equal(await send('front', '10.1.0.9', '203.0.113.99'), 429, 'an end user has an allowance')
  t.equal(await send('front', '10.1.0.9', '203.0.113.98'), 200, 'and another one another')
  const guess = () => post(latchkey, alice, { headers: basic('front', 'x'), remoteAddress: '10.1.0.8' })
  for (let n = 0; n < 3; n++) t.equal((await guess()).status, 401)
  t.match(
    await guess(),
    { status: 429, error: 'slow_down', retryAfter: /^\d+$/ },
    'whoever proves nothing counts himself'
  )
  const introspect = (id: string) => {
    const headers = { ...basic(id, secret(id)), 'content-type': 'application/x-www-form-urlencoded' }
    const request = { method: 'POST', url: '/introspect', payload: 'token=x', headers } as const
    return latchkey.app.inject({ ...request, remoteAddress: '10.1.0.7' })
  }
  for (let n = 0; n < 5; n++) {
    for (const id of ['front', 'plain'])
      t.equal((await introspect(id)).statusCode, 200, 'what is no login has no limit')
  }
  t.equal(await send('front', '10.1.0.7'), 200, 'and takes nothing from those that are')
})

t.test("a client of the database hands on the end user's address as well", async (t) => {
  const latchkey = await open(t, 'limits: { ip: { max: 3, window: 1m }, account: false }')
  const { digestOf } = await import('../../src/clients/secret.ts')
  const secrets = [{ hash: digestOf(secret('front')), createdAt: Date.now(), expiresAt: null }]
  const dates = { createdAt: Date.now(), updatedAt: Date.now() }
  await latchkey.store.clients.create({ id: 'front', definition: { forwardedFor: ['10.1.0.0/16'] }, secrets, ...dates })
  const send = async (forwarded: string) => {
    const headers = { ...basic('front', secret('front')), 'x-forwarded-for': forwarded }
    return (await post(latchkey, alice, { headers, remoteAddress: '10.1.0.1' })).status
  }
  for (let n = 1; n < 8; n++) t.equal(await send(`203.0.113.${n}`), 200, 'its users share no allowance')
  for (let n = 0; n < 3; n++) t.equal(await send('203.0.113.99'), 200)
  t.equal(await send('203.0.113.99'), 429, 'each has one')
})

t.test('clients of the database', async (t) => {
  const { digestOf } = await import('../../src/clients/secret.ts')
  const latchkey = await open(t, `limits: { ip: false }\nclients: [{ id: fixed, secret: "${secret('fixed')}" }]`)
  const at = Date.now()
  const stored = (id: string, definition: Record<string, unknown>, expiresAt: number | null = null) => ({
    ...{ id, definition, createdAt: at, updatedAt: at },
    secrets: [{ hash: digestOf(secret(id)), createdAt: at, expiresAt }]
  })
  const { clients } = latchkey.store
  await clients.create(stored('kept', {}))
  await clients.create(stored('own', { accessTtl: '30s', backends: ['local'], grants: ['password'] }))
  await clients.create(stored('robot', { grants: ['client_credentials'] }))
  await clients.create(stored('gone', {}, at - 1))
  await clients.create(stored('broken', { grants: ['everything'] }))
  await clients.create({ ...stored('fixed', { accessTtl: '5s' }), secrets: stored('x', {}).secrets })
  const send = (id: string, word = secret(id)) => post(latchkey, alice, { headers: basic(id, word) })
  t.match(await send('kept'), { status: 200, expires_in: 600 })
  t.match(await send('own'), { status: 200, expires_in: 30 })
  t.match(await send('robot'), { status: 400, error: 'unauthorized_client' })
  t.match(await send('gone'), { status: 401 }, 'a secret that expired')
  t.match(await send('broken'), { status: 401 })
  t.match(latchkey.log(), /client_unusable/)
  t.match(await send('fixed'), { status: 200, expires_in: 600 }, 'the configuration wins')
  t.match(await send('fixed', secret('x')), { status: 401 })
  t.equal(await send('late').then(({ status }) => status), 401)
  await clients.create(stored('late', {}))
  await clients.delete('kept')
  const patient = Date.now() + 4_000
  const seen = { kept: 200, late: 401 }
  while ((seen.kept === 200 || seen.late === 401) && Date.now() < patient) {
    seen.kept = (await send('kept')).status
    seen.late = (await send('late')).status
  }
  t.same(seen, { kept: 401, late: 200 }, 'what is deleted or made is known within five seconds')
})
