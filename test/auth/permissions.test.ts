import fc from 'fast-check'
import t from 'tap'
import type { PermissionAnswer, PermissionObject, PermissionRequest } from '../../src/auth/backend.ts'
import { createBreaker } from '../../src/auth/breaker.ts'
import type { Link } from '../../src/auth/link.ts'
import { matchesPattern } from '../../src/auth/pattern.ts'
import { permissionsOf } from '../../src/auth/permissions.ts'
import type { User } from '../../src/auth/user-store.ts'
import { BackendUnavailable } from '../../src/errors.ts'
import { fakeIdentity, fakeLink, fakePermissions, fakeRequest } from './fakes.ts'

const user = (backends: string[], more: Partial<User> = {}): User => ({
  id: 'u1',
  email: 'alice@example.com',
  emailVouched: true,
  attributes: {},
  ownAttributes: {},
  isActive: true,
  isSuperuser: false,
  ownSuperuser: false,
  hasPassword: false,
  identities: backends.map((backend) => {
    return { backend, subject: `at ${backend}`, username: 'alice', attributes: {}, isSuperuser: false, lastSeenAt: 0 }
  }),
  createdAt: 0,
  updatedAt: 0,
  lastLoginAt: null,
  tokensValidFrom: 0,
  sparedSession: null,
  version: 0,
  ...more
})

const answer = (grants: string[], vetoes: string[] = [], groups: string[] = []): PermissionAnswer => ({
  grants: grants.map((permission) => ({ permission, origin: `group for ${permission}` })),
  vetoes: vetoes.map((permission) => ({ permission, origin: 'vetoed' })),
  groups
})

const link = (id: string, given: PermissionAnswer | Error, more: Partial<Link> = {}) =>
  fakeLink(id, { backend: fakePermissions(given), ...more })

const tools = (stored: string[] = [], groups: string[] = [], onObjects: string[] = []) => ({
  users: {
    storedPermissions: async (_user: string, object?: PermissionObject) => ({
      grants: answer(object?.id === '1' ? [...stored, ...onObjects] : stored).grants,
      groups
    }),
    groupPermissions: async (names: readonly string[]) => answer(names.map((name) => `local.${name}`)).grants
  },
  registry: { registered: async () => ['app.all', 'app.every', 'blog.add'] },
  anonymous: ['blog.view']
})

const names = async (chain: Link[], who: User | null, own: string[] = []) =>
  (await permissionsOf(chain, who, fakeRequest(), tools(own))).names

t.test('the superset over all sources', async (t) => {
  const chain = [
    link('a', answer(['blog.add'], [], ['x'])),
    link('b', answer(['blog.change'], [], ['y'])),
    link('c', answer(['no.never']))
  ]
  const both = await permissionsOf(chain, user(['a', 'b']), fakeRequest(), tools(['own.one'], ['z']))
  t.same(
    both.names,
    ['blog.add', 'blog.change', 'own.one'],
    'asked wherever the user has an identity, and nowhere else'
  )
  t.same(both.groups, ['x', 'y', 'z'])
  t.same(both.decisions.get('blog.add'), { granted: true, origins: [{ source: 'a', because: 'group for blog.add' }] })
  const twice = await permissionsOf(
    [link('a', answer(['p.q'])), link('b', answer(['p.q']))],
    user(['a', 'b']),
    fakeRequest(),
    tools(['p.q'])
  )
  t.same(
    twice.decisions.get('p.q')?.origins.map(({ source }) => source),
    ['a', 'b', 'stored'],
    'every origin is kept'
  )
})

t.test('a veto', async (t) => {
  const who = user(['a', 'b'])
  t.same(
    await names([link('a', answer([], ['blog.*'])), link('b', answer(['blog.add', 'app.run']))], who),
    ['app.run'],
    'before'
  )
  t.same(
    await names([link('a', answer(['blog.add'])), link('b', answer(['blog.x'], ['blog.*']))], who),
    ['blog.add'],
    'behind comes too late'
  )
  t.same(await names([link('a', answer(['blog.add'], ['blog.add']))], user(['a'])), [], 'within one backend it wins')
  const bySubject: Record<string, PermissionAnswer> = {
    one: answer(['blog.add', 'blog.x']),
    two: answer([], ['blog.add'])
  }
  const both = fakeLink('a', {
    backend: {
      ...fakePermissions(answer([])),
      permissions: async ({ subject }) => bySubject[subject ?? ''] ?? answer([])
    }
  })
  const twice = user(['a', 'a'])
  const identities = twice.identities.map((identity, at) => ({ ...identity, subject: at === 0 ? 'one' : 'two' }))
  t.same(await names([both], { ...twice, identities }), ['blog.x'], 'also where the user has two accounts there')
  t.same(await names([link('a', answer([], ['*']))], user(['a']), ['own.one']), [], 'our own permissions come last')
  t.same(
    await names([link('a', answer([]), { veto: ['own.*'] })], user(['a']), ['own.one', 'b.c']),
    ['b.c'],
    'from the configuration'
  )
  t.same(
    await names([link('a', answer([]), { veto: ['*'] })], user(['b']), ['own.one']),
    ['own.one'],
    'of a backend that does not know the user'
  )
  const { decisions } = await permissionsOf([link('a', answer(['p.q'], ['p.*']))], user(['a']), fakeRequest(), tools())
  t.same(decisions.get('p.q'), {
    granted: false,
    origins: [
      { source: 'a', because: 'group for p.q' },
      { source: 'a', because: 'vetoed' }
    ]
  })
})

