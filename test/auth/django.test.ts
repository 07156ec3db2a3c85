import t from 'tap'
import type { Backend } from '../../src/auth/backend.ts'
import { authenticate } from '../../src/auth/chain.ts'
import type { Link } from '../../src/auth/link.ts'
import { permissionsOf } from '../../src/auth/permissions.ts'
import type { User } from '../../src/auth/user-store.ts'
import { claimsOf, openTestLatchkey } from '../latchkey.ts'
import { setActive } from '../store/acts.ts'
import { fakeBackend, fakeIdentity, fakeLink, fakePermissions, fakeRequest, fakeTools } from './fakes.ts'

/** The behaviours of django/tests/auth_tests/test_auth_backends.py that are not about Django's own objects. */
const yaml = `
publicClient: true
limits: { ip: false, account: false }
login: { failureFloor: 1ms }
backends: [{ id: local, type: local }]
permissions: { declare: { auth.test: Test, auth.other: Other } }
`
const password = 'correct-horse-battery'

t.test(
  'ModelBackend: user, group and all permissions, of somebody active, inactive, super and anonymous',
  async (t) => {
    const { store, login, addUser } = await openTestLatchkey(t, yaml)
    const id = await addUser({ email: 'test@example.com', permissions: ['auth.test_user'], groups: ['test_group'] })
    const of = async (user: User | null) => permissionsOf(login.chain, user, fakeRequest(), login.permissions)
    const found = async () => (await store.users.byId(id)) ?? t.fail()
    const user = (await found()) as User
    const held = await of(user)
    t.same(held.names, ['auth.test_user'], 'get_all_permissions')
    t.same(held.decisions.get('auth.test_user'), {
      granted: true,
      origins: [{ source: 'stored', because: 'the user itself' }]
    })
    t.same(held.groups, ['test_group'])
    t.notOk(held.names.includes('auth.test'), 'has_perm')
    t.ok(
      held.names.some((name) => name.startsWith('auth.')),
      'has_module_perms'
    )
    t.notOk(held.names.some((name) => name.startsWith('Group.')))
    t.same((await of({ ...user, isActive: false })).names, [], 'inactive has none')
    t.same((await of({ ...user, isActive: false, ownSuperuser: true })).names, [], 'nor has an inactive superuser')
    t.same((await of({ ...user, ownSuperuser: true })).names, await store.permissions.registered(), 'superuser has all')
    t.same((await of(null)).names, [], 'anonymous has none')
  }
)

const person: User = {
  ...{ id: 'u1', email: 'test@example.com', emailVouched: true, attributes: {}, ownAttributes: {}, isActive: true },
  ...{ isSuperuser: false, ownSuperuser: false, hasPassword: false, createdAt: 0, updatedAt: 0, lastLoginAt: null },
  ...{ tokensValidFrom: 0, sparedSession: null, version: 1 },
  identities: ['row', 'denying'].map((backend) => {
    return { backend, subject: 'test2', username: 'test2', attributes: {}, isSuperuser: false, lastSeenAt: 0 }
  })
}
const tools = {
  users: {
    storedPermissions: async () => ({ grants: [{ permission: 'auth.test', origin: 'the user itself' }], groups: [] }),
    groupPermissions: async () => []
  },
  registry: { registered: async () => [] },
  anonymous: []
}

t.test('SimpleRowlevelBackend: object level only, of somebody and of nobody', async (t) => {
  const rows = (names: readonly string[]) => ({ grants: names.map((permission) => ({ permission, origin: 'row' })) })
  const backend: Backend = {
    ...fakePermissions(rows([])),
    async permissions({ subject, object }) {
      if (object === undefined) return rows([])
      if (object.type !== 'test') return rows(['none'])
      return rows(subject === null ? ['anon'] : ['simple', 'advanced'])
    }
  }
  const names = async (user: User | null, type?: string) => {
    const options = type === undefined ? {} : { object: { type, id: '1' } }
    return (await permissionsOf([fakeLink('row', { backend })], user, fakeRequest(), tools, options)).names
  }
  t.same(await names(person, 'test'), ['advanced', 'auth.test', 'simple'])
  t.same(await names(person), ['auth.test'])
  t.same(await names(person, 'else'), ['auth.test', 'none'])
  t.same(await names(null, 'test'), ['anon'])
  t.same(await names(null), [])
  t.same(
    await names({ ...person, isActive: false }, 'test'),
    [],
    'Django leaves this to the backend; here it is a rule'
  )
})

