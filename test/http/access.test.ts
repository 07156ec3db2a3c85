import t, { type Test } from 'tap'
import type { Entity } from '../../src/auth/evaluation.ts'
import { openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { freePort } from '../servers/free-port.ts'
import { setActive } from '../store/acts.ts'

const password = 'correct-horse-battery'
const secret = 'pep-secret-'.repeat(6)
const basic = `Basic ${Buffer.from(`pep:${secret}`).toString('base64')}`
const yaml = `
publicClient: true
limits: { ip: false, account: false }
login: { failureFloor: 1ms }
backends: [{ id: local, type: local }]
audiences: [{ id: blog, permissions: ["*"] }]
permissions:
  declare: { record.read: Read, record.write: Write }
  anonymous: [record.list]
clients: [{ id: pep, secret: "${secret}", grants: [client_credentials, password] }]
`

type Body = Record<string, unknown>

const asking = (latchkey: TestLatchkey, authorization: string | undefined = basic) => {
  const ask = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    latchkey.app.inject({
      ...{ method: 'POST' as const, url: `/access/v1/${path}` },
      headers: { ...(authorization && { authorization }), 'content-type': 'application/json', ...headers },
      payload: typeof body === 'string' ? body : JSON.stringify(body)
    })
  const json = async (path: string, body: Body) => (await ask(path, body)).json()
  return { ask, json }
}

const grant = async ({ store }: TestLatchkey, user: string, permission: string, type: string, id: string) => {
  const answer = await store.objectGrants.grant({ holder: { user }, permission, object: { type, id } })
  if (answer !== 'granted') throw new Error(answer)
}

/** The scenario of the certification: alice reads and writes record-1, bob reads it. */
async function scenario(t: Test) {
  const latchkey = await openTestLatchkey(t, yaml)
  const alice = await latchkey.addUser({ email: 'alice@example.com', password, permissions: ['record.read'] })
  const bob = await latchkey.addUser({ email: 'bob@example.com', password, groups: ['readers'] })
  await grant(latchkey, alice, 'record.write', 'record', 'record-1')
  const shared = { holder: { group: 'readers' }, permission: 'record.read', object: { type: 'record', id: 'record-1' } }
  await latchkey.store.objectGrants.grant(shared)
  return { latchkey, alice, bob }
}

const subject = (id: string): Entity => ({ type: 'user', id })
const record = (id: string): Entity => ({ type: 'record', id })
const question = (who: string, name: string, id = 'record-1') => ({
  ...{ subject: subject(who), action: { name }, resource: record(id) }
})

t.test('a single evaluation', async (t) => {
  const { latchkey, alice, bob } = await scenario(t)
  const { ask, json } = asking(latchkey)
  const table: ReadonlyArray<readonly [body: Body, decision: boolean, reason: string]> = [
    [question('alice@example.com', 'record.read'), true, 'stored: the user itself'],
    [question('ALICE@Example.com', 'record.read', 'other'), true, 'stored: the user itself'],
    [question(alice, 'record.write'), true, 'stored: the user itself, on record record-1'],
    [question(alice.toUpperCase(), 'record.write'), true, 'stored: the user itself, on record record-1'],
    [question(alice, 'record.write', 'record-2'), false, 'nobody grants it'],
    [question(bob, 'record.read'), true, 'stored: group readers, on record record-1'],
    [question(bob, 'record.write'), false, 'nobody grants it'],
    [question(bob, 'record.read', 'record-2'), false, 'nobody grants it'],
    [{ ...question(bob, 'record.read'), resource: { type: 'any', id: '*' } }, false, 'nobody grants it'],
    [{ ...question(alice, 'record.read'), resource: { type: 'any', id: '*' } }, true, 'stored: the user itself'],
    [question('nobody@example.com', 'record.read'), false, 'there is no such subject'],
    [question('no address', 'record.read'), false, 'there is no such subject'],
    [
      { ...question(alice, 'record.read'), subject: { type: 'spaceship', id: alice } },
      false,
      'there is no such subject'
    ],
    [
      { ...question('', 'record.list'), subject: { type: 'anonymous', id: 'anonymous' } },
      true,
      'configuration: permissions.anonymous'
    ],
    [{ ...question('', 'record.list'), subject: { type: 'anonymous', id: 'x' } }, false, 'there is no such subject'],
    [
      { ...question(alice, 'record.read'), foo: 'bar', futureField: { nested: true }, context: { time: 'now' } },
      true,
      'stored: the user itself'
    ]
  ]
  for (const [body, decision, reason] of table)
    t.same(await json('evaluation', body), { decision, context: { reason } }, JSON.stringify(body))
  await setActive(latchkey.store, alice, false, Date.now())
  t.same((await json('evaluation', question(alice, 'record.read'))).context, { reason: 'the user is inactive' })

  const id = 'an arbitrary id, with (all) that is visible!'
  const answer = await ask('evaluation', question(bob, 'record.read'), { 'x-request-id': id })
  t.equal(answer.headers['x-request-id'], id)
  t.match(answer.headers['content-type'], 'application/json')
  t.equal(answer.headers['cache-control'], 'no-store')
})

t.test('what is malformed is 400', async (t) => {
  const { latchkey, alice } = await scenario(t)
  const { ask } = asking(latchkey)
  const whole = question(alice, 'record.read')
  const { subject, action, resource } = whole
  const bad: readonly unknown[] = [
    { action, resource },
    { subject, resource },
    { subject, action },
    { ...whole, subject: { id: alice } },
    { ...whole, subject: { type: 'user' } },
    { ...whole, action: {} },
    { ...whole, resource: { id: '1' } },
    { ...whole, resource: { type: 'record' } },
    { ...whole, subject: 'alice' },
    { ...whole, action: { name: 123 } },
    { ...whole, subject: { type: 'user', id: '' } },
    { ...whole, subject: { type: 'user', id: 'a\u0000' } },
    { ...whole, resource: { type: 'record', id: 'x'.repeat(2000) } },
    [],
    '',
    '{',
    'null',
    `{"subject":{},"subject":{}}`
  ]
  for (const path of ['evaluation', 'evaluations'])
    for (const body of bad) t.equal((await ask(path, body)).statusCode, 400, `${path} ${JSON.stringify(body)}`)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])
    t.equal((await ask('evaluation', whole, { 'content-type': type })).statusCode, 400, type)
  const searches: ReadonlyArray<readonly [string, Body]> = [
    ['search/subject', { subject: { type: 'user' }, resource }],
    ['search/subject', { subject: { type: 'user' }, action, resource: { type: 'record' } }],
    ['search/resource', { action, resource: { type: 'record' } }],
    ['search/resource', { subject: { type: 'user' }, action, resource: { type: 'record' } }],
    ['search/action', { subject }],
    ['search/action', { subject, resource, page: { limit: -1 } }],
    ['search/action', { subject, resource, page: { token: 'nonsense' } }]
  ]
  for (const [path, body] of searches) t.equal((await ask(path, body)).statusCode, 400, JSON.stringify(body))
})

