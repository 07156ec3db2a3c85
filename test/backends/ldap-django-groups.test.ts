import t, { type Test } from 'tap'
import type { LdapOptions } from '../../src/backends/ldap/options.ts'
import {
  groupOfNames,
  groupsBase,
  type LdapEntry,
  peopleBase,
  person,
  suffix,
  userPassword
} from '../servers/ldap-fixtures.ts'
import { corpAt, type LdapWorld, openLdapWorld } from '../servers/ldap-fixtures-world.ts'
import { startSlapd } from '../servers/slapd.ts'
import { grantPermissions, joinGroups } from '../store/acts.ts'

/** What django-auth-ldap's own suite shows of groups, about Latchkey; logins are in ldap-django.test.ts. */
const uidOf = (name: string) => `uid=${name},${peopleBase}`
const dnOf = (name: string) => `cn=${name},${groupsBase}`
const posixPerson = (name: string, gidNumber: string): LdapEntry =>
  person(name, {
    objectClass: ['inetOrgPerson', 'posixAccount'],
    uidNumber: gidNumber,
    gidNumber,
    homeDirectory: '/'
  })
const posixGroup = (cn: string, gidNumber: string, memberUid: readonly string[]): LdapEntry => [
  dnOf(cn),
  { objectClass: 'posixGroup', cn, gidNumber, memberUid }
]

const slapd = await startSlapd(t, {
  entries: [
    person('alice'),
    person('bob'),
    person('carol'),
    person('nobody'),
    person('drei ßig', { mail: 'dreissig@example.com' }),
    posixPerson('unix', '5000'),
    groupOfNames('active', [uidOf('alice'), uidOf('bob')]),
    groupOfNames('staff', [uidOf('alice'), uidOf('carol')]),
    groupOfNames('superuser', [uidOf('alice')]),
    groupOfNames('outer', [dnOf('active')]),
    groupOfNames('ring', [dnOf('outer'), dnOf('ring')]),
    groupOfNames('größe, "x"', ['uid=drei ßig,ou=users,dc=example,dc=com']),
    [dnOf('unique'), { objectClass: 'groupOfUniqueNames', cn: 'unique', uniqueMember: uidOf('alice') }],
    [dnOf('uniquer'), { objectClass: 'groupOfUniqueNames', cn: 'uniquer', uniqueMember: dnOf('unique') }],
    [dnOf('chair'), { objectClass: 'organizationalRole', cn: 'chair', roleOccupant: uidOf('alice') }],
    posixGroup('primary', '5000', []),
    posixGroup('secondary', '5001', ['unix', 'alice'])
  ]
})

type Groups = NonNullable<LdapOptions['groups']>
type Condition = NonNullable<LdapOptions['require']>

const groups: Groups = { base: groupsBase, type: 'groupOfNames' }
const nested: Groups = { ...groups, nested: true }
const open = (t: Test, corp: object = {}, folder?: string) =>
  openLdapWorld(t, [corpAt(slapd.url, { groups, cache: 0, ...corp })], {}, folder)
const group = (name: string): Condition => ({ group: dnOf(name) })
const change = (dn: string, changes: string) => slapd.modify(`dn: ${dn}\nchangetype: modify\n${changes}\n`)

/** A claim of the token that a login gives; `t.match` would take a longer list for a shorter one. */
const claimOf = async (claim: string, asked: ReturnType<LdapWorld['logIn']>) => {
  const claims = await asked
  return typeof claims === 'string' ? claims : claims[claim]
}
const heldBy = (world: LdapWorld, name: string, password?: string) =>
  claimOf('permissions', world.logIn(name, password))
const groupsOf = (world: LdapWorld, name: string) => claimOf('groups', world.logIn(name))

/** Who of these gets in. */
const letIn = async (world: LdapWorld, names: readonly string[] = ['alice', 'bob', 'carol', 'nobody']) => {
  const who: string[] = []
  for (const name of names) if (typeof (await world.logIn(name)) !== 'string') who.push(name)
  return who
}

