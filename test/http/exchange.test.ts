import t, { type Test } from 'tap'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { freePort } from '../servers/free-port.ts'
import { clientAtIssuer, issuerKey, startIssuer, type TestIssuer } from '../servers/issuer.ts'
import { setActive } from '../store/acts.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
const key = await issuerKey('one')
const secret = 'a secret of a client and thirty-two bytes long'

const configuration = (issuer: string, more = '', url = 'http://localhost:8000') => `
issuer: ${url}
publicClient: true
login: { failureFloor: 1ms }
backends:
  - { id: other, type: jwt, issuer: "${issuer}", audiences: [${clientAtIssuer}], email: { domains: [example.com] }${more} }
  - { id: local, type: local }
audiences: [{ id: "https://blog.example.com", permissions: ["blog.*"] }]
clients:
  - { id: shop, secret: ${secret} shop, audiences: ["${url}", "https://blog.example.com"], grants: [password, refresh_token, "${exchangeGrant}"] }
  - { id: narrow, secret: ${secret} narrow, grants: [refresh_token, "${exchangeGrant}"], backends: [local] }
  - { id: brief, secret: ${secret} brief, grants: ["${exchangeGrant}"] }
  - { id: without, secret: ${secret} without, grants: [password] }
`

const waysOf = (latchkey: TestLatchkey, client_id = 'shop') => {
  const proof: Record<string, string> =
    client_id === 'public' ? {} : { client_id, client_secret: `${secret} ${client_id}` }
  const post = (url: string, fields: Record<string, string>) =>
    latchkey.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ ...proof, ...fields }).toString()
    })
  return {
    exchange: (subject_token: string, more: Record<string, string> = {}) =>
      post('/token', { grant_type: exchangeGrant, subject_token, subject_token_type: type('jwt'), ...more }),
    refresh: (refresh_token: string) => post('/token', { grant_type: 'refresh_token', refresh_token }),
    introspect: async (token: string) => (await post('/introspect', { token })).json()
  }
}

async function world(t: Test, more?: string): Promise<{ issuer: TestIssuer; latchkey: TestLatchkey }> {
  const issuer = await startIssuer(t, key)
  return { issuer, latchkey: await openTestLatchkey(t, configuration(issuer.url, more)) }
}

const now = () => Math.floor(Date.now() / 1000)
const refused = {
  error: 'invalid_request',
  error_description: 'The subject_token is not valid, or not accepted here'
}

t.test('a token from elsewhere becomes a session, which ends an hour after that token was made', async (t) => {
  const claims = ', claims: { permissions: { claim: roles, prefix: blog. }, groups: groups }'
  const { issuer, latchkey } = await world(t, claims)
  const { exchange, refresh, introspect } = waysOf(latchkey)
  const iat = now() - 3300
  const token = await issuer.token({ iat, roles: ['add_post', 'view_post'], groups: ['staff'] })
  const answer = await exchange(token, { subject_token_type: type('id_token') })
  t.equal(answer.statusCode, 200, answer.body)
  const body = answer.json()
  t.match(body, { token_type: 'Bearer', issued_token_type: type('access_token'), refresh_token: String })
  const expected = {
    ...{ backend: 'other', email: 'ann@example.com', email_verified: true, client_id: 'shop', act: { sub: 'shop' } },
    ...{ permissions: ['blog.add_post', 'blog.view_post'], groups: ['staff'], amr: [] }
  }
  const issued = claimsOf(body.access_token)
  t.match(issued, expected)
  t.ok(Number(issued.exp) <= iat + 3600, 'the access token too')
  t.match((await latchkey.userinfo(body.access_token)).json(), { permissions: expected.permissions })
  t.match(await introspect(body.access_token), { active: true, act: { sub: 'shop' } })

  const refreshed = (await refresh(body.refresh_token)).json()
  t.match(claimsOf(refreshed.access_token), expected, 'the same after a refresh')
  const [session] = await latchkey.store.sessions.ofUser(String(issued.sub))
  t.ok(session && session.expiresAt <= (iat + 3600) * 1000 && session.expiresAt > (iat + 3590) * 1000)
  t.equal(session?.backend, 'other')

  const blog = (
    await exchange(await issuer.token(), { audience: 'https://blog.example.com', scope: 'blog.add_post' })
  ).json()
  matchLists(t, claimsOf(blog.access_token), { aud: 'https://blog.example.com', permissions: [], sub: issued.sub })
  matchLists(t, (await latchkey.userinfo(refreshed.access_token)).json(), { permissions: [] }, 'the last token counts')
  const ours = (await exchange(refreshed.access_token)).json()
  t.match(claimsOf(ours.access_token), { sub: issued.sub, backend: 'other' }, 'ours can be exchanged on')
  t.same((await exchange(refreshed.access_token, { subject_token_type: type('id_token') })).json(), refused)

  for (const part of [token, ...token.split('.')]) t.notOk(latchkey.log().includes(part), 'no token in the log')
})

