import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { answerJson, startFakeService } from '../servers/http-service.ts'
import { grantPermissions, setActive, setPasswordHash } from '../store/acts.ts'

const secretOf = (client: string): string => `${client} `.repeat(16)
const grants = '[password, refresh_token, client_credentials, "urn:ietf:params:oauth:grant-type:token-exchange"]'
const yaml = `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: false }
backends: [{ id: local, type: local }]
audiences: [{ id: blog, permissions: ["blog.*"] }, { id: shop, permissions: ["shop.*"], permissionsBy: reference },
  { id: quick, permissions: [], accessTtl: 30s }, { id: slow, permissions: [], accessTtl: 2m }]
clients:
  - { id: web, secret: "${secretOf('web')}", audiences: [blog, shop], grants: ${grants}, permissions: [blog.index, shop.sell] }
  - { id: other, secret: "${secretOf('other')}", audiences: [blog], grants: [password, refresh_token] }
  - { id: plain, secret: "${secretOf('plain')}", audiences: [blog], grants: [password] }
  - { id: short, secret: "${secretOf('short')}", audiences: [blog], grants: [password, refresh_token], refreshTtl: 1m }
  - { id: brief, secret: "${secretOf('brief')}", audiences: [blog, quick, slow], grants: [password], accessTtl: 1m }
`
const password = 'correct horse battery'
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

interface Tokens {
  access_token: string
  refresh_token: string
  scope?: string
  expires_in: number
  issued_token_type?: string
}

/** The ways in, as one client would take them. */
function waysOf({ app, token }: TestLatchkey, client = 'web') {
  const authenticated = client === 'public' ? {} : { client_id: client, client_secret: secretOf(client) }
  const post = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      payload: new URLSearchParams({ ...authenticated, ...fields }).toString()
    })
  return {
    login: async (more: Record<string, string> = {}): Promise<Tokens> => {
      const answer = await token({
        ...{ grant_type: 'password', username: 'ann@example.com', password },
        ...authenticated,
        ...more
      })
      if (answer.statusCode !== 200) throw new Error(answer.body)
      return answer.json<Tokens>()
    },
    refresh: (refresh_token: string, more: Record<string, string> = {}) =>
      token({ grant_type: 'refresh_token', refresh_token, ...authenticated, ...more }),
    exchange: (subject_token: string, more: Record<string, string> = {}) =>
      token({
        ...{ grant_type: exchangeGrant, subject_token, subject_token_type: accessTokenType },
        ...authenticated,
        ...more
      }),
    introspect: (token: string, headers: Record<string, string> = {}) => post('/introspect', { token }, headers),
    revoke: (token: string) => post('/revoke', { token }),
    auth: (token: string, query = '') =>
      app.inject({ url: `/auth${query}`, headers: { authorization: `Bearer ${token}` } })
  }
}

async function open(t: import('tap').Test): Promise<{ latchkey: TestLatchkey; id: string }> {
  const latchkey = await openTestLatchkey(t, yaml)
  const permissions = ['blog.add_post', 'blog.change_post', 'shop.sell']
  const id = await latchkey.addUser({ email: 'ann@example.com', password, permissions })
  return { latchkey, id }
}

