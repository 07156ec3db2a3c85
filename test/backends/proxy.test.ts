import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { HeaderCredentials } from '../../src/auth/backend.ts'
import { headerOf, singleHeader } from '../../src/backends/proxy/headers.ts'
import { proxyMistakes } from '../../src/backends/proxy/options.ts'
import { usernameCleaner } from '../../src/backends/proxy/username.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { serve } from '../serve.ts'
import { setActive } from '../store/acts.ts'

const grant = 'urn:latchkey:params:oauth:grant-type:proxy'
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const secret = 'a-secret-of-the-proxy-which-is-long-enough'
const elsewhere = '192.0.2.9'
const names = '{ username: Remote-User, email: Remote-Email, name: Remote-Name, groups: Remote-Groups }'
const yamlOf = (options: string, more = '', clients = 'publicClient: true') => `
${clients}
login: { failureFloor: 1ms }
limits: { ip: false }
backends:
  - { id: sso, type: proxy, headers: ${names}, email: { domains: [example.com], fallback: "{username}@example.com" }, ${options} }
  - { id: local, type: local }
${more}
`
const trusted = 'from: [127.0.0.1]'

/** POST /token with headers, from an address. */
const ask = (
  { app }: TestLatchkey,
  headers: Record<string, string>,
  { from = '127.0.0.1', fields = {} }: { from?: string; fields?: Record<string, string> } = {}
) =>
  app.inject({
    method: 'POST',
    url: '/token',
    remoteAddress: from,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams({ grant_type: grant, ...fields }).toString()
  })

const knownUser = { 'remote-user': 'knownuser' }
const newUser = { 'remote-user': 'newuser' }
const claimsBy = async (latchkey: TestLatchkey, headers: Record<string, string>) => {
  const answer = await ask(latchkey, headers)
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return claimsOf(answer.json().access_token)
}