t.test('a bad token is a bad request, one text for every cause; an outage is none', async (t) => {
  const { issuer, latchkey } = await world(t)
  const { exchange } = waysOf(latchkey)
  const good = await issuer.token()
  const stranger = await issuerKey('one')
  const bad: Record<string, string> = {
    'no token': 'x',
    'another issuer': await issuer.token({ iss: 'https://elsewhere.example' }),
    'our own issuer': await issuer.token({ iss: 'http://localhost:8000' }),
    expired: await issuer.token({ exp: now() - 60 }),
    'a wrong signature': await issuer.token({}, {}, stranger),
    'another audience': await issuer.token({ aud: 'http://localhost:8000' }),
    'no e-mail': await issuer.token({ email: undefined }),
    'an e-mail from elsewhere': await issuer.token({ email: 'ann@elsewhere.example' })
  }
  for (const [name, token] of Object.entries(bad)) {
    const answer = await exchange(token)
    t.equal(answer.statusCode, 400, name)
    t.same(answer.json(), refused, name)
    t.equal(answer.headers['www-authenticate'], undefined)
    t.equal(answer.headers['cache-control'], 'no-store')
  }
  t.match((await exchange(good, { subject_token_type: type('saml2') })).json(), { error: 'invalid_request' })
  t.match((await exchange(good, { audience: 'https://nobody.example' })).json(), { error: 'invalid_target' })
  t.same((await waysOf(latchkey, 'narrow').exchange(good)).json(), refused, 'not a backend of this client')
  t.match((await waysOf(latchkey, 'without').exchange(good)).json(), { error: 'unauthorized_client' })
  t.equal(await latchkey.store.users.count(), 0, 'nobody came of it')

  t.equal((await exchange(good)).statusCode, 200)
  const user = await latchkey.store.users.byEmail('ann@example.com')
  await setActive(latchkey.store, user?.id ?? '', false, Date.now())
  t.same((await exchange(await issuer.token())).json(), refused, 'an inactive user')

  const down = await world(t)
  down.issuer.instead = (_request, response) => response.writeHead(500).end()
  const answer = await waysOf(down.latchkey).exchange(await down.issuer.token())
  t.equal(answer.statusCode, 503)
  t.ok(answer.headers['retry-after'])
  const status = (await down.latchkey.app.inject({ url: '/status' })).json()
  t.match(status.backends[0], { id: 'other', type: 'jwt', state: 'half-open', last_error: 'keys' })
  const figures = (await down.latchkey.app.inject({ url: '/metrics' })).body
  t.match(figures, /latchkey_backend_\w+\{[^}]*backend="other"[^}]*outcome="unavailable"/)
})

t.test('who did not prove to be a client gets nothing that outlives the token', async (t) => {
  const { issuer, latchkey } = await world(t)
  const exp = now() + 90
  const answer = (await waysOf(latchkey, 'public').exchange(await issuer.token({ exp }))).json()
  const claims = claimsOf(answer.access_token)
  t.ok(Number(claims.exp) <= exp)
  t.same(claims.act, { sub: 'public' })
  const [session] = await latchkey.store.sessions.ofUser(String(claims.sub))
  t.equal(session?.expiresAt, exp * 1000)
  await waysOf(latchkey).exchange(await issuer.token({ exp, sub: 'bob', email: 'bob@example.com' }))
  const bob = await latchkey.store.users.byEmail('bob@example.com')
  const [proven] = await latchkey.store.sessions.ofUser(bob?.id ?? '')
  t.ok(proven && proven.expiresAt > (exp + 3000) * 1000, 'who did has a session as long as the proof holds')
  const late = await waysOf(latchkey, 'public').exchange(await issuer.token({ exp: now() - 5 }))
  t.same(late.json(), refused, 'nor the leeway')

  const brief = (await waysOf(latchkey, 'brief').exchange(await issuer.token({ exp, iat: now() - 3500 }))).json()
  t.equal(brief.refresh_token, undefined, 'no session without the grant')
  t.ok(brief.expires_in <= 100, 'and no longer than the proof')
})

