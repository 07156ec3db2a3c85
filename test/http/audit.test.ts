import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import type { AuditEvent } from '../../src/auth/audit.ts'
import { auditKindOf, grantTypes } from '../../src/http/token.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const proxyGrant = 'urn:latchkey:params:oauth:grant-type:proxy'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const canary = (name: string) => `canary-${name}-must-never-be-written`
const all = JSON.stringify(['password', 'refresh_token', 'client_credentials', exchangeGrant, proxyGrant])
const yaml = `
login: { failureFloor: 1ms }
limits: { ip: false, account: false }
backends:
  - { id: local, type: local }
  - { id: sso, type: proxy, from: [203.0.113.7], headers: { username: Remote-User, email: Remote-User }, email: { domains: [example.com] } }
clients:
  - { id: web, secret: "${canary('web-secret-of-32-bytes')}", grants: ${all}, permissions: [] }
  - { id: poor, secret: "${canary('poor-secret-of-32-bytes')}", grants: [client_credentials] }
  - { id: bare, secret: "${canary('bare-secret-of-32-bytes')}", grants: [password] }
`
const password = canary('password')
const email = 'ann@example.com'

/** A request to somewhere as a client, with an id of its own, and the events that it left. */
async function ask(
  { app, store }: Pick<TestLatchkey, 'app' | 'store'>,
  fields: Record<string, string>,
  { client = 'web', url = '/token', headers = {} }: { client?: string; url?: string; headers?: object } = {}
) {
  const id = randomUUID()
  const answer = await app.inject({
    ...{ method: 'POST', url, remoteAddress: '203.0.113.7' },
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-request-id': id,
      'remote-user': email,
      ...headers
    },
    payload: new URLSearchParams({
      ...{ client_id: client, client_secret: canary(`${client}-secret-of-32-bytes`) },
      ...fields
    }).toString()
  })
  const { items } = await store.audit.find({ limit: 100 })
  const requestId = String(answer.headers['x-request-id'])
  return {
    answer,
    body: answer.body === '' ? {} : answer.json(),
    events: items.filter((event) => event.request === requestId)
  }
}

type Fields = Record<string, string>

/** How each grant succeeds, and how its credentials are wrong. A grant that is missing here fails the test. */
const ways: Readonly<
  Record<string, (latchkey: TestLatchkey) => Promise<{ right: Fields; wrong: Fields; reason: string }>>
> = {
  password: async () => ({
    right: { username: email, password },
    wrong: { username: email, password: canary('wrong-password') },
    reason: 'wrong-password'
  }),
  refresh_token: async (latchkey) => ({
    right: { refresh_token: (await login(latchkey)).refresh_token },
    wrong: { refresh_token: canary('refresh-token') },
    reason: 'no-session'
  }),
  client_credentials: async () => ({ right: {}, wrong: { audience: 'nowhere' }, reason: 'invalid_target' }),
  [proxyGrant]: async () => ({ right: {}, wrong: { backend: 'sso' }, reason: 'unauthorized_client' }),
  [exchangeGrant]: async (latchkey) => ({
    right: { subject_token: (await login(latchkey)).access_token, subject_token_type: accessTokenType },
    wrong: { subject_token: canary('subject-token'), subject_token_type: accessTokenType },
    reason: 'invalid_request'
  })
}

const login = async (latchkey: TestLatchkey) =>
  (await ask(latchkey, { grant_type: 'password', username: email, password })).body as Record<
    'access_token' | 'refresh_token',
    string
  >

const only = (events: readonly AuditEvent[]): AuditEvent => {
  const [event, ...more] = events
  if (event === undefined || more.length > 0) throw new Error(`${events.length} events`)
  return event
}

async function open(t: Test): Promise<TestLatchkey & { ann: string }> {
  const latchkey = await openTestLatchkey(t, yaml)
  return { ...latchkey, ann: await latchkey.addUser({ email, password }) }
}

/** What no database would say of itself: from now on it takes no event. */
function breakAudit({ folder }: TestLatchkey): () => void {
  const db = new DatabaseSync(join(folder, 'data/latchkey.db'))
  db.exec("create trigger no_audit before insert on latchkey_audit begin select raise(abort, 'disk full'); end")
  return () => {
    db.exec('drop trigger no_audit')
    db.close()
  }
}