t.test('who may ask', async (t) => {
  const { latchkey, alice, bob } = await scenario(t)
  await latchkey.addUser({ email: 'eve@example.com', password, permissions: ['latchkey.evaluate'] })
  await latchkey.addUser({ email: 'root@example.com', password, superuser: true })
  const own = { client_id: 'pep', client_secret: secret }
  const bearer = async (name: string, more = {}) =>
    `Bearer ${await latchkey.accessToken(`${name}@example.com`, password, more)}`
  const status = async (authorization: string | undefined, body: unknown, path = 'evaluation') =>
    (await asking(latchkey, authorization ?? '').ask(path, body)).statusCode
  const [about, all] = [question(alice, 'record.read'), { subject: { type: 'user' }, action: { name: 'record.read' } }]
  const search = { ...all, resource: record('record-1') }
  const paths = ['evaluation', 'evaluations', 'search/subject', 'search/resource', 'search/action']
  for (const path of paths)
    for (const body of [about, {}, '{', ''])
      for (const authorization of ['', 'Bearer', 'Bearer nonsense', 'Basic nonsense', 'Basic cGVwOndyb25n', 'Digest x'])
        t.equal(await status(authorization, body, path), 401, `${path} ${authorization} ${JSON.stringify(body)}`)
  t.equal(await status('', { ...about, ...own }), 200, 'a client may prove itself in the body')
  t.equal(await status('', { ...about, ...own, client_secret: 'wrong' }), 401)
  t.equal(await status(basic, search, 'search/subject'), 200)
  const granted = await latchkey.token({ grant_type: 'client_credentials', ...own })
  t.equal(await status(`Bearer ${granted.json().access_token}`, about), 200, 'or by a token of its own')

  const self = await bearer('alice')
  t.same((await asking(latchkey, self).ask('evaluation', about)).json(), { decision: true }, 'without the reasons')
  for (const name of ['Alice@example.com', alice.toUpperCase()]) t.equal(await status(self, question(name, 'x.y')), 200)
  t.equal(await status(self, { ...about, subject: { type: 'anonymous', id: alice } }), 403)
  t.equal(await status(self, question(bob, 'record.read')), 403)
  t.equal(await status(self, { ...about, subject: { type: 'anonymous', id: 'anonymous' } }), 403)
  t.equal(await status(self, { ...about, evaluations: [{}, { subject: subject(bob) }] }, 'evaluations'), 403)
  t.equal(await status(self, { ...about, evaluations: [{}, {}] }, 'evaluations'), 200)
  t.equal(await status(self, '{', 'search/subject'), 403, 'before the body is looked at')
  t.equal(await status(self, about, 'search/action'), 200)
  t.equal(await status(self, { ...about, subject: subject(bob) }, 'search/resource'), 403)
  const refused = await asking(latchkey, self).ask('evaluation', question(bob, 'record.read'))
  t.match(refused.headers['www-authenticate'], 'insufficient_scope')

  for (const name of ['eve', 'root']) {
    t.equal(await status(await bearer(name), about), 200, name)
    t.equal(await status(await bearer(name), search, 'search/subject'), 200)
    t.equal(await status(await bearer(name, { scope: 'record.*' }), about), 403, 'the scope left it out')
    t.equal(await status(await bearer(name, { audience: 'blog' }), about), 401, 'another audience')
  }
  const eve = await bearer('eve')
  await setActive(latchkey.store, (await latchkey.store.users.byEmail('eve@example.com'))?.id ?? '', false, Date.now())
  t.equal(await status(eve, about), 401)
})

