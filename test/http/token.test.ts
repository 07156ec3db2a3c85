import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import t from 'tap'
import { permissionsDigest } from '../../src/tokens/access-token.ts'
import { claimsOf, openTestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { setActive } from '../store/acts.ts'

const yaml = `
publicClient: true
login: { failureFloor: 20ms }
limits: { ip: false, account: { failures: 5 } }
audiences:
  - { id: "https://blog.example.com", permissions: ["blog.*"] }
  - { id: "https://spring.example.com", permissions: ["blog.*"], typ: JWT, algorithm: RS256 }
  - { id: "https://slim.example.com", permissions: ["*"], permissionsBy: reference }
  - { id: "edwards", permissions: ["*"], algorithm: EdDSA, accessTtl: 90s, claims: { given: firstName, nick: initials } }
tokens: { maxBytes: 2048 }
permissions: { declare: { blog.add_post: Can add, blog.change_post: Can change, shop.sell: Can sell } }
backends:
  - { id: local, type: local }
  - id: settings
    type: static
    users:
      - { username: sue, email: sue@example.com, password: "\${SUE}", superuser: true }
      - { username: stan, email: stan@example.com, password: "\${SUE}", permissions: [blog.add_post, shop.sell], groups: [staff], firstName: Stan, lastName: Static }
`
const env = { SUE: 'a long static password' }
const password = 'correct horse battery'

t.test('POST /token', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml, env)
  const { app, token, accessToken } = latchkey
  const permissions = ['blog.add_post', 'shop.sell', 'blog.undeclared']
  const id = await latchkey.addUser({ email: 'alice@example.com', password, permissions, groups: ['editors'] })
  await latchkey.addUser({ email: 'none@example.com' })
  const inactive = await latchkey.addUser({ email: 'gone@example.com', password })
  await setActive(latchkey.store, inactive, false, Date.now())
  const jwks = createLocalJWKSet((await app.inject('/.well-known/jwks.json')).json<JSONWebKeySet>())

  t.test('a token that another library verifies', async (t) => {
    const answer = await token({ grant_type: 'password', username: ' Alice@EXAMPLE.com', password })
    t.equal(answer.statusCode, 200)
    t.match(answer.headers, { 'cache-control': 'no-store', pragma: 'no-cache', 'content-type': /^application\/json/ })
    const body = answer.json()
    t.match(body, { token_type: 'Bearer', expires_in: 600 })
    t.same(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'refresh_token'])
    const options = { issuer: 'http://localhost:8000', audience: 'http://localhost:8000', typ: 'at+jwt' }
    const { payload, protectedHeader } = await jwtVerify(body.access_token, jwks, options)
    t.match(protectedHeader, { alg: 'ES256', typ: 'at+jwt', kid: /^[\w-]{43}$/ })
    t.match(payload, {
      ...{
        sub: id,
        client_id: 'public',
        amr: ['pwd'],
        email: 'alice@example.com',
        email_verified: true,
        backend: 'local'
      },
      ...{ permissions: ['blog.add_post', 'blog.undeclared', 'shop.sell'], groups: ['editors'] },
      ...{ jti: /^[\da-f-]{36}$/, sid: /^[\da-f-]{36}$/ }
    })
    for (const name of ['iat', 'exp', 'auth_time']) t.ok(Number.isInteger(payload[name]), name)
    t.equal(Number(payload.exp) - Number(payload.iat), 600)
    t.notOk('scope' in payload || 'name' in payload, 'what was not asked for or is not known is left out')
  })

  t.test('the audience', async (t) => {
    const blog = claimsOf(await accessToken('alice@example.com', password, { audience: 'https://blog.example.com' }))
    matchLists(t, blog, { aud: 'https://blog.example.com', permissions: ['blog.add_post', 'blog.undeclared'] })
    t.equal(
      claimsOf(await accessToken('alice@example.com', password, { resource: 'https://blog.example.com' })).aud,
      blog.aud
    )
    const spring = await accessToken('alice@example.com', password, { audience: 'https://spring.example.com' })
    t.match((await jwtVerify(spring, jwks)).protectedHeader, { alg: 'RS256', typ: 'JWT' })
    const edwards = await accessToken('alice@example.com', password, { audience: 'edwards' })
    t.match((await jwtVerify(edwards, jwks)).protectedHeader, { alg: 'EdDSA' })
    for (const [audience, why] of [
      ['https://other.example.com', 'unknown'],
      ['https://blog.example.com/', 'compared as it is']
    ] as const) {
      const answer = await token({ grant_type: 'password', username: 'alice@example.com', password, audience })
      t.match([answer.statusCode, answer.json().error], [400, 'invalid_target'], why)
    }
    const twice = (parameters: string) =>
      app.inject({
        method: 'POST',
        url: '/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
        payload: `grant_type=password&username=alice%40example.com&password=correct+horse+battery&${parameters}`
      })
    const several = await twice('audience=https://blog.example.com&audience=edwards')
    t.match([several.statusCode, several.json().error], [400, 'invalid_target'], 'several')
    t.equal((await twice('audience=edwards&resource=edwards')).statusCode, 200, 'one that is named twice is one')
  })

  t.test('an audience with a lifetime and claims of its own', async (t) => {
    const fields = { grant_type: 'password', username: 'stan', password: env.SUE, audience: 'edwards' }
    const answer = (await token(fields)).json()
    t.equal(answer.expires_in, 90)
    const claims = claimsOf(answer.access_token)
    t.match(claims, { given: 'Stan', exp: Number(claims.iat) + 90 })
    t.notOk('nick' in claims, 'a field without a value is no claim')
    t.notOk('given' in claimsOf(await accessToken('stan', env.SUE)), 'nobody else’s')
  })

  t.test('the scope', async (t) => {
    const some = claimsOf(await accessToken('alice@example.com', password, { scope: 'blog.add_post shop.*' }))
    matchLists(t, some, { scope: 'blog.add_post shop.*', permissions: ['blog.add_post', 'shop.sell'] })
    const less = claimsOf(
      await accessToken('alice@example.com', password, { scope: 'blog.delete_post shop.sell admin.* latchkey.admin' })
    )
    matchLists(t, less, { scope: 'shop.sell', permissions: ['shop.sell'] }, 'a scope that is not held is not granted')
    const none = claimsOf(await accessToken('alice@example.com', password, { scope: 'nothing' }))
    matchLists(t, none, { scope: '', permissions: [] })
    const bad = await token({ grant_type: 'password', username: 'alice@example.com', password, scope: 'a"b' })
    t.match([bad.statusCode, bad.json().error], [400, 'invalid_scope'])
  })

  t.test('large and slim tokens', async (t) => {
    const names = Array.from({ length: 300 }, (_, at) => `big.permission_number_${at}`)
    await latchkey.store.permissions.declare(Object.fromEntries(names.map((name) => [name, name])))
    const large = claimsOf(await accessToken('sue', env.SUE))
    t.equal(large.permissions, undefined, 'a superuser with 300 permissions logs in')
    t.match(large.permissions_digest, /^[\w-]{43}$/)
    const slim = claimsOf(await accessToken('stan', env.SUE, { audience: 'https://slim.example.com' }))
    t.equal(slim.permissions_digest, permissionsDigest(['blog.add_post', 'shop.sell']))
    t.match(slim, {
      backend: 'settings',
      name: 'Stan Static',
      groups: ['staff'],
      email: 'stan@example.com',
      email_verified: true
    })
  })

  t.test('who is refused, and that nobody can tell why', async (t) => {
    const refusals = [
      { username: 'alice@example.com', password: 'wrong' },
      { username: 'nobody@example.com', password },
      { username: 'not an address', password },
      { username: 'none@example.com', password },
      { username: 'gone@example.com', password },
      { username: 'stan', password: 'wrong' }
    ]
    const answers = await Promise.all(refusals.map((fields) => token({ grant_type: 'password', ...fields })))
    const seen = answers.map(({ statusCode, body, headers }) => {
      const { 'x-request-id': _id, date: _date, ...rest } = headers
      return JSON.stringify({ statusCode, body, rest })
    })
    t.equal(new Set(seen).size, 1, 'status, body and headers are the same')
    t.equal(answers[0]?.statusCode, 400)
    t.same(answers[0]?.json(), { error: 'invalid_grant', error_description: 'The credentials were not accepted' })
    t.equal(answers[0]?.headers['www-authenticate'], undefined)
  })

  t.test('guesses are slowed down', async (t) => {
    for (let n = 0; n < 5; n++)
      t.equal((await token({ grant_type: 'password', username: 'sue', password: 'x' })).statusCode, 400)
    const answer = await token({ grant_type: 'password', username: 'sue', password: env.SUE })
    t.equal(answer.statusCode, 429)
    t.same(answer.json().error, 'slow_down')
    t.match(answer.headers['retry-after'], /^\d+$/)
  })

  t.test('malformed requests', async (t) => {
    const form = 'application/x-www-form-urlencoded'
    const json = 'application/json'
    const good = { grant_type: 'password', username: 'alice@example.com', password }
    const text = new URLSearchParams(good).toString()
    const table: ReadonlyArray<
      readonly [name: string, type: string, payload: string | Buffer, status: number, error?: string]
    > = [
      [
        'JSON, where the grant is the password by default',
        json,
        JSON.stringify({ username: good.username, password }),
        200
      ],
      ['a charset', `${json}; charset=utf-8`, JSON.stringify(good), 200],
      ['an unknown form parameter is ignored', form, `${text}&nonce=1`, 200],
      ['but none comes twice', form, `${text}&nonce=1&nonce=2`, 400, 'invalid_request'],
      ['an audience without a value beside one', form, `${text}&audience=&audience=edwards`, 200],
      ['audiences without a value alone', form, `${text}&audience=&audience=`, 200],
      ['a name without a value beside one', form, `${text}&username=`, 400, 'invalid_request'],
      ['another charset', `${form}; charset=latin1`, text, 400, 'invalid_request'],
      ['an unknown JSON member', json, JSON.stringify({ ...good, nonce: 1 }), 400, 'invalid_request'],
      ['null', json, JSON.stringify({ ...good, password: null }), 400, 'invalid_request'],
      ['an array', json, JSON.stringify({ ...good, password: [password] }), 400, 'invalid_request'],
      ['a number', json, JSON.stringify({ ...good, password: 1 }), 400, 'invalid_request'],
      ['true', json, JSON.stringify({ ...good, username: true }), 400, 'invalid_request'],
      ['an object', json, JSON.stringify({ ...good, username: {} }), 400, 'invalid_request'],
      ['an empty password', json, JSON.stringify({ ...good, password: '' }), 400, 'invalid_request'],
      ['an empty password in a form', form, 'grant_type=password&username=a&password=', 400, 'invalid_request'],
      ['a doubled parameter', form, `${text}&username=b`, 400, 'invalid_request'],
      ['a doubled grant', form, `${text}&grant_type=password`, 400, 'invalid_request'],
      ['a doubled JSON member', json, '{"username":"a","username":"b","password":"c"}', 400, 'invalid_request'],
      [
        'a doubled JSON member, escaped',
        json,
        '{"username":"a","user\\u006eame":"b","password":"c"}',
        400,
        'invalid_request'
      ],
      ['__proto__', json, '{"username":"a","password":"c","__proto__":{"x":1}}', 400, 'invalid_request'],
      ['no grant', form, 'username=a&password=b', 400, 'invalid_request'],
      ['another grant', form, 'grant_type=implicit', 400, 'unsupported_grant_type'],
      ['a grant that is no text', json, '{"grant_type":1}', 400, 'invalid_request'],
      ['a prototype name', form, 'grant_type=constructor', 400, 'unsupported_grant_type'],
      ['no password', form, 'grant_type=password&username=a', 400, 'invalid_request'],
      ['a control character', form, `${text.replace('alice', 'ali%00ce')}`, 400, 'invalid_request'],
      ['bytes that are no UTF-8', form, 'grant_type=password&username=%ff%fe&password=x', 400, 'invalid_request'],
      ['a body that is no UTF-8', json, Buffer.from([0x7b, 0xff, 0x7d]), 400, 'invalid_request'],
      ['a lone surrogate', json, '{"username":"\\ud800","password":"x"}', 400, 'invalid_request'],
      ['a long name', json, JSON.stringify({ ...good, username: 'a'.repeat(321) }), 400, 'invalid_request'],
      ['a long password', json, JSON.stringify({ ...good, password: 'a'.repeat(1025) }), 400, 'invalid_request'],
      ['a huge body', json, JSON.stringify({ ...good, password: 'a'.repeat(20_000) }), 413, 'invalid_request'],
      ['deep arrays', json, `${'['.repeat(8000)}${']'.repeat(8000)}`, 400, 'invalid_request'],
      ['no JSON', json, '{', 400, 'invalid_request'],
      ['a JSON text', json, '"x"', 400, 'invalid_request'],
      ['many parameters', form, 'a=1&'.repeat(60), 400, 'invalid_request'],
      ['nothing', form, '', 400, 'invalid_request'],
      ['plain text', 'text/plain', text, 415, 'invalid_request'],
      ['a multipart form', 'multipart/form-data; boundary=x', text, 415, 'invalid_request'],
      [
        'a backend that may not be chosen',
        json,
        JSON.stringify({ ...good, backend: 'local' }),
        400,
        'unauthorized_client'
      ],
      ['a client that is not there', form, `${text}&client_id=nope`, 401, 'invalid_client'],
      ['a client secret', form, `${text}&client_secret=x`, 401, 'invalid_client'],
      ['no body at all', json, '', 400, 'invalid_request'],
      ['JSON null', json, 'null', 400, 'invalid_request']
    ]
    for (const [name, type, payload, status, error] of table) {
      const answer = await app.inject({ method: 'POST', url: '/token', headers: { 'content-type': type }, payload })
      t.equal(answer.statusCode, status, `${name}: ${answer.body.slice(0, 120)}`)
      if (error) t.match(answer.json(), { error, error_description: String }, name)
      t.equal(answer.headers['cache-control'], 'no-store', name)
      t.notOk(answer.body.includes(password), `${name}: nothing of the password comes back`)
    }
    const basic = await app.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': form, authorization: `Basic ${Buffer.from('a:b').toString('base64')}` },
      payload: text
    })
    t.equal(basic.statusCode, 401)
    t.match(basic.headers['www-authenticate'], /^Basic /)
    const lost = await app.inject('/nowhere?password=hunter2')
    t.equal(lost.statusCode, 404)
    t.notOk(lost.body.includes('hunter2') || latchkey.log().includes('hunter2'), 'a URL is neither echoed nor logged')
  })

  t.test('no secret in the log', async (t) => {
    const log = latchkey.log()
    for (const secret of [password, env.SUE, 'eyJ']) t.notOk(log.includes(secret), secret)
    t.match(log, /"event":"login"/)
    t.match(log, /"event":"login_failed"/)
  })
})