t.test('refresh', async (t) => {
  const { latchkey, id } = await open(t)
  const { login, refresh } = waysOf(latchkey)
  const first = await login()
  const answer = await refresh(first.refresh_token)
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'cache-control': 'no-store', pragma: 'no-cache' })
  const second = answer.json<Tokens>()
  t.not(second.refresh_token, first.refresh_token)
  const [before, after] = [claimsOf(first.access_token), claimsOf(second.access_token)]
  for (const claim of ['sid', 'sub', 'aud', 'auth_time', 'amr', 'backend']) t.same(after[claim], before[claim], claim)
  t.not(after.jti, before.jti)

  const repeated = (await refresh(first.refresh_token)).json<Tokens>()
  t.equal(repeated.refresh_token, second.refresh_token, 'a lost reply: the same successor')
  const third = (await refresh(second.refresh_token)).json<Tokens>()
  t.equal((await refresh(third.refresh_token)).statusCode, 200)
  const reused = await refresh(first.refresh_token)
  t.equal(reused.statusCode, 400)
  t.equal(reused.json().error, 'invalid_grant')
  t.equal(reused.headers['www-authenticate'], undefined)
  t.equal((await refresh(third.refresh_token)).json().error, 'invalid_grant', 'reuse ended the session')
  t.equal((await latchkey.userinfo(third.access_token)).statusCode, 401, 'and its access tokens')
  t.match(latchkey.log(), /"event":"session_ended"[^\n]*used again/)

  await grantPermissions(latchkey.store, id, ['blog.delete_post'])
  const live = await login()
  await grantPermissions(latchkey.store, id, ['blog.publish'])
  const renewed = (await refresh(live.refresh_token)).json<Tokens>()
  t.ok((claimsOf(renewed.access_token).permissions as string[]).includes('blog.publish'), 'permissions of now')
})

t.test('50 refreshes at once are one line of succession', async (t) => {
  const { latchkey } = await open(t)
  const { login, refresh } = waysOf(latchkey)
  let { refresh_token: live } = await login()
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(live)))
    const next = new Set(answers.map((answer) => answer.json<Tokens>().refresh_token))
    t.equal(next.size, 1, `round ${round}`)
    const [successor] = next
    if (successor === undefined || successor === live) throw new Error('no successor')
    live = successor
  }
})

t.test('a session is bound to client, audience and scope', async (t) => {
  const { latchkey } = await open(t)
  const { login, refresh } = waysOf(latchkey)
  const other = waysOf(latchkey, 'other')
  const session = await login({ scope: 'blog.add_post blog.change_post shop.sell' })
  t.equal(session.scope, 'blog.add_post blog.change_post')
  t.equal((await other.refresh(session.refresh_token)).json().error, 'invalid_grant', 'another client')
  t.equal((await refresh(session.refresh_token, { audience: 'shop' })).json().error, 'invalid_target')
  t.equal((await refresh(session.refresh_token, { scope: 'shop.sell' })).json().error, 'invalid_scope')
  t.equal((await refresh(session.refresh_token, { scope: '*' })).json().error, 'invalid_scope')
  const less = (await refresh(session.refresh_token, { scope: 'blog.add_post', audience: 'blog' })).json<Tokens>()
  t.same(claimsOf(less.access_token).permissions, ['blog.add_post'])
  const whole = (await refresh(less.refresh_token)).json<Tokens>()
  t.same(claimsOf(whole.access_token).permissions, ['blog.add_post', 'blog.change_post'], 'less was for once')
  const nothing = await login({ scope: 'blog.none' })
  const still = (await refresh(nothing.refresh_token)).json<Tokens>()
  t.same(claimsOf(still.access_token).permissions, [], 'nothing granted stays nothing')
  for (const token of ['', 'x', session.access_token, 'A'.repeat(72)]) {
    t.equal((await refresh(token)).statusCode, 400, token.slice(0, 10))
  }
  t.notOk('refresh_token' in (await waysOf(latchkey, 'plain').login()), 'only where the client has the grant')
  t.equal((await waysOf(latchkey, 'plain').refresh(session.refresh_token)).json().error, 'unauthorized_client')
})

const rules: Record<string, (latchkey: TestLatchkey, id: string, tokens: Tokens) => Promise<unknown>> = {
  deactivation: ({ store }, id) => setActive(store, id, false, Date.now()),
  'deactivation and activation': async ({ store }, id) => {
    await setActive(store, id, false, Date.now())
    await setActive(store, id, true, Date.now())
  },
  'a new password': async ({ store, passwords }, id) =>
    setPasswordHash(store, id, await passwords.hash('another password'), Date.now()),
  'log out everywhere': ({ store }, id) => store.users.logOut(id, Date.now()),
  'revocation of the refresh token': async (latchkey, _id, { refresh_token }) => waysOf(latchkey).revoke(refresh_token),
  'the end of the session': async ({ store }, id) => {
    const ids = (await store.sessions.ofUser(id)).map((session) => session.id)
    await store.sessions.end(ids, Date.now() + 3_600_000)
  }
}