t.test('every grant leaves one event, however it ends', async (t) => {
  const latchkey = await open(t)
  t.same(Object.keys(ways).sort(), [...grantTypes(latchkey.parts)].sort(), 'every grant is tried here')
  for (const grant_type of grantTypes(latchkey.parts)) {
    const kind = auditKindOf[grant_type]
    const way = await ways[grant_type]?.(latchkey)
    if (way === undefined) return
    const { right, wrong, reason } = way
    const common = { kind, client: 'web', ip: '203.0.113.7' }

    const refused = await ask(latchkey, { grant_type, ...wrong })
    t.equal(refused.answer.statusCode, 400, `${kind} with wrong credentials`)
    t.match(only(refused.events), { ...common, outcome: 'refused', reason, jti: null })

    const stranger = await ask(latchkey, { grant_type, ...right, client_secret: canary('client-secret') })
    t.equal(stranger.answer.statusCode, 401, `${kind} by a client with a wrong secret`)
    t.match(only(stranger.events), { ...common, outcome: 'refused', reason: 'invalid_client' })

    const unknown = await ask(latchkey, { grant_type, ...right, client_id: canary('client-id') })
    t.match(only(unknown.events), { kind, client: null, outcome: 'refused', reason: 'invalid_client' })

    const client = grant_type === 'client_credentials' ? 'bare' : 'poor'
    const poor = await ask(latchkey, { grant_type, ...right }, { client })
    t.match(only(poor.events), { kind, client, outcome: 'refused', reason: 'unauthorized_client' })

    const mend = breakAudit(latchkey)
    const unwritten = await ask(latchkey, { grant_type, ...right })
    t.equal(unwritten.answer.statusCode, 503, `${kind} that can't be written down`)
    t.same(Object.keys(unwritten.body), ['error', 'error_description'], 'and no token')
    t.equal(unwritten.answer.headers['retry-after'], '5')
    const alsoRefused = await ask(latchkey, { grant_type, ...wrong })
    t.equal(alsoRefused.answer.statusCode, 400, 'a refusal stays one')
    mend()

    const success = await ask(latchkey, { grant_type, ...right })
    t.equal(success.answer.statusCode, 200, `${kind}: ${success.answer.body}`)
    const { jti, sid, aud, sub, backend } = claimsOf(success.body.access_token)
    const event = only(success.events)
    const person = kind === 'client_token' ? {} : { user: sub, backend, username: email, session: sid ?? null }
    if (kind === 'exchange') Object.assign(person, { username: null })
    t.match(event, { ...common, outcome: 'success', reason: null, jti, audience: aud, ...person })
  }

  const rows = JSON.stringify(await latchkey.store.audit.find({ limit: 1000 }))
  t.notMatch(rows, /canary/, 'no secret reaches the table')
  t.notMatch(latchkey.log(), /canary/, 'nor the log')
  t.notMatch(rows + latchkey.log(), /eyJ/, 'nor a token')
})

t.test('a wrong password names whose account it was, also where nobody has logged in yet', async (t) => {
  const latchkey = await open(t)
  const { store, ann } = latchkey
  t.same((await store.users.byId(ann))?.identities, [])
  const wrong = { grant_type: 'password', username: email, password: canary('wrong-password') }
  const { events } = await ask(latchkey, wrong)
  t.match(only(events), { reason: 'wrong-password', user: ann, username: email, backend: 'local', subject: ann })
  t.equal((await store.audit.find({ user: ann, limit: 9 })).items.length, 1)
})

/** Does something just before the next act is committed, when everything of it is put together. */
function beforeCommit({ store }: TestLatchkey, meanwhile: () => Promise<unknown>): void {
  const { audit } = store
  const { append } = audit
  Object.assign(audit, {
    async append(...written: Parameters<typeof append>) {
      Object.assign(audit, { append })
      await meanwhile()
      return append(...written)
    }
  })
}

t.test('a refusal at the commit names no token and no session that nobody got', async (t) => {
  const latchkey = await open(t)
  const { store, ann } = latchkey
  const refresh = { grant_type: 'refresh_token', refresh_token: (await login(latchkey)).refresh_token }
  const [session] = await store.sessions.ofUser(ann)
  beforeCommit(latchkey, () => store.sessions.end([session?.id ?? ''], Date.now() + 60_000))
  const ended = await ask(latchkey, refresh)
  t.match(ended.answer, { statusCode: 400 })
  const known = { outcome: 'refused', user: ann, backend: 'local', username: email, jti: null }
  t.match(only(ended.events), { kind: 'refresh', reason: 'no-session', ...known, session: session?.id })

  const meanwhile = {
    'logged-out': () => store.users.logOut(ann, Date.now()),
    inactive: () => store.administration.change(({ users }) => users.update(ann, { isActive: false }, Date.now())),
    'user-gone': () => store.administration.change(({ users }) => users.delete(ann))
  }
  for (const [reason, act] of Object.entries(meanwhile)) {
    await store.administration.change(({ users }) => users.update(ann, { isActive: true }, Date.now()))
    beforeCommit(latchkey, act)
    const refused = await ask(latchkey, { grant_type: 'password', username: email, password })
    t.match(refused.answer, { statusCode: 400 }, reason)
    t.match(only(refused.events), { kind: 'login', reason, ...known, session: null }, reason)
    t.equal((await store.sessions.ofUser(ann)).length, 0)
  }
})