t.test('without publicClient nobody is served', async (t) => {
  const { token, addUser } = await openTestLatchkey(t, 'backends: [{ id: local, type: local }]')
  await addUser({ email: 'alice@example.com', password })
  const answer = await token({ grant_type: 'password', username: 'alice@example.com', password })
  t.match([answer.statusCode, answer.json().error], [401, 'invalid_client'])
})

t.test('the limit per address', async (t) => {
  const limited = 'publicClient: true\nlimits: { ip: { max: 3, window: 1m } }\nbackends: [{ id: local, type: local }]'
  const { token, app } = await openTestLatchkey(t, `${limited}\nlogin: { failureFloor: 1ms }`)
  for (let n = 0; n < 3; n++)
    t.equal((await token({ grant_type: 'password', username: 'x', password: 'y' })).statusCode, 400)
  const answer = await token({ grant_type: 'password', username: 'x', password: 'y' })
  t.match([answer.statusCode, answer.json().error], [429, 'slow_down'])
  t.match(answer.headers, { 'retry-after': /^\d+$/, 'cache-control': 'no-store' })
  t.notOk(Object.keys(answer.headers).some((name) => name.startsWith('x-ratelimit')))
  t.equal((await app.inject('/livez')).statusCode, 200)
})

t.test('an IPv6 /64 is one address, and an IPv4 address within IPv6 is itself', async (t) => {
  const one = 'publicClient: true\nlogin: { failureFloor: 1ms }\nbackends: [{ id: local, type: local }]'
  const byAddress = await openTestLatchkey(t, `${one}\nlimits: { ip: { max: 2, window: 1m }, account: false }`)
  const byAccount = await openTestLatchkey(t, `${one}\nlimits: { ip: false, account: { failures: 2, window: 1m } }`)
  for (const { app } of [byAddress, byAccount]) {
    const ask = async (remoteAddress: string): Promise<number> => {
      const payload = { username: 'ann', password: 'y' }
      return (await app.inject({ method: 'POST', url: '/token', remoteAddress, payload })).statusCode
    }
    for (const address of ['2001:db8::1', '2001:db8::f:0:0:2']) t.equal(await ask(address), 400, address)
    t.equal(await ask('2001:db8::3'), 429)
    t.equal(await ask('2001:db8:0:1::1'), 400, 'another subscriber')
    for (const address of ['::ffff:192.0.2.1', '192.0.2.1']) t.equal(await ask(address), 400, address)
    t.equal(await ask('::ffff:192.0.2.1'), 429)
    t.equal(await ask('::ffff:192.0.2.2'), 400)
  }
})