t.test('every rule holds on every way in', async (t) => {
  for (const [rule, apply] of Object.entries(rules)) {
    await t.test(rule, async (t) => {
      const { latchkey, id } = await open(t)
      const { login, refresh, exchange, introspect, auth } = waysOf(latchkey)
      const tokens = await login()
      const ways: Record<string, () => Promise<unknown>> = {
        refresh: async () => (await refresh(tokens.refresh_token)).statusCode,
        userinfo: async () => (await latchkey.userinfo(tokens.access_token)).statusCode,
        auth: async () => (await auth(tokens.access_token)).statusCode,
        exchange: async () => (await exchange(tokens.access_token, { audience: 'shop' })).json().error,
        introspection: async () => (await introspect(tokens.access_token)).json(),
        'introspection of the refresh token': async () => (await introspect(tokens.refresh_token)).json()
      }
      t.equal(await ways.userinfo?.(), 200)
      t.equal(await ways.auth?.(), 204)
      t.match(await ways.introspection?.(), { active: true })
      t.match(await ways['introspection of the refresh token']?.(), { active: true, token_type: 'refresh_token' })
      t.equal(await ways.exchange?.(), undefined)
      await apply(latchkey, id, tokens)
      const dead: Record<string, unknown> = {
        ...{ userinfo: 401, auth: 401, exchange: 'invalid_request', refresh: 400 },
        ...{ introspection: { active: false }, 'introspection of the refresh token': { active: false } }
      }
      for (const [way, ask] of Object.entries(ways)) t.same(await ask(), dead[way], way)
    })
  }
})

t.test('whoever is logged out while the backends are asked gets nothing', async (t) => {
  let meanwhile = async (): Promise<unknown> => undefined
  let mail = 'bob@example.com'
  const service = await startFakeService(t, async ({ json }, response) => {
    if (json.operation === 'permissions') await meanwhile()
    const content =
      json.operation === 'permissions' ? { permissions: [] } : { subject: '7', username: 'bob', email: mail }
    answerJson(response, 200, content)
  })
  const backend = `{ id: service, type: http, url: "${service.url}", email: { domains: [example.com] } }`
  const latchkey = await openTestLatchkey(t, yaml.replace('backends: [', `backends: [${backend}, `))
  const { users, administration } = latchkey.store
  const { exchange } = waysOf(latchkey)
  const logIn = () => latchkey.token({ grant_type: 'password', username: 'bob', password })
  const userId = async () => (await users.byIdentity('service', '7'))?.id ?? ''
  const underWay = async (way: () => Promise<{ statusCode: number; json(): { error?: string } }>) => {
    meanwhile = async () => users.logOut(await userId(), Date.now())
    const answer = await way()
    meanwhile = async () => undefined
    return [answer.statusCode, answer.json().error]
  }
  t.same(await underWay(logIn), [400, 'invalid_grant'], 'the first login')
  t.equal((await logIn()).statusCode, 200)
  mail = 'robert@example.com'
  t.same(await underWay(logIn), [400, 'invalid_grant'], 'a login that brings another e-mail')
  t.match(await users.byIdentity('service', '7'), { email: mail })
  const { access_token, refresh_token } = (await logIn()).json<Tokens>()
  t.same(await underWay(() => exchange(access_token)), [400, 'invalid_request'], 'an exchange')
  t.equal((await waysOf(latchkey, 'public').refresh(refresh_token)).json().error, 'invalid_grant')
  t.equal((await users.byIdentity('service', '7'))?.isActive, true)

  meanwhile = async () =>
    administration.change(async ({ users }) =>
      users.update(await userId(), { ownAttributes: { nick: 'B' } }, Date.now())
    )
  mail = 'third@example.com'
  t.equal((await logIn()).statusCode, 200, 'what else was administered meanwhile refuses nobody')
  t.match(await users.byIdentity('service', '7'), { email: mail, ownAttributes: { nick: 'B' } })
})