t.test('what an administrator changes while the same person logs in stays', async (t) => {
  const static_ = `{ id: fixed, type: static, users: [{ username: bob, email: bob@example.com, firstName: Bob, password: "${password}" }] }`
  const latchkey = await openTestLatchkey(t, yaml.replace('backends:\n', `backends:\n  - ${static_}\n`))
  const root = await latchkey.addUser({ email, password, superuser: true })
  const bob = await latchkey.addUser({ email: 'bob@example.com' })
  const admin = (await login(latchkey)).access_token
  const change = async (attributes: object) => {
    const [method, url, headers] = ['PATCH', `/admin/users/${bob}`, { authorization: `Bearer ${admin}` }] as const
    t.equal((await latchkey.app.inject({ method, url, headers, payload: attributes })).statusCode, 200)
  }
  beforeCommit(latchkey, async () => {
    await change({ displayName: 'Robert' })
    // and once more, at the second try
    beforeCommit(latchkey, () => change({ displayName: 'Robert the Second' }))
  })
  const { answer, events } = await ask(latchkey, { grant_type: 'password', username: 'bob', password })
  t.equal(answer.statusCode, 200)
  t.match(only(events), { outcome: 'success', user: bob })
  const after = await latchkey.store.users.byId(bob)
  t.same(after?.attributes, { firstName: 'Bob', displayName: 'Robert the Second' }, 'each field is from its owner')
  t.ok(after?.lastLoginAt)
  t.equal((await latchkey.store.sessions.ofUser(bob)).length, 1)
  t.match(await latchkey.store.users.byId(root), { email })
})

