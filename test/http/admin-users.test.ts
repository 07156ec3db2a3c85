import t, { type Test } from 'tap'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { type Ask, call } from './admin-calls.ts'

const password = 'correct horse battery'
const yamlOf = (more = '') => `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: false }
${more}
backends:
  - { id: fixed, type: static, users: [{ username: bob, email: bob@example.com, password: "a password of bob's own", firstName: Bob, permissions: [blog.add_post] }],
      veto: [blog.delete_post] }
  - { id: local, type: local }
users: { attributes: { department: { type: string, maxLength: 10 }, level: { type: number, claim: level }, since: { type: date } } }
permissions: { declare: { blog.add_post: Can add, blog.change_post: Can change, blog.delete_post: Can delete } }
`

interface World extends TestLatchkey {
  readonly ask: Ask
  readonly root: string
  /** Somebody with these permissions and no more. */
  clerk(...permissions: string[]): Promise<Ask>
}

async function open(t: Test, more?: string): Promise<World> {
  const latchkey = await openTestLatchkey(t, yamlOf(more))
  await latchkey.addUser({ email: 'root@example.com', password, superuser: true })
  const token = await latchkey.accessToken('root@example.com', password)
  let clerks = 0
  return {
    ...latchkey,
    root: String(claimsOf(token).sub),
    ask: (method, url, payload, headers) => call(latchkey, token, method, url, payload, headers),
    async clerk(...permissions) {
      const email = `clerk-${++clerks}@example.com`
      await latchkey.addUser({ email, password, permissions })
      const own = await latchkey.accessToken(email, password)
      return (method, url, payload, headers) => call(latchkey, own, method, url, payload, headers)
    }
  }
}

const emails = ({ body }: Awaited<ReturnType<Ask>>): string[] => body.items.map(({ email }: { email: string }) => email)