t.test('a batch', async (t) => {
  const { latchkey, alice, bob } = await scenario(t)
  const { ask, json } = asking(latchkey)
  const decisions = async (body: Body) =>
    (await json('evaluations', body)).evaluations.map(({ decision }: { decision: boolean }) => decision)
  const three = ['record-1', 'record-2', 'record-1'].map((id) => ({ resource: record(id) }))
  const write = { subject: subject(alice), action: { name: 'record.write' } }
  t.same(await decisions({ ...write, evaluations: three }), [true, false, true])
  const semantic = (evaluations_semantic: string) => ({
    ...write,
    evaluations: three,
    options: { evaluations_semantic }
  })
  t.same(await decisions(semantic('execute_all')), [true, false, true])
  t.same(await decisions(semantic('deny_on_first_deny')), [true, false])
  t.same(await decisions(semantic('permit_on_first_permit')), [true])
  t.equal((await ask('evaluations', semantic('another'))).statusCode, 400)
  t.same(
    await decisions({
      ...{ subject: subject(bob), resource: record('record-1'), context: { time: 'now' } },
      evaluations: [{ action: { name: 'record.read' } }, { action: { name: 'record.write' } }, write]
    }),
    [true, false, true]
  )
  t.same(
    await decisions({ ...write, resource: { type: 'record' }, evaluations: [{ resource: { id: 'record-1' } }] }),
    [true],
    'a type from the top level'
  )
  const failing = await json('evaluations', {
    ...write,
    evaluations: [three[0], {}, { resource: 7 }, { resource: { type: 'record', id: 7 } }]
  })
  t.same(
    failing.evaluations.map(({ decision }: { decision: boolean }) => decision),
    [true, false, false, false]
  )
  t.equal(failing.evaluations[1].context.error.status, 400)
  t.same((await json('evaluations', question(alice, 'record.write'))).decision, true, 'without any: a single one')
  t.same((await json('evaluations', { ...question(bob, 'record.write'), evaluations: [] })).decision, false)
  t.equal((await ask('evaluations', { ...write, evaluations: Array(200).fill(three[0]) })).statusCode, 200)
  t.equal((await ask('evaluations', { ...write, evaluations: Array(201).fill(three[0]) })).statusCode, 400)
})