t.test('a session of a backend that left the configuration ends', async (t) => {
  const { latchkey } = await open(t)
  const { login } = waysOf(latchkey)
  const tokens = await login()
  const folder = latchkey.folder
  await latchkey.app.close()
  await latchkey.close()
  const changed = yaml.replace('{ id: local, type: local }', '{ id: own, type: local }')
  const next = await openTestLatchkey(t, changed, {}, folder)
  t.equal((await next.userinfo(tokens.access_token)).statusCode, 401)
  t.same((await waysOf(next).introspect(tokens.refresh_token)).json(), { active: false })
  t.equal((await waysOf(next).refresh(tokens.refresh_token)).json().error, 'invalid_grant')
  t.match(next.log(), /"event":"session_ended"[^\n]*left the configuration/)
})

t.test(
  'a session is refreshed while its client may ask its backend, and for its audience; it outlives both',
  async (t) => {
    const { latchkey } = await open(t)
    let { refresh_token } = await waysOf(latchkey).login()
    let current = latchkey
    const reopen = async (changed: string) => {
      await current.app.close()
      await current.close()
      current = await openTestLatchkey(t, changed, {}, latchkey.folder)
      return (await waysOf(current).refresh(refresh_token)).json()
    }
    const more = 'backends: [{ id: fixed, type: static, users: [{ username: x, email: x@example.com, password: x }] }, '
    const licences = {
      'another backend': yaml.replace('backends: [', more).replace('{ id: web,', '{ id: web, backends: [fixed],'),
      'another audience': yaml.replace('audiences: [blog, shop], grants', 'audiences: [shop], grants')
    }
    for (const [name, changed] of Object.entries(licences)) {
      t.not(changed, yaml)
      t.equal((await reopen(changed)).error, 'invalid_grant', name)
      const [event] = (await current.store.audit.find({ kind: 'refresh', limit: 1 })).items
      t.match(event, { outcome: 'refused', reason: 'not-for-client' })
      const again = await reopen(yaml)
      t.type(again.refresh_token, 'string', 'it has not ended')
      refresh_token = again.refresh_token
    }
  }
)

t.test('a session ends whose account is no longer the user’s, whoever took it away', async (t) => {
  for (const change of ["set subject = 'another'", "set backend = 'another'"]) {
    const { latchkey } = await open(t)
    const { login, refresh } = waysOf(latchkey)
    const { refresh_token } = await login()
    const db = new DatabaseSync(join(latchkey.folder, 'data/latchkey.db'))
    db.exec(`update latchkey_identities ${change}`)
    db.close()
    t.equal((await refresh(refresh_token)).json().error, 'invalid_grant', change)
    t.match(latchkey.log(), /"event":"session_ended"[^\n]*no longer the user/)
  }
})