t.test('a token joins the user of its address only where both sides vouch and it is verified', async (t) => {
  const rows: ReadonlyArray<readonly [name: string, claims: Record<string, unknown>, joins: boolean]> = [
    ['verified', { email_verified: true }, true],
    ['not verified', { email_verified: false }, false],
    ['verified as text', { email_verified: 'true' }, false],
    ['not said', { email_verified: undefined }, false]
  ]
  for (const [name, claims, joins] of rows) {
    const { issuer, latchkey } = await world(t)
    const id = await latchkey.addUser({ email: 'ann@example.com', password: 'one' })
    const answer = await waysOf(latchkey).exchange(await issuer.token(claims))
    if (joins) t.equal(claimsOf(answer.json().access_token).sub, id, name)
    else t.same(answer.json(), refused, name)
  }
  const { issuer, latchkey } = await world(t)
  await latchkey.addUser({ email: 'ann@example.com', password: 'one', superuser: true })
  t.same((await waysOf(latchkey).exchange(await issuer.token())).json(), refused, 'never an administrator')
  const unverified = await waysOf(latchkey).exchange(
    await issuer.token({ sub: 'new', email: 'new@example.com', email_verified: false })
  )
  t.equal(claimsOf(unverified.json().access_token).email_verified, undefined, 'alone it may come in, unvouched')
})

t.test('a token for single use opens one of two replicas that race for it', async (t) => {
  const issuer = await startIssuer(t, key)
  const yaml = configuration(issuer.url, ', singleUse: true')
  const first = await openTestLatchkey(t, yaml)
  const second = await openTestLatchkey(t, yaml, {}, first.folder)
  await waysOf(first).exchange(await issuer.token())
  for (let round = 0; round < 5; round++) {
    const token = await issuer.token()
    const answers = await Promise.all([first, second, first, second].map((replica) => waysOf(replica).exchange(token)))
    t.same(answers.map(({ statusCode }) => statusCode).sort(), [200, 400, 400, 400])
  }
})

t.test('another Latchkey is an issuer like any other', async (t) => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const theirs = await openTestLatchkey(
    t,
    `issuer: ${url}\npublicClient: true\nbackends: [{ id: local, type: local }]\naudiences: [{ id: ${clientAtIssuer}, permissions: ["*"] }]`
  )
  await theirs.app.listen({ host: 'localhost', port })
  await theirs.addUser({
    email: 'ann@example.com',
    password: 'one',
    permissions: ['blog.add_post', 'latchkey.view_user']
  })
  const token = await theirs.accessToken('ann@example.com', 'one', { audience: clientAtIssuer })
  const elsewhere = await theirs.accessToken('ann@example.com', 'one')

  const ours = await openTestLatchkey(t, configuration(url, ', claims: { username: email, permissions: permissions }'))
  const { exchange } = waysOf(ours)
  const answer = await exchange(token, { subject_token_type: type('access_token') })
  t.equal(answer.statusCode, 200, answer.body)
  t.match(claimsOf(answer.json().access_token), { email: 'ann@example.com', email_verified: true, backend: 'other' })
  t.same(claimsOf(answer.json().access_token).permissions, ['blog.add_post'], 'but the right to administer')
  t.same((await exchange(elsewhere)).json(), refused, 'a token for another audience')
  t.equal((await theirs.userinfo(answer.json().access_token)).statusCode, 401, 'and ours is nothing to them')
})

t.test('mistakes in the options stop the start', async (t) => {
  const load = (options: string) =>
    openTestLatchkey(
      t,
      `issuer: https://auth.example.com\nsecret: ${secret}\nbackends: [{ id: x, type: jwt, ${options} }]`
    )
  const mistakes: Record<string, RegExp> = {
    'issuer: "https://i.example"': /audiences/,
    'issuer: "http://i.example", audiences: [a]': /issuer: expected an https URL/,
    'issuer: "https://i.example?x", audiences: [a]': /without query/,
    'issuer: "https://auth.example.com", audiences: [a]': /is this service/,
    'issuer: "https://i.example", audiences: [a], algorithms: [HS256]': /algorithms/,
    'issuer: "https://i.example", audiences: [a], algorithms: [none]': /algorithms/,
    'issuer: "https://i.example", audiences: [a], jwks: keys.json': /algorithms: is missing/,
    'issuer: "https://i.example", audiences: [a], jwks: "http://i.example/", algorithms: [RS256]':
      /jwks: expected an https/,
    'issuer: "https://i.example", audiences: [a], jwks: { keys: [{ kty: oct, k: AA }] }, algorithms: [RS256]':
      /public key/,
    'issuer: "https://i.example", audiences: [a], jwks: { keys: [{ kty: EC, d: AA }] }, algorithms: [ES256]':
      /private key/,
    'issuer: "https://i.example", audiences: [a], maxAge: 1ms': /maxAge: expected one second/,
    'issuer: "https://i.example", audiences: [a], claims: { attributes: { email: x } }': /a field beside attributes/
  }
  for (const [options, message] of Object.entries(mistakes)) await t.rejects(load(options), { message }, options)
})