t.test('searches', async (t) => {
  const { latchkey, alice, bob } = await scenario(t)
  const root = await latchkey.addUser({ email: 'root@example.com', superuser: true })
  const gone = await latchkey.addUser({ email: 'gone@example.com', permissions: ['record.read'] })
  await setActive(latchkey.store, gone, false, Date.now())
  const { ask, json } = asking(latchkey)
  const [action, resource] = [{ name: 'record.read' }, record('record-1')]
  const ids = (answer: { results: Array<{ id: string }> }) => answer.results.map(({ id }) => id)
  const who = { subject: { type: 'user' }, action, resource }
  const whole = await json('search/subject', who)
  t.same(ids(whole), [alice, bob, root].sort())
  t.same(whole.results[0], { type: 'user', id: alice, properties: { email: 'alice@example.com' } })
  t.same(whole.page, { next_token: '', count: 3 })
  t.same(ids(await json('search/subject', { ...who, resource: { type: 'any', id: '*' } })), [alice, root].sort())
  const none = { page: { next_token: '', count: 0 }, results: [] }
  t.same(await json('search/subject', { ...who, subject: { type: 'spaceship' } }), none)
  t.same(await json('search/subject', { ...who, action: { name: 'record.nothing' } }), none)
  t.same(await json('search/subject', { ...who, page: { limit: 0 } }), none)
  const anybody = { ...who, subject: { type: 'anonymous' } }
  t.same(await json('search/subject', anybody), none)
  t.same((await json('search/subject', { ...anybody, action: { name: 'record.list' } })).results, [
    { type: 'anonymous', id: 'anonymous' }
  ])

  const paged: string[] = []
  let page: Body = { limit: 1 }
  for (let n = 0; n < 9; n++) {
    const answer = await json('search/subject', { ...who, page })
    paged.push(...ids(answer))
    page = { token: answer.page.next_token }
    if (answer.page.next_token === '') break
    t.equal(answer.page.count, answer.results.length)
    const other = await ask('search/subject', { ...who, action: { name: 'record.write' }, page })
    t.equal(other.statusCode, 400, 'a token of another question')
    t.equal((await ask('search/subject', { ...who, page: { ...page, limit: 2 } })).statusCode, 400, 'of another limit')
  }
  t.same(paged, [alice, bob, root].sort())

  const where = (id: string, name: string, type = 'record') =>
    json('search/resource', { subject: subject(id), action: { name }, resource: { type } })
  t.same((await where(bob, 'record.read')).results, [record('record-1')])
  t.same(ids(await where(bob, 'record.write')), [])
  t.same(ids(await where(alice, 'record.read')), ['record-1'], 'held generally: all that any grant names')
  t.same(ids(await where(alice, 'record.read', 'any')), ['*'])
  t.same(ids(await where('nobody@example.com', 'record.read')), [])
  await grant(latchkey, bob, 'record.read', 'any', '7')
  t.same(ids(await where(bob, 'record.read', 'any')), ['7'], 'a type like any other')
  const everywhere = { subject: subject(alice), action, resource: { type: 'any' } }
  const begun = await json('search/resource', { ...everywhere, page: { limit: 1 } })
  t.same(ids(begun), ['*'])
  const further = await json('search/resource', { ...everywhere, page: { token: begun.page.next_token } })
  t.same([ids(further), further.page.next_token], [['7'], ''])
  await grant(latchkey, bob, 'record.read', 'record', 'record-9')
  t.same(ids(await where(bob, 'record.read')), ['record-1', 'record-9'])

  const what = async (id: string, on = resource) =>
    (await json('search/action', { subject: subject(id), resource: on })).results.map(
      ({ name }: { name: string }) => name
    )
  t.same(await what(alice), ['record.read', 'record.write'])
  t.same(await what(bob), ['record.read'])
  t.same(await what(bob, record('record-2')), [])
  t.same(await what('nobody@example.com'), [])
  const first = await json('search/action', { subject: subject(alice), resource, page: { limit: 1 } })
  t.same(first.results, [{ name: 'record.read' }])
  const rest = { subject: subject(alice), resource, page: { token: first.page.next_token } }
  t.same(await json('search/action', rest), { page: { next_token: '', count: 1 }, results: [{ name: 'record.write' }] })
})