t.test(
  'an expired session is dead on every way in, and what is exchanged outlives neither it nor its token',
  async (t) => {
    const { latchkey } = await open(t)
    const { login, refresh, introspect, exchange } = waysOf(latchkey)
    const tokens = await login()
    const now = Date.now()
    const set = (assignment: string) => {
      const db = new DatabaseSync(join(latchkey.folder, 'data/latchkey.db'))
      db.exec(`update latchkey_sessions set ${assignment}`)
      db.close()
    }
    const expiryOf = async (token: string) =>
      Number(claimsOf((await exchange(token, { audience: 'shop' })).json<Tokens>().access_token).exp)
    t.ok((await expiryOf(tokens.access_token)) > now / 1000 + 500)
    set(`expires_at = ${now + 60_000}`)
    t.equal(await expiryOf(tokens.access_token), Math.floor((now + 60_000) / 1000))
    const refreshed = (await refresh(tokens.refresh_token)).json<Tokens>()
    t.equal(claimsOf(refreshed.access_token).exp, Math.floor((now + 60_000) / 1000), 'nor what is refreshed')
    set(`idle_expires_at = ${now - 1}`)
    t.same((await introspect(refreshed.refresh_token)).json(), { active: false })
    t.equal((await refresh(refreshed.refresh_token)).json().error, 'invalid_grant')

    t.equal((await waysOf(latchkey, 'short').login()).expires_in, 60, 'nor does the first token of a session')
    const briefly = async (audience: string) => (await waysOf(latchkey, 'brief').login({ audience })).expires_in
    t.same(
      [await briefly('blog'), await briefly('quick'), await briefly('slow')],
      [60, 30, 60],
      'the shorter one counts'
    )
    const brief = (await waysOf(latchkey, 'brief').login()).access_token
    t.equal(await expiryOf(brief), claimsOf(brief).exp, 'without a session')
  }
)

t.test('client_credentials: a token that nobody mistakes for a user’s', async (t) => {
  const { latchkey } = await open(t)
  const { introspect, auth, exchange, revoke } = waysOf(latchkey)
  const fields = { grant_type: 'client_credentials', client_id: 'web', client_secret: secretOf('web') }
  const answer = await latchkey.token(fields)
  t.equal(answer.statusCode, 200)
  const body = answer.json<Tokens>()
  t.same(Object.keys(body), ['access_token', 'token_type', 'expires_in'], 'nothing to refresh')
  const claims = claimsOf(body.access_token)
  matchLists(t, claims, {
    sub: 'web',
    client_id: 'web',
    gty: 'client_credentials',
    aud: 'blog',
    permissions: ['blog.index']
  })
  for (const claim of ['email', 'backend', 'sid', 'auth_time']) t.notOk(claim in claims, claim)
  t.equal((await latchkey.userinfo(body.access_token)).statusCode, 401)
  t.equal((await auth(body.access_token)).statusCode, 401)
  t.equal((await exchange(body.access_token)).json().error, 'invalid_request')
  t.match((await introspect(body.access_token)).json(), { active: true, sub: 'web', gty: 'client_credentials' })
  t.equal((await revoke(body.access_token)).statusCode, 200)
  t.same((await introspect(body.access_token)).json(), { active: false })
  t.equal((await latchkey.token({ ...fields, audience: 'http://localhost:8000' })).json().error, 'invalid_target')
  t.equal(
    (await latchkey.token({ ...fields, client_id: 'plain', client_secret: secretOf('plain') })).json().error,
    'unauthorized_client'
  )
  const open_ = await latchkey.token({ grant_type: 'client_credentials' })
  t.equal(open_.json().error, 'unauthorized_client', 'the public client is nobody')
})