t.test('Django’s RemoteUserTest', async (t) => {
  t.test('no remote user: nobody is logged in, and nobody made', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    for (const headers of [{}, { 'remote-user': '' }, { 'remote-user': ' ' }, { 'remote-email': 'a@example.com' }]) {
      const answer = await ask(latchkey, headers)
      t.equal(answer.statusCode, 400)
      t.equal(answer.json().error, 'invalid_grant')
    }
    t.equal(await latchkey.store.users.count(), 0)
  })

  t.test('an unknown user is made once', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    const { sub } = await claimsBy(latchkey, newUser)
    t.match(await latchkey.store.users.byId(String(sub)), {
      email: 'newuser@example.com',
      identities: [{ backend: 'sso', subject: 'newuser', username: 'newuser' }]
    })
    t.equal((await claimsBy(latchkey, newUser)).sub, sub)
    t.equal(await latchkey.store.users.count(), 1)
  })

  t.test('known users are those who are there; another name is somebody else', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    const one = await latchkey.addUser({ email: 'knownuser@example.com' })
    const two = await latchkey.addUser({ email: 'knownuser2@example.com' })
    t.equal((await claimsBy(latchkey, knownUser)).sub, one)
    t.equal((await claimsBy(latchkey, { 'remote-user': 'knownuser2' })).sub, two)
    t.equal(await latchkey.store.users.count(), 2)
  })

  t.test('the last login is set by a login, and not by what follows in its session', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    const id = await latchkey.addUser({ email: 'knownuser@example.com' })
    const lastLogin = async () => (await latchkey.store.users.byId(id))?.lastLoginAt
    t.equal(await lastLogin(), null)
    const { refresh_token } = (await ask(latchkey, knownUser)).json()
    const first = await lastLogin()
    t.type(first, 'number')
    await new Promise((resolve) => setTimeout(resolve, 5))
    t.equal((await latchkey.token({ grant_type: 'refresh_token', refresh_token })).statusCode, 200)
    t.equal(await lastLogin(), first)
  })

  t.test('the header disappears: no new proof, and users of other backends stay as they are', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    await latchkey.addUser({ email: 'modeluser@example.com', password: 'foo' })
    await ask(latchkey, knownUser)
    t.equal((await ask(latchkey, {})).statusCode, 400)
    t.match(claimsOf(await latchkey.accessToken('modeluser@example.com', 'foo')), { backend: 'local' })
  })

  t.test('PersistentRemoteUserTest: a session lives on without the header', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    const { refresh_token } = (await ask(latchkey, knownUser)).json()
    const again = await latchkey.token({ grant_type: 'refresh_token', refresh_token })
    t.match(claimsOf(again.json().access_token), { backend: 'sso', email: 'knownuser@example.com' })
  })

  t.test('another name in the header is another login', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    const [one, two] = [await claimsBy(latchkey, knownUser), await claimsBy(latchkey, { 'remote-user': 'newnewuser' })]
    t.not(one.sub, two.sub)
    t.not(one.sid, two.sid)
  })

  t.test('an inactive user is refused', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted))
    const id = await latchkey.addUser({ email: 'knownuser@example.com' })
    const { access_token, refresh_token } = (await ask(latchkey, knownUser)).json()
    await setActive(latchkey.store, id, false, Date.now())
    t.equal((await ask(latchkey, knownUser)).statusCode, 400)
    t.equal((await latchkey.userinfo(access_token)).statusCode, 401)
    t.equal((await latchkey.token({ grant_type: 'refresh_token', refresh_token })).statusCode, 400)
  })

  t.test('RemoteUserNoCreateTest: an unknown user stays unknown, a known one is let in', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(`${trusted}, create: false`))
    t.equal((await ask(latchkey, newUser)).statusCode, 400)
    t.equal(await latchkey.store.users.count(), 0)
    const id = await latchkey.addUser({ email: 'knownuser@example.com' })
    t.equal((await claimsBy(latchkey, knownUser)).sub, id)
  })

  t.test('AllowAllUsersRemoteUserBackendTest: an inactive user is let in, without permissions', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(`${trusted}, allowInactive: true, grants: [blog.view_post]`))
    const id = await latchkey.addUser({ email: 'knownuser@example.com', permissions: ['blog.add_post'] })
    await setActive(latchkey.store, id, false, Date.now())
    const answer = (await ask(latchkey, knownUser)).json()
    matchLists(t, claimsOf(answer.access_token), { sub: id, permissions: [] })
    t.equal((await latchkey.userinfo(answer.access_token)).statusCode, 200)
    const again = await latchkey.token({ grant_type: 'refresh_token', refresh_token: answer.refresh_token })
    t.equal(again.statusCode, 200)
  })

  t.test('RemoteUserCustomTest: names are cleaned, and the fields follow the headers at each login', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(`${trusted}, stripDomains: [example.com, CORP], lowerCase: true`))
    const headers = {
      'remote-user': 'newuser@example.com',
      'remote-email': 'user@example.com',
      'remote-name': 'Doe, N.'
    }
    const first = await claimsBy(latchkey, headers)
    t.match(first, { email: 'user@example.com', name: 'Doe, N.' })
    const second = await claimsBy(latchkey, { ...headers, 'remote-user': 'corp\\NewUser', 'remote-name': 'New Name' })
    t.match(second, { sub: first.sub, name: 'New Name' })
    matchLists(t, await latchkey.store.users.byId(String(first.sub)), { identities: [{ subject: 'newuser' }] })
  })

  t.test('CustomHeaderRemoteUserTest: the header is the one that is configured, and no other', async (t) => {
    const latchkey = await openTestLatchkey(t, yamlOf(trusted).replace('Remote-User', 'AuthUser'))
    t.equal((await ask(latchkey, knownUser)).statusCode, 400)
    t.match(await claimsBy(latchkey, { authuser: 'knownuser' }), { email: 'knownuser@example.com' })
  })
})