t.test('a veto and an outage count as they do for a token', async (t) => {
  const port = await freePort()
  const latchkey = await openTestLatchkey(
    t,
    `${yaml.replace(
      'backends: [',
      `backends: [{ id: guard, type: static, veto: ["record.w*"], users: [{ username: ann, email: ann@example.com, password: "${password}" }] },
      { id: down, type: ldap, servers: ["ldap://127.0.0.1:${port}"], insecure: true, users: [{ base: "dc=x", filter: "(uid={username})" }] },`
    )}`
  )
  await latchkey.accessToken('ann', password)
  const ann = (await latchkey.store.users.byEmail('ann@example.com'))?.id ?? ''
  await grant(latchkey, ann, 'record.write', 'record', '1')
  const { ask, json } = asking(latchkey)
  t.same(await json('evaluation', question(ann, 'record.write', '1')), {
    decision: false,
    context: { reason: 'vetoed by guard: veto of the backend' }
  })
  const who = { subject: { type: 'user' }, action: { name: 'record.write' }, resource: record('1') }
  t.same((await json('search/subject', who)).results, [], 'what is found is permitted')
  t.same((await json('search/resource', { ...who, subject: subject(ann) })).results, [])
  const seen = { username: 'ann', attributes: {}, isSuperuser: false, lastSeenAt: 0 }
  await latchkey.store.users.link(ann, { backend: 'down', subject: 'S', ...seen })
  t.equal((await ask('evaluation', question(ann, 'record.read', '1'))).statusCode, 503)
  t.equal((await ask('evaluations', { ...question(ann, 'x.y'), evaluations: [{}] })).statusCode, 503)
})

t.test('the metadata', async (t) => {
  const latchkey = await openTestLatchkey(
    t,
    `issuer: https://auth.example.com/login\nsecret: ${'s'.repeat(40)}\n${yaml}`
  )
  const base = 'https://auth.example.com/login'
  for (const url of ['/.well-known/authzen-configuration/login', '/login/.well-known/authzen-configuration'])
    t.same((await latchkey.app.inject(url)).json(), {
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      search_subject_endpoint: `${base}/access/v1/search/subject`,
      search_resource_endpoint: `${base}/access/v1/search/resource`,
      search_action_endpoint: `${base}/access/v1/search/action`
    })
})

t.test('the Todo application of the interoperability scenario', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const read = ['can_read_user', 'can_read_todos']
  const [update, remove] = ['can_update_todo', 'can_delete_todo']
  // admin and evil genius, editors, viewers
  const roles: Record<string, string[]> = {
    'rick@the-citadel.com': [...read, 'can_create_todo', update, remove],
    'morty@the-citadel.com': [...read, 'can_create_todo'],
    'summer@the-smiths.com': [...read, 'can_create_todo'],
    'beth@the-smiths.com': read,
    'jerry@the-smiths.com': read
  }
  const todo = (owner: string) => `7240d0db-8ff0-41ec-98b2-34a096273b${owner}`
  const owners = { 'rick@the-citadel.com': '92', 'morty@the-citadel.com': '91', 'summer@the-smiths.com': '93' }
  for (const [email, permissions] of Object.entries(roles)) await latchkey.addUser({ email, permissions })
  // an editor may change what they own: the application grants it when the todo is made
  for (const [email, id] of Object.entries(owners)) {
    const user = (await latchkey.store.users.byEmail(email))?.id ?? ''
    for (const name of [update, remove]) await grant(latchkey, user, name, 'todo', todo(id))
  }
  const { json } = asking(latchkey)
  const own = { ...owners, 'beth@the-smiths.com': '94', 'jerry@the-smiths.com': '95' }
  const expected: Record<string, ReadonlyArray<boolean>> = {
    // read a user, oneself, the todos; create; update Rick's, one's own (Rick: Morty's); delete the same
    'rick@the-citadel.com': [true, true, true, true, true, true, true, true],
    'morty@the-citadel.com': [true, true, true, true, false, true, false, true],
    'summer@the-smiths.com': [true, true, true, true, false, true, false, true],
    'beth@the-smiths.com': [true, true, true, false, false, false, false, false],
    'jerry@the-smiths.com': [true, true, true, false, false, false, false, false]
  }
  let count = 0
  for (const [email, decisions] of Object.entries(expected)) {
    const mine = todo(email.startsWith('rick') ? '91' : own[email as keyof typeof own])
    const resources: ReadonlyArray<readonly [string, object]> = [
      ['can_read_user', { type: 'user', id: 'beth@the-smiths.com', userID: 'beth@the-smiths.com' }],
      ['can_read_user', { type: 'user', id: email, userID: 'CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04' }],
      ['can_read_todos', { type: 'todo', id: 'todo-1' }],
      ['can_create_todo', { type: 'todo', id: 'todo-1' }],
      ...[update, remove].flatMap((name) => [
        [name, { type: 'todo', id: todo('92'), ownerID: 'rick@the-citadel.com' }] as const,
        [name, { type: 'todo', id: mine, ownerID: email }] as const
      ])
    ]
    const evaluations = resources.map(([name, resource]) => ({ action: { name }, resource }))
    const who = { type: 'user', id: email, identity: 'CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04' }
    const batch = await json('evaluations', { subject: who, evaluations })
    t.same(
      batch.evaluations.map(({ decision }: { decision: boolean }) => decision),
      decisions,
      email
    )
    for (const [at, each] of evaluations.entries())
      t.equal((await json('evaluation', { subject: who, ...each })).decision, decisions[at], `${email} ${at}`)
    count += evaluations.length
  }
  t.equal(count, 40)
})