t.test('require and deny', async (t) => {
  const rows: ReadonlyArray<readonly [name: string, corp: object, who: readonly string[]]> = [
    ['who is in the required group', { require: group('active') }, ['alice', 'bob']],
    ['who is in it by way of another group', { groups: nested, require: group('outer') }, ['alice', 'bob']],
    ['without nesting only its own members', { require: group('outer') }, []],
    ['a required group that does not exist lets nobody in', { require: group('missing') }, []],
    ['who is not in the denied group', { deny: group('active') }, ['carol', 'nobody']],
    [
      'a denied group that does not exist denies nobody',
      { deny: group('missing') },
      ['alice', 'bob', 'carol', 'nobody']
    ],
    ['who is in both is denied', { require: group('active'), deny: group('superuser') }, ['bob']],
    [
      'a group is its DN however it is written',
      { require: { group: ` CN = Active,OU=GROUPS, ${suffix.toUpperCase()}` } },
      ['alice', 'bob']
    ]
  ]
  for (const [name, corp, who] of rows) t.test(name, async (t) => t.same(await letIn(await open(t, corp)), who))

  t.test('who is not let in is told what a wrong password is told, and no later backend lets them in', async (t) => {
    const settings = {
      id: 'settings',
      type: 'static',
      users: [{ username: 'bob', email: 'bob@example.net', password: userPassword }]
    }
    const world = await openLdapWorld(t, [corpAt(slapd.url, { groups, require: group('superuser') }), settings])
    const answers = [await world.token({ grant_type: 'password', username: 'bob', password: userPassword })]
    answers.push(await world.token({ grant_type: 'password', username: 'nobody at all', password: userPassword }))
    t.same(answers[0]?.json(), answers[1]?.json())
    t.equal(await world.store.users.count(), 0)
    t.match(world.log(), /"corp":"denied: not-allowed"/)
  })
  t.test('groups that cannot be told let nobody in', async (t) => {
    for (const corp of [
      { require: group('active') },
      { deny: group('missing') },
      { require: { not: group('missing') } }
    ]) {
      const lost = { ...corp, groups: { ...groups, base: `ou=gone,${groupsBase}` } }
      const outside = JSON.parse(JSON.stringify(lost).replaceAll(`,${groupsBase}"}`, `,ou=gone,${groupsBase}"}`))
      t.equal(await (await open(t, outside)).logIn('alice'), 'temporarily_unavailable', JSON.stringify(corp))
    }
  })
})

t.test('group queries', async (t) => {
  const rows: ReadonlyArray<readonly [name: string, require: Condition, who: readonly string[]]> = [
    ['one group', group('staff'), ['alice', 'carol']],
    ['not', { not: group('staff') }, ['bob', 'nobody']],
    ['any', { any: [group('active'), group('staff')] }, ['alice', 'bob', 'carol']],
    ['any, with one that does not exist', { any: [group('missing'), group('staff')] }, ['alice', 'carol']],
    ['all', { all: [group('active'), group('staff')] }, ['alice']],
    ['all, with one that does not exist', { all: [group('active'), group('missing')] }, []],
    [
      'within each other',
      { all: [{ any: [group('active'), group('staff')] }, { not: { all: [group('active'), group('staff')] } }] },
      ['bob', 'carol']
    ],
    [
      'an attribute beside a group',
      { any: [{ attribute: { uid: 'nobody' } }, group('superuser')] },
      ['alice', 'nobody']
    ]
  ]
  for (const [name, require, who] of rows) {
    t.test(`${name}: as require and, turned round, as deny`, async (t) => {
      t.same(await letIn(await open(t, { require })), who)
      t.same(await letIn(await open(t, { deny: { not: require } })), who)
    })
  }
  t.test('names that are no ASCII', async (t) => {
    const named = await open(t, { require: { group: `cn=GRÖSSE\\, \\22x\\22,${groupsBase}` } })
    t.same(await letIn(named, ['alice']), [], 'ss is not ß')
    const exact = await open(t, { require: { group: `cn=Größe\\2c "x",${groupsBase}`.replaceAll('"', '\\"') } })
    t.same(await letIn(exact, ['alice', 'drei ßig']), ['drei ßig'])
  })
})