t.test('administration: every act by a token is an event, and events are listed for those who may', async (t) => {
  const latchkey = await openTestLatchkey(t, `publicClient: true\n${yaml}`)
  const root = await latchkey.addUser({ email, password, superuser: true })
  const bob = await latchkey.addUser({ email: 'bob@example.com', password })
  const token = await latchkey.accessToken(email, password)
  const bobs = await latchkey.accessToken('bob@example.com', password)
  const call = (method: 'GET' | 'POST' | 'DELETE', url: string, bearer: string, payload?: object) =>
    latchkey.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${bearer}` },
      ...(payload ? { payload } : {})
    })
  t.equal((await call('POST', '/admin/clients', token, { id: 'shop' })).statusCode, 201)
  t.equal((await call('POST', '/admin/clients', bobs, { id: 'mine' })).statusCode, 403)
  t.equal((await call('POST', '/admin/clients', canary('bearer'), { id: 'mine' })).statusCode, 401)
  t.equal((await call('DELETE', '/admin/clients/nobody', token)).statusCode, 404)
  t.equal((await call('GET', '/admin/audit', bobs)).statusCode, 403)
  t.equal((await call('DELETE', `/account/sessions/${claimsOf(bobs).sid}`, bobs)).statusCode, 204)
  const mend = breakAudit(latchkey)
  t.equal((await call('DELETE', '/admin/clients/shop', token)).statusCode, 503)
  mend()
  const listed = async (query: string) => (await call('GET', `/admin/audit?${query}`, token)).json()
  const { items } = await listed('kind=administration')
  t.match(items, [
    { action: 'deleteClient', outcome: 'refused', reason: '404', actor: root, target: 'nobody' },
    { action: 'createClient', outcome: 'refused', reason: '403', actor: bob },
    { action: 'createClient', outcome: 'success', actor: root, target: 'shop', at: /Z$/ },
    { action: 'keys.create', actor: 'service', details: { algorithm: 'ES256' } }
  ])
  t.equal(items.length, 4)
  matchLists(t, (await listed('kind=account')).items, [{ outcome: 'success', user: bob, session: claimsOf(bobs).sid }])
  const first = await listed(`user=${root}&limit=1`)
  matchLists(t, first, { items: [{ kind: 'login', user: root }], next: null })
  const page = await listed('limit=2')
  const rest = await listed(`limit=200&cursor=${page.next}`)
  t.equal(new Set([...page.items, ...rest.items].map(({ id }) => id)).size, 2 + rest.items.length)
  const oldest = items.at(-1)
  matchLists(t, (await listed(`kind=administration&since=${oldest.at}&until=${oldest.at}`)).items, [{ id: oldest.id }])
  for (const none of ['since=2999-01-01', 'until=2000-01-01', 'client=web', `user=${randomUUID()}`])
    t.same((await listed(none)).items, [], none)
  const byRoot = await listed(`actor=${root.toUpperCase()}`)
  matchLists(t, byRoot.items, [{ action: 'deleteClient' }, { action: 'createClient', target: 'shop' }])
  t.same(
    byRoot.items.map(({ actor }: { actor: string }) => actor),
    [root, root]
  )
  matchLists(t, (await listed('actor=service')).items, [{ action: 'keys.create' }])
  t.same((await listed(`actor=${root}&kind=login`)).items, [])
  matchLists(t, (await listed(`actor=${bob}&limit=1`)).items, [{ action: 'createClient', outcome: 'refused' }])
  const logins = await listed('client=public&kind=login')
  matchLists(t, logins.items, [
    { kind: 'login', user: bob },
    { kind: 'login', user: root }
  ])
  const [known] = (await listed(`user=${root}&kind=login`)).items
  t.same((await listed('search=ann@')).items.at(-1), known)
  t.same((await listed(`search=an&kind=login&user=${root}&client=public`)).items, [known])
  for (const none of ['search=Ann', 'search=%25', 'search=nn', 'search=an&kind=refresh', 'search=an&until=2000-01-01'])
    t.same((await listed(none)).items, [], none)
  t.equal((await listed('search=')).status, 400)
  for (const time of ['2026-13-45', '2026-02-31', '2026-01-31(x)', '2026-01-31T12:00:00+02:00'])
    t.equal((await listed(`since=${time}`)).status, 400, time)
  t.equal((await listed('kind=nonsense')).status, 400)
})

t.test('an IPv6 address is its /64 in every event, whatever was done', async (t) => {
  const { app, store, addUser, accessToken } = await openTestLatchkey(t, `publicClient: true\n${yaml}`)
  const id = await addUser({ email, password, superuser: true })
  const authorization = `Bearer ${await accessToken(email, password)}`
  const post = (url: string, payload: object, headers = {}) =>
    app.inject({ method: 'POST', url, payload, headers, remoteAddress: '2001:db8:1:2:3:4:5:6' })
  t.equal((await post('/admin/groups', { name: 'editors' }, { authorization })).statusCode, 201)
  t.equal((await post('/token', { username: email, password: 'wrong' })).statusCode, 400)
  const { items } = await store.audit.find({ limit: 10 })
  const seen = items.filter(({ actor, outcome }) => actor === id || outcome === 'refused')
  matchLists(t, seen, [
    { kind: 'login', ip: '2001:db8:1:2::' },
    { action: 'createGroup', ip: '2001:db8:1:2::' }
  ])
})

t.test('revocations, and clients that are refused at /introspect', async (t) => {
  const latchkey = await open(t)
  const { access_token, refresh_token } = await login(latchkey)
  const { jti, sid } = claimsOf(access_token)
  const to = (url: string, token: string, more: Fields = {}) => ask(latchkey, { token, ...more }, { url })
  t.match(only((await to('/revoke', access_token)).events), {
    kind: 'revocation',
    user: latchkey.ann,
    jti,
    client: 'web'
  })
  const mend = breakAudit(latchkey)
  t.equal((await to('/revoke', refresh_token)).answer.statusCode, 503)
  mend()
  t.same((await to('/revoke', refresh_token)).events, [], 'it is gone already')
  const again = await login(latchkey)
  t.match(only((await to('/revoke', again.refresh_token)).events), {
    kind: 'revocation',
    user: latchkey.ann,
    outcome: 'success'
  })
  t.not(claimsOf(again.access_token).sid, sid)
  t.same((await to('/introspect', access_token)).events, [])
  const guess = await to('/introspect', access_token, { client_secret: canary('client-secret') })
  t.match(only(guess.events), { kind: 'introspection', outcome: 'refused', reason: 'invalid_client', client: 'web' })
})