/** What must be so on either dialect. */
async function users(t: Test, world: World): Promise<void> {
  const { ask } = world
  await ask('POST', '/admin/groups', { name: 'editors', permissions: ['blog.change_post'] })
  const made = await ask('POST', '/admin/users', {
    ...{ email: ' Ann.Example@EXAMPLE.com ', firstName: 'Ann', lastName: 'Example', displayName: 'Ann Example' },
    ...{ initials: 'AE', employeeNumber: '7', groups: ['editors'], permissions: ['blog.add_post'], password },
    attributes: { department: 'Press', level: 3 }
  })
  t.equal(made.status, 201, JSON.stringify(made.body))
  const { id, createdAt, updatedAt, ...rest } = made.body
  t.match(createdAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  t.match(updatedAt, /^\d{4}-\d\d-\d\dT/)
  t.same(rest, {
    ...{ email: 'ann.example@example.com', firstName: 'Ann', lastName: 'Example', displayName: 'Ann Example' },
    ...{ initials: 'AE', employeeNumber: '7', isActive: true, isSuperuser: false, hasPassword: true },
    ...{ groups: ['editors'], permissions: ['blog.add_post'], identities: [], lastLoginAt: null },
    ...{ loginNames: [], attributes: { department: 'Press', level: 3 } }
  })
  t.equal(made.headers.location, `http://localhost:8000/admin/users/${id}`)
  const url = `/admin/users/${id}`
  const read = await ask('GET', url)
  t.same(read.body, made.body)
  t.equal(read.headers.etag, made.headers.etag)
  t.ok(await world.accessToken('ann.example@example.com', password), 'she logs in')
  const { headers: afterLogin, body: seen } = await ask('GET', url)
  t.equal(afterLogin.etag, read.headers.etag, 'a login is no change')
  matchLists(t, seen, { identities: [{ backend: 'local', subject: id }], lastLoginAt: /Z$/ })

  const ifMatch = { 'if-match': String(read.headers.etag) }
  const two = await Promise.all(
    [{ firstName: 'Anna' }, { lastName: 'Sample' }].map((change) => ask('PATCH', url, change, ifMatch))
  )
  t.same(two.map(({ status }) => status).sort(), [200, 412], 'of two who change what they read one wins')
  const changed = await ask('PATCH', url, {
    ...{
      initials: null,
      groups: [],
      permissions: ['blog.change_post'],
      attributes: { level: null, since: '2026-01-01' }
    }
  })
  matchLists(t, changed.body, { initials: null, groups: [], permissions: ['blog.change_post'] })
  t.same(changed.body.attributes, { department: 'Press', since: '2026-01-01' }, 'the rest of them stays')
  const named = (type: string) => ({ 'content-type': type })
  const merged = await ask('PATCH', url, { initials: 'A' }, named('application/merge-patch+json; charset=utf-8'))
  t.match(merged, { status: 200, body: { initials: 'A' } }, 'called as RFC 7396 has it')
  const asForm = await ask('PATCH', url, 'initials=B', named('application/x-www-form-urlencoded'))
  t.match(asForm.body, { status: 415, detail: 'The content type must be application/json' })
  t.equal((await ask('POST', '/admin/users', { email: 'ANN.example@example.com' })).status, 409, 'taken')
  t.equal((await ask('PATCH', url, { email: 'root@example.com' })).status, 409)

  const session = await world.accessToken('ann.example@example.com', password)
  t.equal((await ask('PUT', `${url}/password`, { password: 'another horse battery' })).status, 204)
  t.equal((await world.userinfo(session)).statusCode, 401, 'a new password ends all sessions')
  const later = await world.accessToken('ann.example@example.com', 'another horse battery')
  t.equal((await ask('DELETE', `${url}/sessions`)).status, 204)
  t.equal((await world.userinfo(later)).statusCode, 401)
  t.equal((await ask('DELETE', `${url}/password`)).status, 204)
  t.equal((await ask('GET', url)).body.hasPassword, false)
  await t.rejects(world.accessToken('ann.example@example.com', 'another horse battery'))

  const linked = await ask('POST', `${url}/identities`, { backend: 'fixed', subject: 'bob' })
  t.equal(linked.status, 201)
  t.ok(linked.body.identities.some(({ subject }: { subject: string }) => subject === 'bob'))
  const again = await ask('POST', `/admin/users/${world.root}/identities`, { backend: 'fixed', subject: 'bob' })
  t.equal(again.status, 409, 'somebody has it')
  const bob = claimsOf(await world.accessToken('bob', "a password of bob's own"))
  t.equal(bob.sub, id, 'whoever logs in so is she')

  const held = (await ask('GET', `${url}/permissions`)).body
  matchLists(t, held.user.blog, [{ permission: 'blog.add_post', origins: [{ source: 'fixed' }] }, {}])
  matchLists(t, held.all, { blog: [{ permission: 'blog.add_post' }, { permission: 'blog.change_post' }] })
  await ask('PATCH', url, { groups: ['editors'], permissions: ['blog.delete_post'] })
  const both = (await ask('GET', `${url}/permissions`)).body
  matchLists(t, both.group, { blog: [{ permission: 'blog.change_post', origins: [{ because: 'group editors' }] }] })
  t.match(both.vetoed, {
    blog: [{ permission: 'blog.delete_post', origins: [{ source: 'stored' }, { source: 'fixed' }] }]
  })

  const owned = await ask('PATCH', url, { firstName: 'Mine' })
  t.equal(owned.status, 409, 'a field that a backend owns')
  matchLists(t, owned.body, { detail: /fixed/, errors: [{ pointer: '/firstName', detail: /fixed/ }] })
  t.equal((await ask('PATCH', url, { firstName: 'Bob' })).status, 200, 'as it was read it may come back')
  t.match((await ask('PATCH', url, { email: 'mine@example.com' })).body, { status: 409, detail: /fixed/ })
  t.equal((await ask('DELETE', `${url}/identities?backend=fixed&subject=bob`)).status, 204)
  t.equal((await ask('DELETE', `${url}/identities?backend=fixed&subject=bob`)).status, 404)
  t.equal((await ask('PATCH', url, { firstName: 'Mine' })).status, 200, 'nobody owns it now')

  t.equal((await ask('PATCH', url, { isActive: false })).body.isActive, false)
  for (let n = 0; n < 5; n++) await ask('POST', '/admin/users', { email: `p${n}@example.com`, groups: ['editors'] })
  t.same(
    emails(await ask('GET', '/admin/users?search=P')),
    [0, 1, 2, 3, 4].map((n) => `p${n}@example.com`)
  )
  t.equal(emails(await ask('GET', '/admin/users?isActive=false')).length, 1)
  t.same(emails(await ask('GET', '/admin/users?isSuperuser=true')), ['root@example.com'])
  t.equal(emails(await ask('GET', '/admin/users?group=editors')).length, 6)
  t.equal(emails(await ask('GET', '/admin/users?permission=blog.change_post&search=p')).length, 5)
  const down = emails(await ask('GET', '/admin/users?search=p&order=-email'))
  t.equal(down[0], 'p4@example.com')
  const paged: string[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page = await ask('GET', `/admin/users?search=p&limit=2${next && `&cursor=${next}`}`)
    paged.push(...emails(page))
    next = page.body.next
  }
  t.equal(paged.join(), [0, 1, 2, 3, 4].map((n) => `p${n}@example.com`).join())

  t.equal((await ask('DELETE', url)).status, 204)
  t.equal((await ask('GET', url)).status, 404)
  t.equal((await ask('DELETE', url)).status, 404)
  for (const change of [{ isSuperuser: false }, { isActive: false }]) {
    const refused = await ask('PATCH', `/admin/users/${world.root}`, change)
    t.match(refused.body, { status: 409, type: 'urn:latchkey:problem:last-superuser' }, JSON.stringify(change))
  }
  t.equal((await ask('DELETE', `/admin/users/${world.root}`)).status, 409, 'the last one stays')
}

/** What must be so on either dialect. */
async function loginNames(t: Test, world: World): Promise<void> {
  const { ask } = world
  const make = async (email: string, more: object = {}) => {
    const { body } = await ask('POST', '/admin/users', { email, password, ...more })
    return body.id as string
  }
  const eve = await make('eve@example.com', { loginNames: ['ｅve', 'Old@Example.com', 'eve'] })
  const url = `/admin/users/${eve}`
  t.same((await ask('GET', url)).body.loginNames, ['Old@Example.com', 'eve'], 'after NFKC')
  const subject = async (username: string) =>
    claimsOf(await world.accessToken(username, password).catch(() => 'e30.e30.')).sub
  for (const name of ['eve', 'ｅｖｅ', 'Old@Example.com', 'EVE@example.com']) t.equal(await subject(name), eve, name)
  for (const name of ['EVE', ' eve', 'old@example.com', 'ev']) t.equal(await subject(name), undefined, name)

  const old = await make('old@example.com')
  t.equal(await subject('Old@Example.com'), old, 'whoever has it as an e-mail goes before whoever has it as a name')
  t.equal((await ask('DELETE', `/admin/users/${old}/password`)).status, 204)
  t.equal(await subject('Old@Example.com'), undefined, 'also without a password')

  const ann = await make('ann.other@example.com')
  const other = `/admin/users/${ann}`
  for (const taken of ['eve', 'EVE@Example.com', 'ｅｖｅ@example.com']) {
    const refused = await ask('PATCH', other, { loginNames: [taken] })
    t.match([refused.status, refused.body.detail], [409, /login name/], taken)
  }
  const twice = await ask('POST', '/admin/users', { email: 'new@example.com', loginNames: ['eve'] })
  t.match([twice.status, twice.body.detail], [409, /login name/])
  for (const none of [' x', 'a\u200bb', 'x'.repeat(256)])
    t.equal((await ask('PATCH', other, { loginNames: [none] })).status, 400, JSON.stringify(none))
  t.equal((await ask('PATCH', other, { loginNames: ['Eve', 'ann.other@example.com'] })).status, 200, 'case tells')
  t.equal(await subject('Eve'), ann)
  t.same((await ask('PATCH', url, { loginNames: ['evelyn'] })).body.loginNames, ['evelyn'])
  t.equal(await subject('eve'), undefined)
  t.equal((await ask('PATCH', other, { loginNames: ['eve'] })).status, 200, 'free again')
  t.equal((await ask('DELETE', url)).status, 204)
  t.equal((await ask('PATCH', other, { loginNames: ['evelyn'] })).status, 200, 'free with its user')
  for (const id of [ann, old]) await ask('DELETE', `/admin/users/${id}`)
}

t.test('users, on SQLite', async (t) => users(t, await open(t)))
t.test('login names, on SQLite', async (t) => loginNames(t, await open(t)))

t.test('groups, permissions and grants on objects, on SQLite', async (t) => groupsAndGrants(t, await open(t)))

t.test('the same on MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const server = await startMariadb()
  t.teardown(() => server.stop())
  const openOn = async (name: string): Promise<World> =>
    open(t, `secret: a secret of at least thirty-two bytes\ndatabase: { url: "${await server.database(name)}" }`)
  const world = await openOn('people')
  await loginNames(t, world)
  await users(t, world)
  await groupsAndGrants(t, await openOn('groups_and_grants'))
})