t.test('listing and flags', async (t) => {
  const listings: ReadonlyArray<
    readonly [type: Groups['type'] & string, name: string, flat: string[], deep: string[] | null]
  > = [
    ['groupOfNames', 'alice', ['active', 'staff', 'superuser'], ['active', 'outer', 'ring', 'staff', 'superuser']],
    ['groupOfUniqueNames', 'alice', ['unique'], ['unique', 'uniquer']],
    ['organizationalRole', 'alice', ['chair'], ['chair']],
    ['posixGroup', 'unix', ['primary', 'secondary'], null],
    ['posixGroup', 'alice', ['secondary'], null]
  ]
  for (const [type, name, flat, deep] of listings) {
    t.test(`${type}: the token lists the groups of ${name}`, async (t) => {
      t.same(await groupsOf(await open(t, { groups: { base: groupsBase, type } }), name), flat)
      if (deep === null) return
      t.same(await groupsOf(await open(t, { groups: { base: groupsBase, type, nested: true } }), name), deep)
    })
  }
  t.test('who is in no group has none', async (t) => {
    t.same(await groupsOf(await open(t, { groups: nested }), 'nobody'), [])
  })

  const isSuperuser = async (world: LdapWorld, name: string) => (await world.userAfter(name)).isSuperuser
  const flags = (expression: Condition) => ({ flags: { isSuperuser: expression } })
  t.test('a superuser by a group', async (t) => {
    const world = await open(t, flags(group('superuser')))
    t.same([await isSuperuser(world, 'alice'), await isSuperuser(world, 'bob')], [true, false])
  })
  t.test('a superuser by any of several groups', async (t) => {
    const world = await open(t, flags({ any: [group('superuser'), group('staff'), group('missing')] }))
    const who = await Promise.all(['alice', 'bob', 'carol'].map((name) => isSuperuser(world, name)))
    t.same(who, [true, false, true])
  })
  t.test('a superuser holds every permission that is registered', async (t) => {
    const world = await open(t, flags(group('superuser')))
    await world.store.permissions.declare({ 'blog.add_post': '', 'blog.change_post': '' })
    const held = [await heldBy(world, 'alice')]
      .flat()
      .map(String)
      .filter((name) => !name.startsWith('latchkey.'))
    t.same(held, ['blog.add_post', 'blog.change_post'])
    t.same(await heldBy(world, 'bob'), [])
  })
  t.test('the flag follows the group, and no flag is touched where none is configured', async (t) => {
    const folder = t.testdir()
    const world = await open(t, flags(group('superuser')), folder)
    t.equal(await isSuperuser(world, 'carol'), false)
    await change(dnOf('superuser'), `add: member\nmember: ${uidOf('carol')}`)
    t.equal(await isSuperuser(world, 'carol'), true)
    await change(dnOf('superuser'), `delete: member\nmember: ${uidOf('carol')}`)
    t.equal(await isSuperuser(world, 'carol'), false)
    const email = 'bob@example.com'
    const own = await world.addUser({ email, superuser: true })
    t.equal(await world.logIn('bob'), 'invalid_grant', 'nobody joins a superuser')
    t.equal((await world.store.users.byId(own))?.isSuperuser, true)
  })
})

