import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { createSeal } from '../../src/tokens/seal.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { grantPermissions, setActive } from '../store/acts.ts'
import { type Ask, call, type Method } from './admin-calls.ts'

const secret = 'a secret of at least thirty-two bytes'
const clientSecret = 'the secret of a client, of thirty-two bytes'
const password = 'correct horse battery'
const yaml = `
publicClient: true
secret: ${secret}
login: { failureFloor: 1ms }
limits: { ip: false }
backends: [{ id: local, type: local }, { id: fixed, type: static, users: [{ username: bob, email: bob@example.com, password: "a password of bob" }] }]
audiences: [{ id: blog, permissions: ["*"] }]
clients:
  - { id: robot, secret: "${clientSecret}", grants: [client_credentials, password, refresh_token], permissions: ["latchkey.view_user"],
      accessTtl: 5m, limits: { max: 900, window: 1m } }
permissions: { declare: { blog.add_post: x } }
`

interface Operation {
  readonly method: Method
  readonly path: string
  readonly url: string
  /** The permission that its description names; undefined for one's own account. */
  readonly needs: string | undefined
}

const document = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8'))
const operations: readonly Operation[] = Object.entries(
  document.paths as Record<string, Record<string, { description?: string; security?: unknown[] }>>
).flatMap(([path, methods]) =>
  /^\/(admin|account)(\/|$)/.test(path)
    ? Object.entries(methods)
        .filter(([, { security }]) => security?.length !== 0)
        .map(([method, { description = '' }]) => ({
          method: method.toUpperCase() as Method,
          path,
          url: path.replace(/\{\w+\}/g, 'none'),
          needs: /Needs `([\w.]+)`/.exec(description)?.[1]
        }))
    : []
)