t.test('token exchange', async (t) => {
  const { latchkey, id } = await open(t)
  const { login, exchange } = waysOf(latchkey)
  const tokens = await login()
  const before = claimsOf(tokens.access_token)
  const answer = await exchange(tokens.access_token, { audience: 'shop' })
  t.equal(answer.statusCode, 200)
  const body = answer.json<Tokens>()
  t.equal(body.issued_token_type, accessTokenType)
  t.notOk('refresh_token' in body)
  const claims = claimsOf(body.access_token)
  t.match(claims, { aud: 'shop', sub: id, act: { sub: 'web' }, permissions_digest: /./, client_id: 'web' })
  for (const claim of ['sid', 'auth_time', 'backend', 'email']) t.same(claims[claim], before[claim], claim)
  t.same((await latchkey.userinfo(body.access_token)).json().permissions, ['shop.sell'])
  const again = await exchange(body.access_token, { audience: 'blog' })
  t.match(claimsOf(again.json<Tokens>().access_token), { act: { sub: 'web', act: { sub: 'web' } } })

  const narrow = (await waysOf(latchkey, 'public').login({ scope: 'blog.add_post' })).access_token
  const held = await waysOf(latchkey, 'public').exchange(narrow, { audience: 'blog' })
  t.same(claimsOf(held.json<Tokens>().access_token).permissions, ['blog.add_post'], 'the public client: no more')
  const wide = (await waysOf(latchkey, 'public').login({ scope: 'blog.*' })).access_token
  const less = await waysOf(latchkey, 'public').exchange(wide, { audience: 'blog', scope: 'blog.add_post shop.sell' })
  t.same(claimsOf(less.json<Tokens>().access_token).permissions, ['blog.add_post'], 'and less where it asks for less')
  const more = await exchange(narrow, { audience: 'blog' })
  t.same(claimsOf(more.json<Tokens>().access_token).permissions, ['blog.add_post', 'blog.change_post'])

  const refused: ReadonlyArray<readonly [Record<string, string>, string]> = [
    [{ audience: 'nobody' }, 'invalid_target'],
    [{ subject_token: tokens.refresh_token }, 'invalid_request'],
    [{ subject_token: 'x.y.z' }, 'invalid_request'],
    [{ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, 'invalid_request'],
    [{ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, 'invalid_request'],
    [{ actor_token: 'x', actor_token_type: accessTokenType }, 'invalid_request']
  ]
  for (const [fields, error] of refused) {
    const refusal = await exchange(tokens.access_token, fields)
    t.equal(refusal.statusCode, 400)
    t.equal(refusal.json().error, error, JSON.stringify(fields))
  }
})

t.test('/introspect', async (t) => {
  const { latchkey } = await open(t)
  const { login, introspect } = waysOf(latchkey)
  const tokens = await login()
  const answer = await introspect(tokens.access_token)
  t.match(answer.headers, { 'cache-control': 'no-store', 'content-type': /^application\/json/ })
  const { iss, sub, aud, exp, iat, jti } = claimsOf(tokens.access_token)
  t.match(answer.json(), {
    ...{ active: true, iss, sub, aud, exp, iat, jti, client_id: 'web', token_type: 'Bearer' },
    ...{ username: 'ann@example.com', permissions: ['blog.add_post', 'blog.change_post'] }
  })
  for (const token of ['x', `${tokens.access_token}x`, 'A'.repeat(72)]) {
    t.same((await introspect(token)).json(), { active: false })
  }
  t.same((await waysOf(latchkey, 'other').introspect(tokens.refresh_token)).json(), { active: false }, 'not its own')
  const signed = await introspect(tokens.access_token, { accept: 'application/token-introspection+jwt' })
  t.match(signed.headers['content-type'], 'application/token-introspection+jwt')
  const header = JSON.parse(Buffer.from(signed.body.split('.')[0] ?? '', 'base64url').toString())
  t.match(header, { typ: 'token-introspection+jwt', alg: 'ES256' })
  t.match(claimsOf(signed.body), { aud: 'web', iss, token_introspection: { active: true, sub } })
  t.equal((await latchkey.userinfo(signed.body)).statusCode, 401, 'and is no access token')
  const [json, jwt] = ['application/json', 'application/token-introspection+jwt']
  for (const [accept, expected] of [
    [`${jwt}, ${json}`, jwt],
    [`${json}, ${jwt}`, json],
    [`${json};q=0.5, ${jwt}`, jwt],
    [`${jwt};q=0.5, ${json}`, json],
    [`${jwt};q=0, */*`, json],
    [`${jwt};q=0.9, */*;q=0.1`, jwt],
    [jwt.toUpperCase(), jwt],
    ['*/*', json],
    ['application/*', json],
    ['text/html', json],
    [`text/x${jwt}`, json],
    ['', json],
    [';;,q=', json]
  ] as const) {
    const { headers, statusCode } = await introspect(tokens.access_token, { accept })
    t.match([statusCode, headers['content-type']], [200, expected], `Accept: ${accept}`)
  }
  const anonymous = await waysOf(latchkey, 'public').introspect(tokens.access_token)
  t.equal(anonymous.statusCode, 401)
  t.equal(anonymous.json().error, 'invalid_client')
  t.equal((await latchkey.app.inject({ method: 'POST', url: '/introspect' })).statusCode, 400)
})

t.test('a refresh token is alive for whoever may use it', async (t) => {
  const { latchkey, id } = await open(t)
  const before = waysOf(latchkey)
  const tokens = await before.login()
  await before.exchange(tokens.access_token)
  await latchkey.app.close()
  await latchkey.close()
  const web = /grants: .*, permissions: \[blog.index, shop.sell\]/
  const other = '{ id: own, type: proxy, from: [203.0.113.7], headers: { username: Remote-User } }'
  const changes: Readonly<Record<string, string>> = {
    'its audience is no longer the client’s': yaml.replace(
      'audiences: [blog, shop], grants',
      'audiences: [shop], grants'
    ),
    'its backend is not for the client': yaml
      .replace('backends: [', `backends: [${other}, `)
      .replace(web, `grants: ${grants}, backends: [own]`),
    'the client refreshes no longer': yaml.replace(web, 'grants: [password]')
  }
  for (const [change, changed] of Object.entries(changes)) {
    const next = await openTestLatchkey(t, changed, {}, latchkey.folder)
    const { introspect, refresh } = waysOf(next)
    t.same((await introspect(tokens.refresh_token)).json(), { active: false }, change)
    t.equal((await refresh(tokens.refresh_token)).statusCode, 400, change)
    await next.app.close()
    await next.close()
  }
  const lenient = yaml.replace('type: local', 'type: local, allowInactive: true')
  const last = await openTestLatchkey(t, lenient, {}, latchkey.folder)
  const { introspect, refresh } = waysOf(last)
  t.match((await introspect(tokens.refresh_token)).json(), { active: true }, 'nothing has ended it')
  await setActive(last.store, id, false, Date.now())
  const inactive = await waysOf(last).login()
  t.match((await introspect(inactive.refresh_token)).json(), { active: true }, 'a backend that lets inactive users in')
  t.equal((await refresh(inactive.refresh_token)).statusCode, 200)
})

t.test('a client’s own token ends with the client', async (t) => {
  const { latchkey } = await open(t)
  await latchkey.addUser({ email: 'root@example.com', password, superuser: true })
  const headers = { authorization: `Bearer ${await latchkey.accessToken('root@example.com', password)}` }
  const payload = { id: 'temporary', grants: ['client_credentials'], permissions: ['blog.index'] }
  const made = await latchkey.app.inject({ method: 'POST', url: '/admin/clients', headers, payload })
  t.equal(made.statusCode, 201, made.body)
  const client_secret = made.json<{ secret: string }>().secret
  const fields = { grant_type: 'client_credentials', client_id: 'temporary', client_secret }
  const { access_token } = (await latchkey.token(fields)).json<Tokens>()
  const { introspect } = waysOf(latchkey)
  t.match((await introspect(access_token)).json(), { active: true, sub: 'temporary' })
  await latchkey.app.inject({ method: 'DELETE', url: '/admin/clients/temporary', headers })
  // what is known of clients is two seconds old at most
  await sleep(2100)
  t.same((await introspect(access_token)).json(), { active: false })
})

t.test('/revoke', async (t) => {
  const { latchkey } = await open(t)
  const { login, revoke, refresh } = waysOf(latchkey)
  const tokens = await login()
  t.equal((await waysOf(latchkey, 'other').revoke(tokens.access_token)).json().error, 'unauthorized_client')
  t.equal((await waysOf(latchkey, 'other').revoke(tokens.refresh_token)).statusCode, 200, 'told nothing')
  t.equal((await latchkey.userinfo(tokens.access_token)).statusCode, 200)
  t.equal((await revoke(tokens.access_token)).statusCode, 200)
  t.equal((await latchkey.userinfo(tokens.access_token)).statusCode, 401)
  t.equal((await revoke(tokens.access_token)).statusCode, 200, 'twice')
  t.equal((await refresh(tokens.refresh_token)).statusCode, 200, 'one access token is not its session')
  const { statusCode, headers, body } = await revoke('nonsense')
  t.strictSame([statusCode, headers['content-type'], body], [200, undefined, ''], 'the status says it all')
  const open_ = waysOf(latchkey, 'public')
  const own = await open_.login()
  t.equal((await open_.revoke(own.refresh_token)).statusCode, 200)
  t.equal((await open_.refresh(own.refresh_token)).json().error, 'invalid_grant')
})

t.test('Envoy asks by any method, with the path behind a prefix, and takes 200 alone for a yes', async (t) => {
  const { latchkey, id } = await open(t)
  const { login } = waysOf(latchkey)
  const { access_token } = await login()
  const ask = (method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS', token: string) =>
    latchkey.app.inject({
      ...{ method, url: '/auth/envoy/blog//posts/7?permission=shop.sell&permission=x' },
      headers: { authorization: `Bearer ${token}`, 'content-length': '0', 'x-auth-permissions': 'shop.sell' }
    })
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    const { statusCode, headers, body } = await ask(method, access_token)
    t.same([statusCode, body, headers['x-auth-subject']], [200, '', id], method)
    t.equal(headers['x-auth-permissions'], 'blog.add_post blog.change_post')
    t.equal(headers['x-envoy-auth-headers-to-remove'], undefined)
  }
  for (const type of ['text/plain', 'application/json', 'multipart/form-data; boundary=x', undefined]) {
    const { statusCode } = await latchkey.app.inject({
      ...{ method: 'POST', url: '/auth/envoy/upload', payload: '{'.repeat(100_000) },
      headers: { authorization: `Bearer ${access_token}`, ...(type && { 'content-type': type }) }
    })
    t.equal(statusCode, 200, `whatever body Envoy sends along: ${type}`)
  }
  const refused = await ask('POST', 'nonsense')
  t.same(
    [refused.statusCode, refused.headers['www-authenticate']],
    [401, 'Bearer error="invalid_token", realm="latchkey"']
  )
  const many = Array.from({ length: 300 }, (_, at) => `blog.permission_number_${at}`)
  await latchkey.store.administration.change(async (tx) => {
    await tx.users.grant(id, many, Date.now())
  })
  const long = await ask('GET', (await login()).access_token)
  t.same([long.statusCode, long.headers['x-auth-permissions']], [200, undefined])
  t.equal(long.headers['x-envoy-auth-headers-to-remove'], 'x-auth-permissions', 'the caller writes none')
})

t.test('GET /auth', async (t) => {
  const { latchkey, id } = await open(t)
  const { login, auth } = waysOf(latchkey)
  const { access_token } = await login()
  const good = await auth(access_token)
  t.equal(good.statusCode, 204)
  t.match(good.headers, {
    'x-auth-subject': id,
    'x-auth-email': 'ann@example.com',
    'x-auth-backend': 'local',
    'x-auth-permissions': 'blog.add_post blog.change_post'
  })
  t.equal((await auth(access_token, '?permission=blog.add_post')).statusCode, 204)
  const forbidden = await auth(access_token, '?permission=shop.sell')
  t.equal(forbidden.statusCode, 403)
  t.match(forbidden.headers['www-authenticate'], 'insufficient_scope')
  const none = await latchkey.app.inject('/auth')
  t.equal(none.statusCode, 401)
  t.equal(none.headers['www-authenticate'], 'Bearer realm="latchkey"')
  const byReference = (await login({ audience: 'shop' })).access_token
  t.equal((await auth(byReference, '?permission=shop.sell')).statusCode, 204, 'a digest: the permissions of now')
  t.equal((await auth(byReference, '?permission=blog.add_post')).statusCode, 403)
})