t.test('who may say it: the address of the socket, the secret, or both where both are configured', async (t) => {
  const forwarded = { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1', 'x-real-ip': '127.0.0.1' }
  const byAddress = await openTestLatchkey(t, `listen: { trustedProxies: [${elsewhere}] }\n${yamlOf(trusted)}`)
  t.equal((await ask(byAddress, knownUser)).statusCode, 200)
  t.equal((await ask(byAddress, knownUser, { from: '::ffff:127.0.0.1' })).statusCode, 200, 'IPv4 as IPv6')
  for (const from of [elsewhere, '127.0.0.2', '::1', 'fe80::1%eth0']) {
    t.equal((await ask(byAddress, { ...knownUser, ...forwarded }, { from })).statusCode, 400, from)
  }
  const bySecret = await openTestLatchkey(t, yamlOf(`secretHeader: { name: X-Proxy-Secret, value: ${secret} }`))
  const proof = { 'x-proxy-secret': secret }
  t.equal((await ask(bySecret, { ...knownUser, ...proof }, { from: elsewhere })).statusCode, 200)
  for (const wrong of ['', 'x', `${secret}x`, secret.slice(1), secret.toUpperCase(), `${secret}, ${secret}`]) {
    t.equal((await ask(bySecret, { ...knownUser, 'x-proxy-secret': wrong })).statusCode, 400, wrong)
  }
  t.equal((await ask(bySecret, knownUser)).statusCode, 400)
  const both = await openTestLatchkey(
    t,
    yamlOf(`${trusted}, secretHeader: { name: X-Proxy-Secret, value: "\${SECRET}" }`),
    { SECRET: secret }
  )
  t.equal((await ask(both, { ...knownUser, ...proof })).statusCode, 200)
  t.equal((await ask(both, knownUser)).statusCode, 400, 'the address alone')
  t.equal((await ask(both, { ...knownUser, ...proof }, { from: elsewhere })).statusCode, 400, 'the secret alone')
  t.match(both.log(), '"reason":"wrong-secret"')
  t.match(both.log(), '"reason":"from-elsewhere"')
  for (const latchkey of [byAddress, bySecret, both]) {
    t.notMatch(latchkey.log(), secret, 'no secret in the log')
    t.notMatch(latchkey.log(), 'newuser')
  }
})

/** One request as bytes, on a socket of its own: what no HTTP client would send. */
async function raw(t: Test, url: string, lines: readonly (string | Buffer)[]): Promise<number> {
  const { hostname, port } = new URL(url)
  const body = `grant_type=${encodeURIComponent(grant)}`
  const socket = connect(Number(port), hostname)
  t.teardown(() => socket.destroy())
  socket.write(
    'POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n'
  )
  for (const line of lines) socket.write(Buffer.concat([Buffer.from(line), Buffer.from('\r\n')]))
  socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`)
  return Number(/^HTTP\/1.1 (\d+)/.exec(await text(socket))?.[1])
}

t.test(
  'on the wire: a header that comes twice, empty, as a list, with underscores or not in UTF-8 is none',
  async (t) => {
    const { url, latchkey } = await serve(t, yamlOf('from: [127.0.0.0/8, "::1"]'))
    const latin1 = Buffer.from('Remote-User: zo\xeb', 'latin1')
    const refused: Record<string, readonly (string | Buffer)[]> = {
      twice: ['Remote-User: alice', 'Remote-User: admin'],
      'twice the same': ['Remote-User: alice', 'remote-user: alice'],
      'once empty': ['Remote-User: alice', 'Remote-User:'],
      empty: ['Remote-User:'],
      'spaces alone': ['Remote-User:   \t '],
      'a list': ['Remote-User: alice, admin'],
      'an underscore': ['Remote_User: alice'],
      underscores: ['REMOTE_USER: alice', 'HTTP_REMOTE_USER: alice'],
      'not UTF-8': [latin1],
      'a control character in UTF-8': [Buffer.from('Remote-User: a\u0085b')],
      'a replacement character': [Buffer.from('Remote-User: a\ufffdb')],
      'over-long': [`Remote-User: ${'x'.repeat(256)}`],
      none: []
    }
    for (const [name, lines] of Object.entries(refused)) t.equal(await raw(t, url, lines), 400, name)
    t.equal(await latchkey.store.users.count(), 0)
    t.equal(
      await raw(t, url, [Buffer.from('Remote-User: zoë'), 'Remote_User: admin']),
      200,
      'UTF-8, and the other is another'
    )
    t.match(await latchkey.store.users.byIdentity('sso', 'zoë'), { email: 'zoë@example.com' })
    t.equal(await raw(t, url, ['Remote-User: bob', 'Remote-Email: a@example.com', 'Remote-Email: b@example.com']), 200)
    t.match(await latchkey.store.users.byIdentity('sso', 'bob'), { email: 'bob@example.com' }, 'two addresses are none')
    t.equal(await raw(t, url, ['Remote-User: carol', 'Remote-Email: a@example.com,b@example.com']), 200)
    t.match(await latchkey.store.users.byIdentity('sso', 'carol'), { email: 'carol@example.com' })
  }
)

t.test('groups are what the header says, with the permissions that they have here, in whatever follows', async (t) => {
  const latchkey = await openTestLatchkey(t, yamlOf(trusted, 'audiences: [{ id: blog, permissions: ["blog.*"] }]'))
  const id = await latchkey.addUser({ email: 'knownuser@example.com', groups: ['own'] })
  const headers = { ...knownUser, 'remote-groups': ' editors,staff,, editors ' }
  matchLists(t, await claimsBy(latchkey, headers), { sub: id, groups: ['editors', 'own', 'staff'] })
  const answer = (await ask(latchkey, { ...knownUser, 'remote-groups': 'editors' })).json()
  t.same(claimsOf(answer.access_token).groups, ['editors', 'own'])

  const refreshed = (await latchkey.token({ grant_type: 'refresh_token', refresh_token: answer.refresh_token })).json()
  t.same(claimsOf(refreshed.access_token).groups, ['editors', 'own'], 'a refresh')
  const exchanged = await latchkey.token({
    ...{ grant_type: exchangeGrant, subject_token: answer.access_token, audience: 'blog' },
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token'
  })
  matchLists(t, claimsOf(exchanged.json().access_token), { aud: 'blog', backend: 'sso', groups: ['editors', 'own'] })
  t.same((await latchkey.userinfo(refreshed.access_token)).json().groups, ['editors', 'own'], 'userinfo')
  const forwarded = await latchkey.app.inject({
    url: '/auth',
    headers: { authorization: `Bearer ${refreshed.access_token}`, 'remote-user': 'admin' }
  })
  t.equal(forwarded.statusCode, 204)
  t.match(forwarded.headers, { 'x-auth-subject': id, 'x-auth-backend': 'sso' })
  t.same((await claimsBy(latchkey, knownUser)).groups, ['own'], 'without the header none')
})

t.test('what follows from a proof ends with it: session, access tokens, exchanges', async (t) => {
  const latchkey = await openTestLatchkey(t, yamlOf(`${trusted}, maxAge: 5m`))
  const before = Date.now() / 1000
  const answer = (await ask(latchkey, knownUser)).json()
  const claims = claimsOf(answer.access_token)
  matchLists(t, claims, { backend: 'sso', amr: [] })
  t.ok(Number(claims.exp) <= before + 302, 'not the ten minutes of others')
  const session = await latchkey.store.sessions.byId(String(claims.sid))
  t.ok(session && session.expiresAt <= Date.now() + 300_000)
  const refreshed = await latchkey.token({ grant_type: 'refresh_token', refresh_token: answer.refresh_token })
  t.ok(Number(claimsOf(refreshed.json().access_token).exp) <= Number(session?.expiresAt) / 1000)
  const again = await latchkey.store.sessions.byId(String(claims.sid))
  t.equal(again?.expiresAt, session?.expiresAt, 'a refresh is no proof')
  const usual = await openTestLatchkey(t, yamlOf(trusted))
  const { sid } = await claimsBy(usual, knownUser)
  const hour = await usual.store.sessions.byId(String(sid))
  t.ok(Math.abs(Number(hour?.expiresAt) - Date.now() - 3_600_000) < 10_000)
})

t.test('which clients: those that have the grant, and prove who they are', async (t) => {
  const long = (name: string) => `${name}-secret-`.repeat(8)
  const clients = `publicClient: false
clients:
  - { id: portal, secret: ${long('portal')}, grants: ["${grant}"], chooseBackend: true }
  - { id: blog, secret: ${long('blog')} }
  - { id: other, secret: ${long('other')}, grants: ["${grant}"], backends: [local] }
  - { id: reader, secret: ${long('reader')}, grants: [client_credentials] }`
  const latchkey = await openTestLatchkey(t, yamlOf(trusted, '', clients))
  const as = (client: string, more: Record<string, string> = {}) =>
    ask(latchkey, knownUser, { fields: { client_id: client, client_secret: long(client), ...more } })
  const answer = await as('portal')
  t.equal(answer.statusCode, 200, answer.body)
  t.equal(answer.json().refresh_token, undefined, 'no session without its grant')
  t.match(claimsOf(answer.json().access_token), { client_id: 'portal' })
  t.equal((await as('portal', { backend: 'sso' })).statusCode, 200)
  t.equal((await as('portal', { backend: 'local' })).json().error, 'invalid_grant', 'which takes no headers')
  t.equal((await as('portal', { username: 'x' })).statusCode, 200, 'a form’s unknown parameters are ignored')
  t.equal((await as('blog')).json().error, 'unauthorized_client')
  t.equal((await as('other')).json().error, 'invalid_grant', 'its backends take no headers')
  t.equal((await ask(latchkey, knownUser)).statusCode, 401)
  t.equal((await ask(latchkey, knownUser, { fields: { client_id: 'portal', client_secret: 'x' } })).statusCode, 401)
  const introspected = await latchkey.app.inject({
    method: 'POST',
    url: '/introspect',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({
      ...{ token: answer.json().access_token, client_id: 'reader', client_secret: long('reader') }
    }).toString()
  })
  t.match(introspected.json(), { active: true, backend: 'sso', username: 'knownuser@example.com' })
  const discovery = (await latchkey.app.inject('/.well-known/openid-configuration')).json()
  t.ok(discovery.grant_types_supported.includes(grant))

  const without = await openTestLatchkey(t, 'publicClient: true\nbackends: [{ id: local, type: local }]')
  t.equal((await ask(without, knownUser)).json().error, 'unsupported_grant_type', 'where nobody takes headers')
  const { grant_types_supported } = (await without.app.inject('/.well-known/oauth-authorization-server')).json()
  t.notOk(grant_types_supported.includes(grant))
  const open = `publicClient: true\nclients: [{ id: a, authentication: none, grants: ["${grant}"] }]`
  await t.rejects(openTestLatchkey(t, yamlOf(trusted, '', open)), /clients\[0\].grants: .*prove who they are/)
})

t.test('joins, limits and the rest of the chain are as for every backend', async (t) => {
  const yaml = yamlOf(trusted).replace('limits: { ip: false }', 'limits: { ip: { max: 4, window: 1h } }')
  const latchkey = await openTestLatchkey(t, yaml)
  const id = await latchkey.addUser({ email: 'knownuser@example.com', password: 'pw', superuser: true })
  t.equal((await ask(latchkey, knownUser)).statusCode, 400, 'nobody joins a superuser by an e-mail')
  t.same((await latchkey.store.users.byId(id))?.identities, [])
  t.match(latchkey.log(), '"reason":"privileged"')
  t.equal((await ask(latchkey, { 'remote-user': 'a', 'remote-email': 'a@elsewhere.example' })).statusCode, 400)
  const both = { ...knownUser, authorization: 'Basic eDp5' }
  t.equal((await ask(latchkey, both)).statusCode, 401, 'client authentication is looked at first')
  const guess = { grant_type: 'password', username: 'knownuser', password: 'x' }
  t.equal((await latchkey.token(guess)).statusCode, 400, 'a password is nothing to it')
  t.equal((await ask(latchkey, newUser)).statusCode, 429, 'the limit of addresses counts all grants')
})

t.test('a header’s value', async (t) => {
  const of = (...headers: [string, string][]): HeaderCredentials => ({ kind: 'header', headers, peer: '127.0.0.1' })
  t.same(headerOf(of(['a', 'x']), 'a'), { value: 'x' })
  t.same(headerOf(of(['a', 'x, y']), 'a'), { value: 'x, y' })
  t.same(singleHeader(of(['a', 'x, y']), 'a'), { fault: 'list' })
  t.same(headerOf(of(['b', 'x']), 'a'), { fault: 'missing' })
  t.same(headerOf(of(['a', 'x'], ['a', 'x']), 'a'), { fault: 'repeated' })
  t.same(headerOf(of(['a', '\u0161dmin']), 'a'), { fault: 'malformed' }, 'no byte is cut into another letter')
  for (const odd of ['a\u0001b', 'a\u0085', 'a\ufffd'])
    t.same(headerOf(of(['a', Buffer.from(odd).toString('latin1')]), 'a'), { fault: 'malformed' }, JSON.stringify(odd))
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const header = headerOf(of(['a', Buffer.from(text).toString('latin1')]), 'a')
      return 'fault' in header || header.value === text.trim()
    })
  )
})

t.test('cleaned names', async (t) => {
  const clean = usernameCleaner({ stripDomains: ['CORP', 'corp.example.com'], lowerCase: false })
  const rows = [
    ['alice', 'alice'],
    ['CORP\\alice', 'alice'],
    ['corp\\Alice', 'Alice'],
    ['OTHER\\alice', 'OTHER\\alice'],
    ['alice@CORP.EXAMPLE.COM', 'alice'],
    ['alice@evil.example', 'alice@evil.example'],
    ['alice@corp.example.com@evil.example', 'alice@corp.example.com@evil.example'],
    ['OTHER\\alice@corp.example.com', 'OTHER\\alice'],
    ['corp.example.com', 'corp.example.com'],
    ['\\alice', '\\alice'],
    ['x'.repeat(255), 'x'.repeat(255)],
    ['CORP\\', undefined],
    ['@corp.example.com', undefined],
    ['ａｌｉｃｅ', 'alice'],
    ['Zoe\u0308', 'Zoë'],
    ['x'.repeat(256), undefined]
  ] as const
  for (const [written, cleaned] of rows) t.equal(clean(written), cleaned, written.slice(0, 40))
  t.equal(usernameCleaner({ stripDomains: [], lowerCase: true })('ALICE'), 'alice')
  const plain = usernameCleaner({ stripDomains: [], lowerCase: false })
  t.equal(plain('Alice@Example.com'), 'Alice@Example.com')
  fc.assert(fc.property(fc.string(), (name) => plain(name) === undefined || plain(plain(name) ?? '') === plain(name)))
})

t.test('a door that is open to everybody is no configuration', async (t) => {
  const stripDomains: string[] = []
  const usual = { groupsSeparator: ',', stripDomains, lowerCase: false, maxAge: '1h', allowInactive: false }
  const headers = { username: 'Remote-User' }
  type Options = Partial<Parameters<typeof proxyMistakes>[0]>
  const paths = (options: Options) => proxyMistakes({ ...usual, headers, ...options }).map(({ path }) => path)
  const secretHeader = { name: 'X-Secret', value: secret }
  t.same(paths({ from: ['10.0.0.1'] }), [])
  t.same(paths({ secretHeader }), [])
  t.same(paths({}), ['/from'])
  t.same(paths({ from: ['0.0.0.0/0', '::/0'] }), ['/from/0', '/from/1'])
  t.same(paths({ from: ['10.0.0.0/8', '10.0.0/33'] }), ['/from/1'])
  t.same(paths({ secretHeader: { name: 'X-Secret', value: `short${' '.repeat(40)}` } }), ['/secretHeader/value'])
  t.same(paths({ secretHeader: { name: 'X-Secret', value: `${secret}\n${secret}` } }), ['/secretHeader/value'])
  t.same(paths({ secretHeader: { name: 'remote-user', value: secret } }), ['/headers/username'])
  t.same(paths({ secretHeader, headers: { username: 'Authorization' } }), ['/headers/username'])
  t.same(paths({ secretHeader, attributes: { department: 'x-forwarded-for' } }), ['/attributes/department'])
  t.same(paths({ secretHeader, maxAge: '5ms' }), ['/maxAge'])
  const start = (options: string) => openTestLatchkey(t, `backends: [{ id: sso, type: proxy, ${options} }]`)
  await t.rejects(start('headers: { username: Remote-User }'), /from: is missing, and so is secretHeader/)
  await t.rejects(start('from: [127.0.0.1]'), /headers: is missing/)
  await t.rejects(start('from: [127.0.0.1], headers: { username: REMOTE_USER }'), /letters, digits and dashes/)
})