t.test('permissions', async (t) => {
  const give = (names: Readonly<Record<string, string[]>>) => ({
    permissions: Object.fromEntries(Object.entries(names).map(([name, list]) => [dnOf(name), list]))
  })
  const usual = {
    active: ['blog.add_post'],
    staff: ['blog.change_post'],
    outer: ['blog.outer'],
    missing: ['blog.never']
  }

  t.test('a group gives its permissions to its members', async (t) => {
    const world = await open(t, give(usual))
    t.same(await heldBy(world, 'alice'), ['blog.add_post', 'blog.change_post'])
    t.same(await heldBy(world, 'bob'), ['blog.add_post'])
    t.same(await heldBy(world, 'nobody'), [])
  })
  t.test('and by way of other groups, rings too', async (t) => {
    const world = await open(t, { groups: nested, ...give({ ...usual, ring: ['blog.ring'] }) })
    t.same(await heldBy(world, 'bob'), ['blog.add_post', 'blog.outer', 'blog.ring'])
  })
  t.test('of posixGroup by name and by number; without a number by name alone', async (t) => {
    const world = await open(t, {
      groups: { base: groupsBase, type: 'posixGroup' },
      ...give({ primary: ['unix.primary'], secondary: ['unix.secondary'] })
    })
    t.same(await heldBy(world, 'unix'), ['unix.primary', 'unix.secondary'])
    t.same(await heldBy(world, 'alice'), ['unix.secondary'])
    t.same(await heldBy(world, 'bob'), [])
  })
  t.test('of local groups of the same names, which nobody joins', async (t) => {
    const world = await open(t, { groups: { ...groups, groupPermissions: true } })
    await world.addUser({ email: 'holder@example.com', groups: ['active', 'staff'] })
    await giveToGroups(world, { active: 'blog.add_post', staff: 'blog.change_post' })
    t.same(await heldBy(world, 'bob'), ['blog.add_post'])
    const bob = await world.userAfter('bob')
    t.same((await world.store.users.storedPermissions(bob.id)).groups, [])
    t.same(await heldBy(await open(t, {}, world.folder), 'bob'), [], 'not unless asked for')
  })
  t.test('beside what is stored for the user', async (t) => {
    const world = await open(t, give(usual))
    const bob = await world.userAfter('bob')
    await grantPermissions(world.store, bob.id, ['own.stored'])
    t.same(await heldBy(world, 'bob'), ['blog.add_post', 'own.stored'])
  })
  const local = { id: 'local', type: 'local' }
  t.test('authorizeAll: a user of another backend has those of the account with the same address', async (t) => {
    const backends = [corpAt(slapd.url, { groups, authorizeAll: true, ...give(usual) }), local]
    const world = await openLdapWorld(t, backends)
    const password = 'a password of ours'
    await world.addUser({ email: 'bob@example.com', password })
    await world.addUser({ email: 'stranger@example.com', password })
    t.match(await world.logIn('bob@example.com', password), { backend: 'local' })
    t.same(await heldBy(world, 'bob@example.com', password), ['blog.add_post'])
    t.same(await heldBy(world, 'stranger@example.com', password), [])
  })
  t.test('without authorizeAll they have none', async (t) => {
    const world = await openLdapWorld(t, [corpAt(slapd.url, { groups, ...give(usual) }), local])
    const password = 'a password of ours'
    await world.addUser({ email: 'bob@example.com', password })
    t.same(await heldBy(world, 'bob@example.com', password), [])
  })
  t.test('while the directory cannot tell them nobody gets a token, unless they may be skipped', async (t) => {
    const lost = { groups: { ...groups, base: `ou=gone,${groupsBase}` }, permissions: {} }
    t.equal(await heldBy(await open(t, lost), 'alice'), 'temporarily_unavailable')
    const skipping = await open(t, { ...lost, permissionsOnUnavailable: 'skip' })
    t.same(await heldBy(skipping, 'alice'), [])
  })
  t.test('/userinfo has what is true now', async (t) => {
    const world = await open(t, give(usual))
    const token = await world.accessToken('carol', userPassword)
    const held = async () => (await world.userinfo(token)).json().permissions
    t.same(await held(), ['blog.change_post'])
    await change(dnOf('active'), `add: member\nmember: ${uidOf('carol')}`)
    t.same(await held(), ['blog.add_post', 'blog.change_post'])
    await change(dnOf('active'), `delete: member\nmember: ${uidOf('carol')}`)
    t.same(await held(), ['blog.change_post'])
  })
  t.test('between logins they are remembered for so long as cache says', async (t) => {
    const world = await open(t, { ...give(usual), cache: '1m' })
    const token = await world.accessToken('carol', userPassword)
    await change(dnOf('active'), `add: member\nmember: ${uidOf('carol')}`)
    t.same((await world.userinfo(token)).json().permissions, ['blog.change_post'])
    t.same(await heldBy(world, 'carol'), ['blog.add_post', 'blog.change_post'], 'a login asks anew')
    await change(dnOf('active'), `delete: member\nmember: ${uidOf('carol')}`)
  })
})