/** The same as somebody with a token would send it: nothing in it is as it should be. */
async function askBadly({ app }: TestLatchkey, { method, url }: Operation, token?: string) {
  return app.inject({
    method,
    url: `${url}?limit=none&unknown=1`,
    headers: { 'content-type': 'text/plain', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(method === 'GET' ? {} : { payload: '{"wrong": '.repeat(40_000) })
  })
}

async function tokensOf(latchkey: TestLatchkey) {
  const { accessToken, addUser, store, token } = latchkey
  await addUser({ email: 'root@example.com', password, superuser: true })
  const user = await addUser({ email: 'user@example.com', password, permissions: ['blog.add_post'] })
  await addUser({ email: 'inactive@example.com', password, superuser: true })
  await addUser({ email: 'out@example.com', password, superuser: true })
  const root = await accessToken('root@example.com', password)
  const [head = ''] = root.split('.')
  const key = createSeal([secret], 'signing keys').open((await store.keys.all())[0]?.sealed ?? '') ?? ''
  const forged = (more: object) => {
    const input = `${head}.${Buffer.from(JSON.stringify({ ...claimsOf(root), ...more })).toString('base64url')}`
    return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const inactive = await accessToken('inactive@example.com', password)
  await setActive(store, String(claimsOf(inactive).sub), false, Date.now())
  const loggedOut = await accessToken('out@example.com', password)
  await store.users.logOut(String(claimsOf(loggedOut).sub), Date.now())
  const session = await token({
    ...{ grant_type: 'password', username: 'root@example.com', password },
    ...{ client_id: 'robot', client_secret: clientSecret }
  })
  const ended: { access_token: string; refresh_token: string } = session.json()
  await store.sessions.end([String(claimsOf(ended.access_token).sid)], Date.now() + 600_000)
  const own = await token({ grant_type: 'client_credentials', client_id: 'robot', client_secret: clientSecret })
  const now = Math.floor(Date.now() / 1000)
  return {
    root,
    user: { id: user, token: await accessToken('user@example.com', password) },
    narrowed: await accessToken('root@example.com', password, { scope: 'blog.*' }),
    dead: {
      'not a token': 'abc',
      expired: forged({ exp: now - 1, iat: now - 100 }),
      'of another issuer': forged({ iss: 'https://elsewhere.example.com' }),
      'for another audience': await accessToken('root@example.com', password, { audience: 'blog' }),
      'of a client for itself': own.json<{ access_token: string }>().access_token,
      'of somebody inactive': inactive,
      'of somebody logged out': loggedOut,
      'of a session that ended': ended.access_token,
      'a refresh token': ended.refresh_token,
      'with the signature of another': `${root.slice(0, -8)}AAAAAAAA`
    }
  }
}

t.test('every route asks for the right before anything else', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const { dead, user, narrowed, root } = await tokensOf(latchkey)
  const rights = [...new Set(operations.flatMap(({ needs }) => needs ?? []))]
  const tokens = new Map<string, { only: string; without: string }>()
  for (const right of rights) {
    const only = await latchkey.addUser({ email: `only-${right}@example.com`, password, permissions: [right] })
    const others = rights.filter((other) => other !== right)
    await latchkey.addUser({ email: `not-${right}@example.com`, password, permissions: others })
    t.ok(only)
    tokens.set(right, {
      only: await latchkey.accessToken(`only-${right}@example.com`, password),
      without: await latchkey.accessToken(`not-${right}@example.com`, password)
    })
  }
  t.ok(operations.length > 15, `${operations.length} operations`)
  for (const operation of operations) {
    const name = `${operation.method} ${operation.path}`
    const answers = async (status: number, who: string, token?: string) => {
      const answer = await askBadly(latchkey, operation, token)
      t.equal(answer.statusCode, status, `${name}: ${who}`)
      t.match(answer.headers, { 'content-type': /^application\/problem\+json/, 'cache-control': 'no-store' }, name)
      return answer
    }
    const nobody = await answers(401, 'nobody')
    t.equal(nobody.headers['www-authenticate'], 'Bearer realm="latchkey"')
    for (const [who, token] of Object.entries(dead)) {
      const { headers } = await answers(401, who, token)
      t.equal(headers['www-authenticate'], 'Bearer error="invalid_token", realm="latchkey"')
    }
    if (operation.path.startsWith('/account')) continue
    t.ok(operation.needs, `${name} says what it needs`)
    const { headers } = await answers(403, 'a user', user.token)
    t.equal(headers['www-authenticate'], 'Bearer error="insufficient_scope", realm="latchkey"')
    await answers(403, 'an administrator whose token says blog.*', narrowed)
    const administrators = tokens.get(operation.needs ?? '')
    await answers(403, 'who holds every other right', administrators?.without)
    for (const token of [administrators?.only, root]) {
      const { statusCode } = await askBadly(latchkey, operation, token)
      t.ok([400, 404, 413, 415, 204].includes(statusCode), `${name}: with the right it is ${statusCode}`)
    }
  }
})

t.test('what is no route tells nobody so without a token', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const { root } = await tokensOf(latchkey)
  for (const [method, url] of [
    ['GET', '/admin'],
    ['GET', '/admin/nothing'],
    ['PUT', '/admin/clients'],
    ['POST', '/account/nothing']
  ] as const) {
    const payload = method === 'GET' ? {} : { payload: 'x', headers: { 'content-type': 'text/plain' } }
    t.equal((await latchkey.app.inject({ method, url, ...payload })).statusCode, 401, `${method} ${url}`)
    const known = await latchkey.app.inject({ method, url, headers: { authorization: `Bearer ${root}` } })
    t.equal(known.statusCode, method === 'PUT' ? 405 : 404)
    if (method === 'PUT') t.equal(known.headers.allow, 'GET, HEAD, POST')
    else t.match(known.json(), { type: 'urn:latchkey:problem:not-found', status: 404 })
  }
})

t.test('what needs no body takes none that is called JSON', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const { root, user } = await tokensOf(latchkey)
  const nobody = '01a2228d-0e2d-71d5-a058-000000000000'
  const ask = async (method: 'POST' | 'PUT' | 'DELETE', url: string, token: string, payload = '') => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    return latchkey.app.inject({ method, url, headers, payload })
  }
  t.equal((await ask('DELETE', `/admin/users/${nobody}`, root)).statusCode, 404)
  t.equal((await ask('PUT', `/admin/groups/${nobody}/members/${nobody}`, root)).statusCode, 404)
  t.equal((await ask('POST', '/admin/keys/rotate', root)).statusCode, 200)
  t.equal((await ask('POST', '/userinfo', root)).statusCode, 200)
  t.equal((await ask('DELETE', '/account/sessions', user.token)).statusCode, 204)
  const missing = await ask('POST', '/admin/users', root)
  t.match(missing.json(), { status: 400, detail: 'The body is missing' }, 'what needs one says so')
  t.equal((await ask('DELETE', `/admin/users/${nobody}`, root, '{')).statusCode, 400, 'one that is there is read')
})