t.test('a failed login is answered no sooner than the floor', async (t) => {
  const { token } = await openTestLatchkey(
    t,
    'publicClient: true\nbackends: [{ id: local, type: local }]\nlogin: { failureFloor: 300ms }'
  )
  const began = performance.now()
  await token({ grant_type: 'password', username: 'x', password: 'y' })
  t.ok(performance.now() - began >= 299)
})

t.test('registered clients', async (t) => {
  const secret = (name: string) => `the secret of ${name}: a+b %&=, of many bytes`
  const config = `
login: { failureFloor: 1ms }
audiences: [{ id: blog, permissions: ["blog.*"] }]
backends:
  - { id: local, type: local }
  - { id: settings, type: static, users: [{ username: stan, email: stan@example.com, password: "\${SUE}" }] }
clients:
  - { id: blog, secret: "${secret('blog')}", grants: [password], audiences: [blog] }
  - { id: "odd:name+%", secret: "${secret('odd')}", grants: [password], backends: [settings], chooseBackend: true }
  - { id: robot, secret: "${secret('robot')}", grants: [client_credentials] }
`
  const { app, addUser } = await openTestLatchkey(t, config, env)
  await addUser({ email: 'alice@example.com', password, permissions: ['blog.add', 'shop.sell'] })
  const alice = { grant_type: 'password', username: 'alice@example.com', password }
  const stan = { grant_type: 'password', username: 'stan', password: env.SUE }
  const encoded = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
  const basic = (id: string, name: string) =>
    `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret(name))}`).toString('base64')}`
  const post = async (fields: Record<string, string>, authorization?: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...(authorization ? { authorization } : {}) }
    const payload = new URLSearchParams(fields).toString()
    const answer = await app.inject({ method: 'POST', url: '/token', headers, payload })
    return { status: answer.statusCode, challenge: answer.headers['www-authenticate'], ...answer.json() }
  }
  const { access_token } = await post(alice, basic('blog', 'blog'))
  t.match(
    claimsOf(access_token),
    { client_id: 'blog', aud: 'blog', permissions: ['blog.add'] },
    'its first audience is its default'
  )
  t.equal((await post({ ...alice, client_id: 'blog', client_secret: secret('blog') })).status, 200, 'in the body')
  t.equal((await post(stan, basic('odd:name+%', 'odd'))).status, 200, 'both halves are form-encoded')
  t.equal((await post({ ...stan, backend: 'settings' }, basic('odd:name+%', 'odd'))).status, 200)
  t.match(await post({ ...stan, backend: 'local' }, basic('odd:name+%', 'odd')), {
    status: 400,
    error: 'invalid_request'
  })
  t.match(await post({ ...stan, backend: 'settings' }, basic('blog', 'blog')), {
    status: 400,
    error: 'unauthorized_client'
  })
  t.match(
    await post(alice, basic('odd:name+%', 'odd')),
    { status: 400, error: 'invalid_grant' },
    'only its own backends'
  )
  t.match(await post({ ...alice, audience: 'http://localhost:8000' }, basic('blog', 'blog')), {
    status: 400,
    error: 'invalid_target'
  })
  t.match(await post(alice, basic('robot', 'robot')), { status: 400, error: 'unauthorized_client' })
  for (const header of [basic('blog', 'odd'), basic('nobody', 'blog'), 'Basic !', 'Basic', 'Basic Og==', 'Bearer x']) {
    t.match(await post(alice, header), { status: 401, error: 'invalid_client', challenge: /^Basic / }, header)
  }
  t.match(await post({ ...alice, client_id: 'blog', client_secret: 'x' }), {
    status: 401,
    error: 'invalid_client',
    challenge: undefined
  })
  t.match(await post({ ...alice, client_secret: secret('blog') }), { status: 401, error: 'invalid_client' })
  t.match(
    await post({ ...alice, client_secret: secret('blog') }, basic('blog', 'blog')),
    { status: 400, error: 'invalid_request', challenge: undefined },
    'two ways at once'
  )
  t.match(await post({ ...alice, client_id: 'robot' }, basic('blog', 'blog')), { status: 401 }, 'two clients at once')
  t.match(await post({ ...alice, client_id: 'blog' }), { status: 401 }, 'a client without its secret')
  t.match(await post(alice), { status: 401, error: 'invalid_client' }, 'nobody')
})