t.test('every mistake in a body is named, and nothing is done', async (t) => {
  const { ask, root, log } = await open(t)
  const group = (await ask('POST', '/admin/groups', { name: 'editors' })).body
  const cursor = Buffer.from(JSON.stringify(['createdAt', 'x', root])).toString('base64url')
  for (const [why, status, method, url, body, pointer] of [
    ['no e-mail', 400, 'POST', '/users', {}, '/email'],
    ['an e-mail that is none', 400, 'POST', '/users', { email: 'ann' }, '/email'],
    ['null', 400, 'POST', '/users', { email: null }, '/email'],
    ['a list', 400, 'POST', '/users', { email: ['a@example.com'] }, '/email'],
    ['a number', 400, 'POST', '/users', { email: 1 }, '/email'],
    ['unknown', 400, 'POST', '/users', { email: 'a@example.com', isStaff: true }, '/isStaff'],
    ['its id', 400, 'PATCH', `/users/${root}`, { id: 'x' }, '/id'],
    ['prototype', 400, 'PATCH', `/users/${root}`, '{"__proto__": {"isSuperuser": true}}', undefined],
    ['NUL', 400, 'PATCH', `/users/${root}`, { firstName: 'a\u0000b' }, '/firstName'],
    ['too long', 400, 'PATCH', `/users/${root}`, { firstName: 'a'.repeat(151) }, '/firstName'],
    ['far too long', 400, 'PATCH', `/users/${root}`, { firstName: 'a'.repeat(2000) }, '/firstName'],
    ['an own field that is none', 400, 'PATCH', `/users/${root}`, { attributes: { shoe: 42 } }, '/attributes/shoe'],
    ['of another type', 400, 'PATCH', `/users/${root}`, { attributes: { level: 'high' } }, '/attributes/level'],
    [
      'too long a one',
      400,
      'PATCH',
      `/users/${root}`,
      { attributes: { department: 'a'.repeat(11) } },
      '/attributes/department'
    ],
    ['none, taken away', 400, 'PATCH', `/users/${root}`, { attributes: { shoe: null } }, '/attributes/shoe'],
    ['no day', 400, 'PATCH', `/users/${root}`, { attributes: { since: '2026-02-30' } }, '/attributes/since'],
    ['an object in it', 400, 'PATCH', `/users/${root}`, { attributes: { level: {} } }, '/attributes/level'],
    ['a name in it', 400, 'PATCH', `/users/${root}`, { attributes: { firstName: 'x' } }, '/attributes/firstName'],
    ['a group that is not there', 404, 'PATCH', `/users/${root}`, { groups: ['nobody'] }, undefined],
    ['no permission', 400, 'PATCH', `/users/${root}`, { permissions: ['x'] }, undefined],
    ['a text for true', 400, 'PATCH', `/users/${root}`, { isActive: 'true' }, '/isActive'],
    ['no login name', 400, 'PATCH', `/users/${root}`, { loginNames: ['a\u200bb'] }, '/loginNames'],
    ['nothing at all', 400, 'PATCH', `/users/${root}`, '', undefined],
    ['a list at all', 400, 'PATCH', `/users/${root}`, [], ''],
    ['twice', 400, 'PATCH', `/users/${root}`, '{"isActive": true, "isActive": false}', undefined],
    ['huge', 413, 'PATCH', `/users/${root}`, { firstName: 'x'.repeat(300_000) }, undefined],
    ['an empty password', 400, 'PUT', `/users/${root}/password`, { password: '' }, '/password'],
    ['a password with NUL', 400, 'PUT', `/users/${root}/password`, { password: 'secret\u0000' }, '/password'],
    [
      'a backend that is not there',
      400,
      'POST',
      `/users/${root}/identities`,
      { backend: 'x', subject: 'y' },
      '/backend'
    ],
    ['nobody', 404, 'PATCH', '/users/none', {}, undefined],
    ['nobody', 404, 'GET', '/users/%00', undefined, undefined],
    ['an order that is none', 400, 'GET', '/users?order=password', undefined, undefined],
    ['a cursor that is none', 400, 'GET', '/users?cursor=x', undefined, undefined],
    ['a cursor of another value', 400, 'GET', `/users?order=createdAt&cursor=${cursor}`, undefined, undefined],
    ['a cursor of no key', 400, 'GET', '/keys?cursor=YWJj', undefined, undefined],
    ['a cursor of no backend', 400, 'GET', '/backends?cursor=YWJj', undefined, undefined],
    ['a cursor of no webhook', 400, 'GET', '/webhooks?cursor=YWJj', undefined, undefined],
    ['a text for true', 400, 'GET', '/users?isActive=maybe', undefined, undefined],
    ['a name that is taken', 409, 'POST', '/groups', { name: 'editors' }, undefined],
    ['no name', 400, 'POST', '/groups', { name: ' ' }, undefined],
    ['no permission', 400, 'PATCH', `/groups/${group.id}`, { permissions: ['x'] }, undefined],
    ['nobody', 404, 'PUT', `/groups/${group.id}/members/none`, undefined, undefined],
    ['no group', 404, 'PUT', `/groups/none/members/${root}`, undefined, undefined],
    ['no permission', 400, 'POST', '/permissions', { name: 'x', description: '' }, undefined],
    ['of the configuration', 409, 'DELETE', '/permissions/blog.add_post', undefined, undefined],
    ['our own', 409, 'PATCH', '/permissions/latchkey.view_user', { description: 'x' }, undefined],
    [
      'nobody to grant to',
      400,
      'POST',
      '/object-grants',
      { permission: 'blog.add_post', objectType: 'post', objectId: '1' },
      '/group'
    ],
    [
      'two',
      400,
      'POST',
      '/object-grants',
      { user: root, group: 'editors', permission: 'blog.add_post', objectType: 'post', objectId: '1' },
      '/group'
    ],
    [
      'somebody who is not there',
      404,
      'POST',
      '/object-grants',
      { user: 'none', permission: 'blog.add_post', objectType: 'post', objectId: '1' },
      undefined
    ],
    [
      'no object at all',
      400,
      'POST',
      '/object-grants',
      { user: root, permission: 'blog.add_post', objectType: 'any', objectId: '*' },
      '/objectType'
    ],
    [
      'NUL in an id',
      400,
      'POST',
      '/object-grants',
      { user: root, permission: 'blog.add_post', objectType: 'post', objectId: '\u0000' },
      '/objectId'
    ]
  ] as const) {
    const answer = await ask(method, `/admin${url}`, body)
    t.equal(answer.status, status, `${method} ${url}: ${why}: ${JSON.stringify(answer.body)}`)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    if (pointer !== undefined)
      t.equal(answer.body.errors?.[0]?.pointer, pointer, `${why}: ${JSON.stringify(answer.body)}`)
  }
  matchLists(t, (await ask('GET', `/admin/users/${root}`)).body, { firstName: null, isActive: true, groups: [] })
  t.notMatch(log(), /correct horse|"secret/)
})

t.test('nobody grants what they do not hold, by any route', async (t) => {
  const world = await open(t)
  const { ask } = world
  const clerk = await world.clerk(
    'latchkey.change_user',
    'latchkey.add_user',
    'latchkey.view_user',
    'latchkey.add_group',
    'latchkey.change_group',
    'latchkey.add_object_grant',
    'blog.add_post'
  )
  const group = (await ask('POST', '/admin/groups', { name: 'chiefs', permissions: ['latchkey.delete_user'] })).body
  const ann = (await clerk('POST', '/admin/users', { email: 'ann@example.com', permissions: ['blog.add_post'] })).body
  t.same(ann.permissions, ['blog.add_post'], 'what they hold they may give')
  const object = { objectType: 'post', objectId: '1' }
  for (const [method, url, body] of [
    ['PATCH', `/users/${ann.id}`, { permissions: ['blog.change_post'] }],
    ['PATCH', `/users/${ann.id}`, { isSuperuser: true }],
    ['PATCH', `/users/${ann.id}`, { groups: ['chiefs'] }],
    ['PUT', `/groups/${group.id}/members/${ann.id}`, undefined],
    ['POST', '/users', { email: 'x@example.com', isSuperuser: true }],
    ['POST', '/users', { email: 'x@example.com', permissions: ['blog.change_post'] }],
    ['POST', '/users', { email: 'x@example.com', groups: ['chiefs'] }],
    ['POST', '/groups', { name: 'x', permissions: ['blog.change_post'] }],
    ['PATCH', `/groups/${group.id}`, { permissions: ['latchkey.delete_user', 'blog.change_post'] }],
    ['POST', '/object-grants', { user: ann.id, permission: 'blog.change_post', ...object }],
    ['PUT', `/users/${world.root}/password`, { password: 'the clerk knows it' }],
    ['PATCH', `/users/${world.root}`, { email: 'clerk@example.com' }],
    ['POST', `/users/${world.root}/identities`, { backend: 'fixed', subject: 'bob' }],
    ['DELETE', `/users/${world.root}/password`, undefined]
  ] as const) {
    const answer = await clerk(method, `/admin${url}`, body)
    t.match(
      answer.body,
      { status: 403, type: 'urn:latchkey:problem:grant-refused' },
      `${method} ${url} ${JSON.stringify(body)}`
    )
  }
  t.equal((await ask('GET', '/admin/users?search=x@')).body.items.length, 0)
})

async function groupsAndGrants(t: Test, { ask, root, addUser }: World): Promise<void> {
  const made = await ask('POST', '/admin/groups', { name: 'editors', permissions: ['blog.change_post'] })
  t.equal(made.status, 201)
  const url = `/admin/groups/${made.body.id}`
  matchLists(t, made.body, { name: 'editors', permissions: ['blog.change_post'] })
  const read = await ask('GET', url)
  t.same(read.body, made.body)
  const ifMatch = { 'if-match': String(read.headers.etag) }
  const two = await Promise.all(
    [{ name: 'authors' }, { permissions: [] }].map((change) => ask('PATCH', url, change, ifMatch))
  )
  t.same(two.map(({ status }) => status).sort(), [200, 412])
  t.match((await ask('PATCH', url, { name: 'authors', permissions: ['blog.add_post'] })).body, { name: 'authors' })
  t.equal((await ask('PUT', `${url}/members/${root}`)).status, 204)
  t.equal((await ask('PUT', `${url}/members/${root}`)).status, 204, 'twice is the same')
  matchLists(t, (await ask('GET', `${url}/members`)).body, { items: [{ user: root, origins: ['local'] }], next: null })
  const zoe = await addUser({ email: 'zoe@example.com' })
  await ask('PUT', `${url}/members/${zoe}`)
  const membersBy = async (query: string) => emails(await ask('GET', `${url}/members?${query}`))
  t.same(await membersBy('search=%20ZO'), ['zoe@example.com'], 'e-mails are kept in lower case')
  t.same(await membersBy('search=%25'), [])
  t.equal((await ask('GET', `${url}/members?search=`)).status, 400)
  const both = await ask('GET', `${url}/members?limit=1`)
  t.equal(
    (await ask('GET', `${url}/members?limit=1&search=z&cursor=${both.body.next}`)).status,
    400,
    'of another order'
  )
  for (const user of [root, zoe]) t.equal((await ask('DELETE', `${url}/members/${user}`)).status, 204)
  t.same((await ask('GET', `${url}/members`)).body.items, [])
  matchLists(t, (await ask('GET', '/admin/groups?search=aut')).body, { items: [{ name: 'authors' }], next: null })

  const declared = await ask('POST', '/admin/permissions', { name: 'shop.sell', description: 'Can sell' })
  t.equal(declared.status, 201)
  t.same(declared.body, { name: 'shop.sell', description: 'Can sell', declared: false, origin: 'administration' })
  t.equal((await ask('POST', '/admin/permissions', { name: 'shop.sell', description: '' })).status, 409)
  const sell = '/admin/permissions/shop.sell'
  const asDeclared = { 'if-match': String(declared.headers.etag) }
  t.equal((await ask('GET', sell)).headers.etag, declared.headers.etag)
  t.equal((await ask('PATCH', sell, { description: 'Sells' }, asDeclared)).body.description, 'Sells')
  t.equal((await ask('PATCH', sell, { description: 'Sold' }, asDeclared)).status, 412, 'somebody else was faster')
  t.equal((await ask('DELETE', sell, undefined, asDeclared)).status, 412)
  t.equal((await ask('GET', sell)).body.description, 'Sells')
  matchLists(t, (await ask('GET', '/admin/permissions?search=shop.')).body.items, [{ name: 'shop.sell' }])
  t.match((await ask('GET', '/admin/permissions/blog.add_post')).body, { declared: true, origin: 'configuration' })

  const office = await ask('POST', '/admin/groups', { name: 'Bu\u0308ro' })
  t.equal(office.body.name, 'B\u00fcro')
  const decomposed = encodeURIComponent('Bu\u0308')
  const cleo = await addUser({ email: 'cleo@example.com', groups: ['B\u00fcro'] })
  t.match((await ask('GET', `/admin/users?group=${decomposed}ro`)).body.items, [{ id: cleo }], 'in any Unicode form')
  t.match((await ask('GET', `/admin/groups?search=${decomposed}`)).body.items, [{ name: 'B\u00fcro' }])
  const page = { permission: 'blog.change_post', objectType: 'page', objectId: '1' }
  t.equal((await ask('POST', '/admin/object-grants', { group: 'Bu\u0308ro', ...page })).status, 201)
  t.match((await ask('GET', `/admin/object-grants?group=${decomposed}ro`)).body.items, [{ group: 'B\u00fcro' }])
  t.equal((await ask('DELETE', `/admin/groups/${office.body.id}`)).status, 204)

  const ann = await addUser({ email: 'ann@example.com' })
  const own = { user: ann, permission: 'blog.change_post', objectType: 'post', objectId: '42/ä' }
  const byGroup = { group: 'authors', permission: 'blog.change_post', objectType: 'post', objectId: '42/ä' }
  const granted = await ask('POST', '/admin/object-grants', own)
  t.equal(granted.status, 201)
  t.same(granted.body, own)
  t.equal((await ask('POST', '/admin/object-grants', own)).status, 200, 'it is there already')
  t.equal((await ask('POST', '/admin/object-grants', byGroup)).status, 201)
  t.same((await ask('GET', '/admin/object-grants')).body, { items: [own, byGroup], next: null })
  const first = (await ask('GET', '/admin/object-grants?limit=1')).body
  t.same(first.items, [own])
  t.same((await ask('GET', `/admin/object-grants?limit=1&cursor=${first.next}`)).body.items, [byGroup])
  t.same((await ask('GET', '/admin/object-grants?group=authors&objectType=post')).body.items, [byGroup])
  const filtered = async (filter: Record<string, string>) =>
    (await ask('GET', `/admin/object-grants?${new URLSearchParams(filter)}`)).body.items
  const { permission, objectType, objectId } = own
  t.same(await filtered({ user: ann }), [own])
  t.same(await filtered({ user: root }), [])
  t.same(await filtered({ objectType, objectId }), [own, byGroup])
  t.same(await filtered({ objectType, objectId: '43' }), [])
  t.same(await filtered({ permission }), [own, byGroup])
  t.same(await filtered({ permission: 'blog.add_post' }), [])
  t.same(await filtered({ search: 'blog.' }), [own, byGroup], 'all of an app')
  t.same(await filtered({ search: 'blog.change', user: ann }), [own])
  for (const search of ['Blog.', 'shop.', 'blog.%', 'blog_']) t.same(await filtered({ search }), [], search)
  const found = (await ask('GET', '/admin/object-grants?search=blog.&limit=1')).body
  t.same(found.items, [own])
  const onwards = `/admin/object-grants?search=blog.&limit=1&cursor=${found.next}`
  t.same((await ask('GET', onwards)).body, { items: [byGroup], next: null })
  t.equal((await ask('GET', '/admin/object-grants?search=')).status, 400)
  t.equal((await ask('GET', '/admin/object-grants?cursor=eHg')).status, 400, 'none of ours')
  t.equal((await ask('GET', '/admin/object-grants?objectId=1')).status, 400, 'an id means something with its type')
  const query = new URLSearchParams(own).toString()
  t.equal((await ask('DELETE', `/admin/object-grants?${query}`)).status, 204)
  t.equal((await ask('DELETE', `/admin/object-grants?${query}`)).status, 404)
  t.equal((await ask('DELETE', '/admin/permissions/shop.sell')).status, 204)
  t.equal((await ask('GET', '/admin/permissions/shop.sell')).status, 404)
  t.equal((await ask('DELETE', url, undefined, { 'if-match': '"0"' })).status, 412)
  t.equal((await ask('DELETE', url)).status, 204)
  t.equal((await ask('GET', url)).status, 404)
}

t.test("one's own account", async (t) => {
  const { clerk, ask } = await open(t)
  const own = await clerk()
  const read = await own('GET', '/account')
  t.match(read.body, {
    email: 'clerk-1@example.com',
    hasPassword: true,
    permissions: [],
    identities: [{ backend: 'local' }]
  })
  t.same(read.body, (await ask('GET', `/admin/users/${read.body.id}`)).body, 'as an administrator sees it')
  const changed = await own('PATCH', '/account', { displayName: 'Clerk', attributes: { department: 'Desk' } })
  t.match(changed.body, { displayName: 'Clerk', attributes: { department: 'Desk' } })
  t.equal(
    (await own('PATCH', '/account', { displayName: null }, { 'if-match': String(read.headers.etag) })).status,
    412
  )
  for (const [change, status] of [
    [{ email: 'me@example.com' }, 400],
    [{ isSuperuser: true }, 400],
    [{ isActive: true }, 400],
    [{ permissions: ['latchkey.view_user'] }, 400],
    [{ groups: [] }, 400],
    [{ password: 'x' }, 400],
    [{ attributes: { level: 9 } }, 403],
    [{ employeeNumber: '1' }, 403],
    [{ attributes: { shoe: 1 } }, 400]
  ] as const)
    t.equal((await own('PATCH', '/account', change)).status, status, JSON.stringify(change))
  t.match((await own('GET', '/account')).body, { displayName: 'Clerk', isSuperuser: false, employeeNumber: null })
})