t.test('everyone whom a backend knows', async (t) => {
  const chain = [link('a', answer([]), { grants: ['app.use'] })]
  t.same(await names(chain, user(['a'])), ['app.use'])
  t.same(await names(chain, user(['b'])), [])
  t.same(
    await names([link('a', { grants: [], known: false }, { grants: ['app.use'] })], user(['a'])),
    [],
    'an account that is gone there'
  )
  t.same(
    await names([fakeLink('a', { grants: ['app.use'] })], user(['a'])),
    ['app.use'],
    'a backend without permissions of its own'
  )
  const breaker = createBreaker({ failures: 1 })
  breaker.failed('connect')
  t.same(
    await names([fakeLink('a', { grants: ['app.use'], breaker })], user(['a'])),
    ['app.use'],
    'which need not be there then'
  )
})

t.test('inactive, superuser, anonymous', async (t) => {
  const chain = [link('a', answer(['blog.add', 'x.undeclared'], ['*']), { grants: ['g.g'] })]
  t.same(await names(chain, user(['a'], { isActive: false, ownSuperuser: true }), ['own.one']), [], 'inactive: none')
  const everything = ['app.all', 'app.every', 'blog.add', 'g.g', 'own.one', 'x.undeclared']
  t.same(
    await names(chain, user(['a'], { ownSuperuser: true }), ['own.one']),
    everything,
    'superuser: every registered one, no veto'
  )
  const flagged = user(['a']).identities.map((identity) => ({ ...identity, isSuperuser: true }))
  t.same(await names(chain, user([], { identities: flagged }), ['own.one']), everything, 'made one by an identity')
  t.same(await names([], user([], { identities: flagged })), [], 'but not by a backend that is configured no longer')
  t.same(
    await names([link('a', answer(['blog.read']), { grants: ['g.g'] })], null),
    ['blog.read', 'blog.view'],
    'anonymous'
  )
})

t.test('a backend that is unavailable', async (t) => {
  const down = new BackendUnavailable('a', { reason: 'connect' })
  await t.rejects(names([link('a', down)], user(['a'])), { code: 'temporarily_unavailable', statusCode: 503 })
  t.same(await names([link('a', down, { permissionsOnUnavailable: 'skip' })], user(['a']), ['own.one']), ['own.one'])
  const skipping = { permissionsOnUnavailable: 'skip', grants: ['a.b'], veto: ['own.*'] } as const
  const own = ['own.one', 'b.c']
  t.same(await names([link('a', down, skipping)], user(['a']), own), ['b.c'], 'what the configuration vetoes stays so')
  t.same(await names([link('a', down, skipping)], user(['b']), own), ['b.c', 'own.one'], 'for whom it knows')
  t.same(await names([link('a', down, skipping)], null), ['blog.view'])
  const all = fakeLink('a', { backend: { ...fakePermissions(down), authorizesAll: true }, ...skipping })
  t.same(
    await names([all], user(['b'], { emailVouched: true }), own),
    ['b.c'],
    'also where it can not tell whom it knows'
  )
  await t.rejects(
    permissionsOf([link('a', down, skipping)], user(['a']), fakeRequest(), tools(), { isComplete: true }),
    { code: 'temporarily_unavailable' },
    'where nobody is to be passed over'
  )
  t.same(await names([link('a', down)], user(['b'])), [], 'is not missed where the user has no identity')
  await t.rejects(
    names([link('a', new TypeError('oops'))], user(['a'])),
    { name: 'TypeError' },
    'a programming error stays one'
  )
})