t.test('a right is what is held now', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const id = await latchkey.addUser({ email: 'ann@example.com', password })
  const token = await latchkey.accessToken('ann@example.com', password)
  const ask = async () => (await call(latchkey, token, 'GET', '/admin/backends')).status
  t.equal(await ask(), 403)
  await grantPermissions(latchkey.store, id, ['latchkey.view_backend'])
  t.equal(await ask(), 200, 'granted after the token was issued')
})

interface Opened extends TestLatchkey {
  readonly ask: Ask
  readonly root: string
}

async function opened(t: Test, more = ''): Promise<Opened> {
  const latchkey = await openTestLatchkey(t, yaml + more)
  await latchkey.addUser({ email: 'root@example.com', password, superuser: true })
  const root = await latchkey.accessToken('root@example.com', password)
  const ask: Ask = (method, url, payload, headers) => call(latchkey, root, method, url, payload, headers)
  return { ...latchkey, root, ask }
}

async function clients(t: Test, latchkey: Opened): Promise<void> {
  const { ask } = latchkey
  const made = await ask('POST', '/admin/clients', {
    ...{ id: 'shop', grants: ['password', 'client_credentials'], audiences: ['blog'], permissions: ['blog.add_post'] }
  })
  t.equal(made.status, 201)
  t.equal(made.headers.location, 'http://localhost:8000/admin/clients/shop')
  t.match(made.body, { id: 'shop', origin: 'database', secret: /^[\w-]{43}$/, chooseBackend: false })
  const getsToken = async (given: string) =>
    (await latchkey.token({ grant_type: 'client_credentials', client_id: 'shop', client_secret: given })).statusCode
  t.equal(await getsToken(made.body.secret), 200, 'and it works')

  const read = await ask('GET', '/admin/clients/shop')
  const { secret: _shown, ...rest } = made.body
  t.same(read.body, rest)
  t.equal(read.headers.etag, made.headers.etag)
  t.notMatch(JSON.stringify(read.body), /hash/)

  const ids = async (query = '') =>
    (await ask('GET', `/admin/clients${query}`)).body.items.map(({ id }: { id: string }) => id)
  t.same(await ids(), ['robot', 'shop'])
  t.same(await ids('?search=s'), ['shop'])
  const first = await ask('GET', '/admin/clients?limit=1')
  t.same(
    first.body.items.map(({ id }: { id: string }) => id),
    ['robot']
  )
  t.same(await ids(`?limit=1&cursor=${first.body.next}`), ['shop'])
  t.notMatch(JSON.stringify(first.body), /thirty-two bytes/, 'no secret of the configuration')
  matchLists(t, first.body.items[0], { origin: 'configuration', accessTtl: '300s', limits: { max: 900 }, secrets: [] })

  const changes = await Promise.all(
    [{ chooseBackend: true }, { accessTtl: '5m' }].map((change) =>
      ask('PATCH', '/admin/clients/shop', change, { 'if-match': String(read.headers.etag) })
    )
  )
  t.same(changes.map(({ status }) => status).sort(), [200, 412], 'of two who change what they read one wins')
  const anew = await ask('PATCH', '/admin/clients/shop', { chooseBackend: true, accessTtl: '5m' })
  matchLists(t, anew.body, { chooseBackend: true, accessTtl: '5m', audiences: ['blog'] })
  t.not(anew.headers.etag, read.headers.etag)
  const back = await ask('PATCH', '/admin/clients/shop', { accessTtl: null })
  t.notOk('accessTtl' in back.body, 'null takes back')
  t.equal((await ask('PATCH', '/admin/clients/shop', {}, { 'if-match': '*' })).status, 200)
  for (const tag of ['"1"', 'W/"1"', 'x', ''])
    t.equal((await ask('PATCH', '/admin/clients/shop', {}, { 'if-match': tag })).status, 412, tag)

  const rotated = await ask('POST', '/admin/clients/shop/rotate-secret', { keep: '0' })
  t.equal(rotated.status, 200)
  t.not(rotated.body.secret, made.body.secret)
  t.equal((await ask('POST', '/admin/clients/shop/rotate-secret')).body.secrets.length, 2, 'a day for the old one')
  const many = Array.from({ length: 20 }, (_, at) => ask('PATCH', '/admin/clients/shop', { accessTtl: `${at + 1}m` }))
  t.same([...new Set((await Promise.all(many)).map(({ status }) => status))], [200], 'one after the other')
  await ask('PATCH', '/admin/clients/shop', { accessTtl: null })

  const keyed = await ask('POST', '/admin/clients', {
    ...{ id: 'keyed', jwksUri: 'https://keyed.example.com/jwks', grants: ['client_credentials'] }
  })
  t.equal(keyed.status, 201)
  t.notOk('secret' in keyed.body, 'who proves itself by keys has no secret')
  t.match((await ask('POST', '/admin/clients/keyed/rotate-secret')).body, { status: 409 })

  for (const [why, status, method, url, body] of [
    ['taken', 409, 'POST', '', { id: 'shop' }],
    ['of the configuration', 409, 'POST', '', { id: 'robot' }],
    ['of the configuration', 409, 'PATCH', '/robot', { chooseBackend: true }],
    ['of the configuration', 409, 'DELETE', '/robot', undefined],
    ['of the configuration', 409, 'POST', '/robot/rotate-secret', {}],
    ['the public client', 400, 'POST', '', { id: 'public' }],
    ['a space', 400, 'POST', '', { id: 'a b' }],
    ['no id', 400, 'POST', '', {}],
    ['an unknown field', 400, 'POST', '', { id: 'x', secret: 'my own' }],
    ['a grant that is none', 400, 'POST', '', { id: 'x', grants: ['implicit'] }],
    ['another audience', 400, 'POST', '', { id: 'x', audiences: ['elsewhere'] }],
    ['a backend that is not there', 400, 'PATCH', '/shop', { backends: ['corp'] }],
    ['a list for a text', 400, 'POST', '', { id: ['x'] }],
    ['null for a text', 400, 'POST', '', { id: null }],
    ['NUL', 400, 'POST', '', { id: 'a\u0000' }],
    ['too long', 400, 'POST', '', { id: 'x'.repeat(129) }],
    ['no object', 400, 'POST', '', []],
    ['no JSON', 400, 'POST', '', '{"id": "x"'],
    ['twice', 400, 'POST', '', '{"id": "x", "id": "y"}'],
    ['nothing', 400, 'POST', '', ''],
    ['huge', 413, 'POST', '', { id: 'x'.repeat(300_000) }],
    ['a private key', 400, 'POST', '', { id: 'x', jwks: { keys: [{ kty: 'EC', d: 'private' }] } }],
    ['not a duration', 400, 'POST', '/shop/rotate-secret', { keep: 'long' }],
    ['nobody', 404, 'PATCH', '/nobody', {}],
    ['nobody', 404, 'GET', '/nobody', undefined],
    ['nobody', 404, 'DELETE', '/nobody', undefined],
    ['a cursor of nobody', 400, 'GET', '?cursor=%00', undefined],
    ['a limit of nothing', 400, 'GET', '?limit=0', undefined],
    ['a limit beyond all', 400, 'GET', '?limit=1000000', undefined],
    ['an unknown parameter', 400, 'GET', '?serach=x', undefined]
  ] as const) {
    const answer = await ask(method, `/admin/clients${url}`, body)
    t.equal(answer.status, status, `${why}: ${JSON.stringify(answer.body)}`)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.notMatch(JSON.stringify(answer.body), /private"|my own/)
  }
  const wrong = await ask('POST', '/admin/clients', { id: 'x', grants: 1, audiences: [2], more: 3 })
  t.same(
    wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort(),
    ['/audiences/0', '/grants', '/more'],
    'every mistake at once'
  )

  t.equal((await ask('DELETE', '/admin/clients/shop', undefined, { 'if-match': '"1"' })).status, 412)
  t.equal((await ask('DELETE', '/admin/clients/shop')).status, 204)
  t.equal((await ask('GET', '/admin/clients/shop')).status, 404)
  t.notMatch(latchkey.log(), made.body.secret)
}

t.test('nobody makes a client that may more than they do', async (t) => {
  const latchkey = await opened(t)
  const permissions = ['latchkey.add_client', 'latchkey.change_client', 'latchkey.view_client']
  await latchkey.addUser({ email: 'clerk@example.com', password, permissions })
  const clerk = await latchkey.accessToken('clerk@example.com', password)
  const ask: Ask = (method, url, payload) => call(latchkey, clerk, method, url, payload)
  const grants = ['client_credentials']
  const powerful = { id: 'x', grants, permissions: ['blog.add_post'] }
  t.match((await ask('POST', '/admin/clients', powerful)).body, { status: 403, detail: /blog\.add_post/ })
  t.equal((await latchkey.ask('POST', '/admin/clients', powerful)).status, 201)
  t.equal((await ask('POST', '/admin/clients/x/rotate-secret')).status, 403, 'nor takes over one that does')
  t.equal((await ask('PATCH', '/admin/clients/x', { permissions: [] })).status, 403)
  t.equal((await ask('POST', '/admin/clients', { ...powerful, id: 'y', permissions: [permissions[0]] })).status, 201)
})

async function sessions(t: Test, latchkey: Opened): Promise<void> {
  const { ask } = latchkey
  const ann = await latchkey.addUser({ email: 'ann@example.com', password })
  const logIn = async () => {
    const fields = { grant_type: 'password', username: 'ann@example.com', password }
    return (await latchkey.token({ ...fields, client_id: 'robot', client_secret: clientSecret })).json()
  }
  const logins = [await logIn(), await logIn(), await logIn()]
  const all = await ask('GET', `/admin/sessions?user=${ann}`)
  t.equal(all.body.items.length, 3)
  t.match(all.body.items[0], { user: ann, client: 'robot', backend: 'local', audience: 'http://localhost:8000' })
  const pages: string[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page = await ask('GET', `/admin/sessions?client=robot&limit=2${next && `&cursor=${next}`}`)
    pages.push(...page.body.items.map(({ id }: { id: string }) => id))
    next = page.body.next
  }
  t.same(pages, [...new Set(pages)])
  t.equal(pages.length, 3)
  t.same((await ask('GET', '/admin/sessions?client=nobody')).body, { items: [], next: null })
  const elsewhere = (await ask('GET', '/admin/permissions?limit=1')).body.next
  for (const list of ['/admin/sessions', '/admin/audit', '/admin/webhooks/deliveries', '/account/sessions'])
    t.equal((await ask('GET', `${list}?cursor=${elsewhere}`)).status, 400, `${list}: a cursor of another list`)
  const found: string[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page = await ask('GET', `/admin/sessions?search=ANN&limit=2${next && `&cursor=${next}`}`)
    found.push(...page.body.items.map(({ id }: { id: string }) => id))
    next = page.body.next
  }
  t.same(found, pages, "the beginning of the user's e-mail, which is kept in lower case")
  t.equal((await ask('GET', `/admin/sessions?search=a&user=${ann}&client=robot`)).body.items.length, 3)
  for (const none of ['search=ann&client=public', 'search=%25', 'search=nn@'])
    t.same((await ask('GET', `/admin/sessions?${none}`)).body.items, [], none)
  t.equal((await ask('GET', '/admin/sessions?search=')).status, 400)

  const [first, second, third] = logins
  const sid = claimsOf(first.access_token).sid
  t.same((await ask('GET', `/admin/sessions/${sid}`)).body, all.body.items[0])
  t.equal((await ask('DELETE', `/admin/sessions/${sid}`)).status, 204)
  t.equal((await latchkey.userinfo(first.access_token)).statusCode, 401)
  t.equal((await ask('DELETE', `/admin/sessions/${sid}`)).status, 404)
  t.equal((await ask('GET', `/admin/sessions/${sid}`)).status, 404)

  await t.test("and one's own", async (t) => {
    const own: Ask = (method, url) => call(latchkey, second.access_token, method, url)
    const mine = await own('GET', '/account/sessions')
    t.equal(mine.body.items.length, 2)
    t.equal(
      (await call(latchkey, latchkey.root, 'GET', '/account/sessions')).body.items.every(
        ({ user }: { user: string }) => user !== ann
      ),
      true
    )
    const other = claimsOf(third.access_token).sid
    t.equal((await call(latchkey, latchkey.root, 'DELETE', `/account/sessions/${other}`)).status, 404, "another's")
    t.equal((await own('DELETE', `/account/sessions/${other}`)).status, 204)
    t.equal((await latchkey.userinfo(third.access_token)).statusCode, 401)
    t.equal((await own('DELETE', '/account/sessions')).status, 204)
    t.equal((await own('GET', '/account/sessions')).status, 401, 'this one has ended, too')
  })
}

async function keysAndBackends(t: Test, latchkey: Opened): Promise<void> {
  const { ask } = latchkey
  const { items } = (await ask('GET', '/admin/keys')).body
  matchLists(t, items, [{ algorithm: 'ES256', state: 'current', own: false }])
  t.same((await ask('GET', `/admin/keys/${items[0].kid}`)).body, items[0])
  t.notMatch(JSON.stringify(items), /sealed|"d"|PRIVATE/)
  matchLists(t, (await ask('POST', '/admin/keys/rotate')).body, { items: [{ state: 'next' }] })
  const now = await ask('POST', '/admin/keys/rotate', { now: true, algorithm: 'ES256' })
  matchLists(t, now.body, { items: [{ state: 'current' }] })
  const [signing] = now.body.items
  const jwks = (await latchkey.app.inject('/.well-known/jwks.json')).json()
  t.ok(jwks.keys.some(({ kid }: { kid: string }) => kid === signing.kid))
  const all = (await ask('GET', '/admin/keys')).body.items
  const keysBy = async (query: string) => (await ask('GET', `/admin/keys?${query}`)).body
  const [oldest] = all
  t.same(await keysBy(`search=${oldest.kid.slice(0, 12)}`), { items: [oldest], next: null })
  t.same((await keysBy(`search=${oldest.kid.slice(1)}`)).items, [], 'from the beginning on')
  t.same((await keysBy('search=%25')).items, [])
  const page = await ask('GET', '/admin/keys?limit=1')
  t.same(await keysBy(`search=${signing.kid}&limit=1&cursor=${page.body.next}`), { items: [signing], next: null })
  t.equal((await ask('GET', '/admin/keys?search=')).status, 400)
  t.equal((await ask('POST', '/admin/keys/rotate', { algorithm: 'RS256' })).status, 409)
  t.equal((await ask('POST', '/admin/keys/rotate', { algorithm: 'HS256' })).status, 400)
  t.equal((await ask('DELETE', '/admin/keys/none')).status, 404)
  const token = await latchkey.accessToken('root@example.com', password)
  t.equal((await ask('DELETE', `/admin/keys/${signing.kid}`)).status, 204)
  t.equal((await latchkey.userinfo(token)).statusCode, 401, 'what it signed is refused at once')
  t.equal((await ask('DELETE', `/admin/keys/${signing.kid}`)).status, 204, 'twice is the same')

  const backends = (await ask('GET', '/admin/backends')).body
  matchLists(t, backends, { items: [{ id: 'local', type: 'local', state: 'closed' }, { id: 'fixed' }], next: null })
  t.same((await ask('GET', '/admin/backends/fixed')).body, backends.items[1])
  t.equal((await ask('GET', '/admin/backends/none')).status, 404)
  t.same((await ask('GET', '/admin/backends?search=fi')).body.items, [backends.items[1]])
}

t.test('on SQLite', async (t) => {
  for (const [name, check] of Object.entries({ clients, sessions, keysAndBackends }))
    await t.test(name, async (t) => check(t, await opened(t)))
})

t.test('on MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const server = await startMariadb()
  t.teardown(() => server.stop())
  for (const [name, check] of Object.entries({ clients, sessions, keysAndBackends })) {
    const database = `database: { url: "${await server.database(name.toLowerCase())}" }`
    await t.test(name, async (t) => check(t, await opened(t, database)))
  }
})