/** What a group gives is set at the command line; there is none for it yet. */
const giveToGroups = async ({ folder, store }: LdapWorld, permissions: Readonly<Record<string, string>>) => {
  await store.permissions.declare(Object.fromEntries(Object.values(permissions).map((name) => [name, ''])))
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(`${folder}/data/latchkey.db`)
  const insert = database.prepare(
    'insert into latchkey_group_permissions select id, ? from latchkey_groups where name = ?'
  )
  for (const [name, permission] of Object.entries(permissions)) insert.run(permission, name)
  database.close()
}

t.test('mirroring', async (t) => {
  const groupsAfter = async (world: LdapWorld, name: string) => {
    const { id } = await world.userAfter(name)
    return (await world.store.users.storedPermissions(id)).groups.toSorted()
  }
  const mirroring = (t: Test, mirror: Groups['mirror'], folder?: string, more: Partial<Groups> = {}) =>
    open(t, { groups: { ...groups, ...more, ...(mirror === undefined ? {} : { mirror }) } }, folder)

  t.test('all groups', async (t) => {
    t.same(await groupsAfter(await mirroring(t, true), 'alice'), ['active', 'staff', 'superuser'])
  })
  t.test('groups of groups', async (t) => {
    t.same(await groupsAfter(await mirroring(t, true, undefined, { nested: true }), 'bob'), ['active', 'outer', 'ring'])
  })
  t.test('those named', async (t) => {
    t.same(await groupsAfter(await mirroring(t, ['staff', 'missing']), 'alice'), ['staff'])
  })
  t.test('all but those named', async (t) => {
    t.same(await groupsAfter(await mirroring(t, { except: ['staff', 'missing'] }), 'alice'), ['active', 'superuser'])
  })
  t.test('not unless asked for', async (t) => {
    for (const mirror of [undefined, false] as const) t.same(await groupsAfter(await mirroring(t, mirror), 'alice'), [])
  })
  t.test('who left a group leaves the local one, and joins it again', async (t) => {
    const world = await mirroring(t, true)
    t.same(await groupsAfter(world, 'carol'), ['staff'])
    await change(dnOf('staff'), `delete: member\nmember: ${uidOf('carol')}`)
    t.same(await groupsAfter(world, 'carol'), [], 'out of the last one too')
    await change(dnOf('staff'), `add: member\nmember: ${uidOf('carol')}`)
    t.same(await groupsAfter(world, 'carol'), ['staff'])
  })
  t.test('a membership that somebody else made stays, of the groups named and of others', async (t) => {
    for (const mirror of [true, ['staff'], { except: ['staff'] }] as const) {
      const world = await mirroring(t, mirror as Groups['mirror'])
      const { id } = await world.userAfter('nobody')
      await joinGroups(world.store, id, ['staff', 'ours'], 1)
      t.same(await groupsAfter(world, 'nobody'), ['ours', 'staff'], JSON.stringify(mirror))
    }
  })
  t.test('an error of the directory changes nothing', async (t) => {
    const folder = t.testdir()
    t.same(await groupsAfter(await mirroring(t, true, folder), 'alice'), ['active', 'staff', 'superuser'])
    const lost = await mirroring(t, true, folder, { base: `ou=gone,${groupsBase}` })
    t.equal(await lost.logIn('alice'), 'temporarily_unavailable')
    const alice = await lost.store.users.byEmail('alice@example.com')
    t.equal((await lost.store.users.storedPermissions(alice?.id ?? '')).groups.length, 3)
  })
  t.test('a local group gives what it gives to those who are mirrored into it', async (t) => {
    const world = await mirroring(t, ['active'])
    await world.userAfter('bob')
    await giveToGroups(world, { active: 'blog.add_post' })
    t.same(await heldBy(world, 'bob'), ['blog.add_post'])
    t.same(await heldBy(world, 'carol'), [])
  })
})