t.test('patterns', async (t) => {
  const table: ReadonlyArray<readonly [pattern: string, name: string, matches: boolean]> = [
    ['blog.*', 'blog.add_post', true],
    ['blog.*', 'blog2.add_post', false],
    ['blog.*', 'blogXadd', false],
    ['*', 'a.b', true],
    ['*.view', 'a.view', true],
    ['*.view', 'a.view_x', false],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'aXcYb', false],
    ['', '', true],
    ['blog.add', 'blog.add', true],
    ['blog.[a]dd', 'blog.add', false]
  ]
  for (const [pattern, name, matches] of table) t.equal(matchesPattern(pattern, name), matches, `${pattern} ~ ${name}`)
  t.equal(matchesPattern(`${'*a'.repeat(50)}b`, 'a'.repeat(150)), false, 'in exponential time it would never end')
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.') })
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '.', '*') }), text, (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/\*+/g, '.*')}$`)
      return matchesPattern(pattern, name) === expression.test(name)
    })
  )
  t.pass('as a regular expression would')
})

t.test('a backend that authorizes all is asked by e-mail for users of other backends', async (t) => {
  const asked: unknown[] = []
  const directory = (given: PermissionAnswer) =>
    fakeLink('directory', {
      grants: ['known.one'],
      backend: {
        ...fakePermissions(given),
        authorizesAll: true,
        async permissions(request) {
          asked.push(request)
          return given
        }
      }
    })
  const chain = [link('site', answer(['blog.add'])), directory(answer(['blog.change']))]
  t.same(await names(chain, user(['site'])), ['blog.add', 'blog.change', 'known.one'])
  t.same(asked, [{ subject: null, email: 'alice@example.com' }])
  t.same(
    await names(chain, user(['site'], { emailVouched: false })),
    ['blog.add'],
    'an unvouched address opens nothing'
  )
  t.same(
    await names([directory({ grants: [], known: false })], user([])),
    [],
    'whom it does not know it grants nothing'
  )
  await names(chain, user(['directory']))
  t.same(asked.at(-1), { subject: 'at directory' }, 'its own users are asked for by subject')
  await names([link('site', answer(['blog.add']))], user([]))
  t.equal(asked.length, 3)
})

t.test('the identity of a login is given for its own account alone', async (t) => {
  const asked: PermissionRequest[] = []
  const backend = {
    ...fakePermissions(answer([])),
    async permissions(request: PermissionRequest) {
      asked.push(request)
      return answer([])
    }
  }
  const [first] = user(['a']).identities
  if (first === undefined) throw new Error('no identity')
  const who = user([], {
    identities: [first, { ...first, subject: 'another' }, { ...first, backend: 'b', remembered: 'claims' }]
  })
  const identity = fakeIdentity({ subject: first.subject })
  const chain = [fakeLink('a', { backend }), fakeLink('b', { backend })]
  await permissionsOf(chain, who, fakeRequest(), tools(), { identity: { backend: 'a', identity } })
  t.strictSame(
    asked,
    [{ subject: first.subject, identity }, { subject: 'another' }, { subject: first.subject, remembered: 'claims' }],
    'not for another account of the backend, nor for the same subject elsewhere'
  )
})

t.test('local groups of the same name give their permissions at the place of the backend', async (t) => {
  const granting = link('corp', { ...answer(['blog.add'], ['local.no']), localGroups: ['editors', 'no'] })
  t.same(await names([granting], user(['corp'])), ['blog.add', 'local.editors'])
  t.same(await names([granting], user([])), [])
})

t.test('on an object: what is held generally, or on exactly that one', async (t) => {
  const asked: PermissionRequest[] = []
  const perObject = (vetoes: string[] = []) =>
    fakeLink('a', {
      backend: {
        ...fakePermissions(answer([])),
        async permissions(request) {
          asked.push(request)
          const { object } = request
          return object === undefined ? answer(['doc.list']) : answer([`doc.read_${object.id}`], vetoes)
        }
      }
    })
  const held = async (chain: Link[], who: User | null, id: string) =>
    (
      await permissionsOf(chain, who, fakeRequest(), tools(['own.one'], [], ['doc.own']), {
        object: { type: 'doc', id }
      })
    ).names
  t.same(await held([perObject()], user(['a']), '1'), ['doc.list', 'doc.own', 'doc.read_1', 'own.one'])
  t.same(
    asked.map(({ object }) => object),
    [undefined, { type: 'doc', id: '1' }]
  )
  t.same(await held([perObject()], user(['a']), '2'), ['doc.list', 'doc.read_2', 'own.one'])
  t.same(await held([perObject()], user([]), '1'), ['doc.own', 'own.one'])
  t.same(await held([perObject()], null, '1'), ['blog.view', 'doc.list', 'doc.read_1'], 'anonymous')
  t.same(await held([perObject()], user(['a'], { isActive: false }), '1'), [], 'inactive')
  t.same(
    await held([perObject(['doc.l*', 'doc.own'])], user(['a']), '1'),
    ['doc.read_1', 'own.one'],
    'a veto on the object wins within the backend, and over what is stored'
  )
  t.same(
    await held([perObject(['*'])], user(['a'], { ownSuperuser: true }), '1'),
    ['app.all', 'app.every', 'blog.add', 'doc.list', 'doc.own', 'doc.read_1', 'own.one'],
    'superuser'
  )
  asked.length = 0
  t.same(await names([perObject()], user(['a']), ['own.one']), ['doc.list', 'own.one'], 'nothing of it without one')
  t.equal(asked.length, 1)
  const { backend } = perObject()
  const blind = fakeLink('a', { backend: { ...backend, ignoresObjects: true } })
  asked.length = 0
  t.same(await held([blind], user(['a']), '1'), ['doc.list', 'doc.own', 'own.one'])
  t.equal(asked.length, 1, 'a backend to which all objects are one is asked once')
})