t.test('PermissionDenied: first it ends everything, last it comes too late', async (t) => {
  const denying = (): Link =>
    fakeLink('denying', {
      backend: {
        ...fakeBackend({ outcome: 'denied', reason: 'not-allowed' }),
        permissions: async () => ({ grants: [], vetoes: [{ permission: '*', origin: 'always' }] })
      }
    })
  const accepting = () => fakeLink('row', { backend: fakeBackend({ outcome: 'accepted', identity: fakeIdentity() }) })
  const credentials = { kind: 'password', username: 'test', password: 'test' } as const
  const tried = (chain: Link[]) => authenticate(chain, credentials, fakeRequest(), fakeTools())
  await t.rejects(tried([denying(), accepting()]), { code: 'invalid_grant' })
  t.equal((await tried([accepting(), denying()])).backend.id, 'row')
  const granting = fakeLink('row', { backend: fakePermissions({ grants: [{ permission: 'x.y', origin: 'row' }] }) })
  const names = async (chain: Link[]) => (await permissionsOf(chain, person, fakeRequest(), tools)).names
  t.same(await names([denying(), granting]), [])
  t.same(await names([granting, denying()]), ['x.y'], 'what is stored comes after both')

  const skipped = fakeLink('skipped', { backend: fakeBackend(new TypeError('asked'), { takes: ['token'] }) })
  t.equal((await tried([skipped, accepting()])).backend.id, 'row', 'SkippedBackend')
  const wrong = fakeLink('wrong', { backend: fakeBackend(new TypeError('a fault of ours')) })
  await t.rejects(tried([wrong, accepting()]), { name: 'TypeError' }, 'TypeErrorBackend: never "wrong password"')
})

t.test('one hash, whether the user is known or not; none without credentials', async (t) => {
  for (const known of [true, false]) {
    const tools = fakeTools()
    const backend: Backend = {
      takes: ['password'],
      async authenticate(_credentials, context) {
        if (!known) return { outcome: 'unknown' }
        await context.verifyPassword('hash of another', 'test')
        return { outcome: 'rejected', reason: 'wrong-password' }
      }
    }
    const credentials = { kind: 'password', username: 'test', password: 'test' } as const
    await t.rejects(authenticate([fakeLink('a', { backend })], credentials, fakeRequest(), tools), {
      code: 'invalid_grant'
    })
    t.equal(tools.hashes.verified + tools.hashes.decoys, 1)
  }
  const { token } = await openTestLatchkey(t, yaml)
  for (const fields of [{}, { username: 'test' }, { password: 'test' }])
    t.equal((await token({ grant_type: 'password', ...fields } as Record<string, string>)).statusCode, 400)
})

t.test('names that are equal after NFKC are one, and inactive users are refused', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const id = await latchkey.addUser({ email: 'iamtheomega@example.com', password })
  const { sub } = claimsOf(await latchkey.accessToken('ｉａｍｔｈｅｏｍｅｇａ@example.com', password))
  t.equal(sub, id)
  await setActive(latchkey.store, id, false, Date.now())
  t.equal(
    (await latchkey.token({ grant_type: 'password', username: 'iamtheomega@example.com', password })).statusCode,
    400
  )
})

t.test('a session ends when its backend leaves the configuration', async (t) => {
  const user = `{ username: ann, email: ann@example.com, password: "${password}" }`
  const both = yaml.replace('backends: [', `backends: [{ id: site, type: static, users: [${user}] }, `)
  const before = await openTestLatchkey(t, `secret: ${'s'.repeat(40)}\n${both}`)
  const { access_token, refresh_token } = (
    await before.token({ grant_type: 'password', username: 'ann', password })
  ).json()
  t.equal((await before.userinfo(access_token)).statusCode, 200)
  const after = await openTestLatchkey(t, `secret: ${'s'.repeat(40)}\n${yaml}`, {}, before.folder)
  t.equal((await after.userinfo(access_token)).statusCode, 401)
  const refreshed = await after.token({ grant_type: 'refresh_token', refresh_token })
  t.match(refreshed.json(), { error: 'invalid_grant' })
})
