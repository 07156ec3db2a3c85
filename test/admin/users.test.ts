import t from 'tap'
import { atConsole } from '../../src/admin/actor.ts'
import { changeMembers, createGroup, patchGroup } from '../../src/admin/groups.ts'
import { linkIdentity, unlinkIdentity } from '../../src/admin/identities.ts'
import { grantOnObject } from '../../src/admin/object-grants.ts'
import { ownPermissions } from '../../src/admin/own-permissions.ts'
import { setPassword } from '../../src/admin/passwords.ts'
import { changePermissions, createUser, deleteUser, logOutUser, patchUser } from '../../src/admin/users.ts'
import { identity, written } from '../store/world.ts'
import { actorOf, openWorld, superuserOf, toolsOver } from './world.ts'

const all = Object.keys(ownPermissions)

t.test('somebody new has one canonical e-mail, checked fields, and what was asked for', async (t) => {
  const { tools, store } = await openWorld(t)
  await createGroup(atConsole, { name: 'editors', permissions: ['blog.add_post'] }, tools)
  const user = await createUser(
    atConsole,
    {
      email: ' Ann@EXAMPLE.com ',
      attributes: { firstName: 'Ann', department: 'R&D', level: '3' },
      password: 'correct horse',
      permissions: ['blog.view_post', 'blog.view_post'],
      groups: ['editors'],
      isSuperuser: true
    },
    tools
  )
  t.match(user, {
    email: 'ann@example.com',
    emailVouched: true,
    attributes: { firstName: 'Ann', department: 'R&D', level: 3 },
    isActive: true,
    ownSuperuser: true,
    hasPassword: true
  })
  t.same(await store.users.byId(user.id), user)
  const stored = await store.users.storedPermissions(user.id)
  t.same(
    [stored.groups, stored.grants.map((one) => one.permission).sort()],
    [['editors'], ['blog.add_post', 'blog.view_post']]
  )
  t.equal((await store.accounts.byId(user.id))?.passwordHash, 'hash of correct horse')

  const invalid = { code: 'invalid_request' }
  await t.rejects(createUser(atConsole, { email: 'ANN@example.com' }, tools), {
    code: 'already_exists',
    statusCode: 409
  })
  await t.rejects(createUser(atConsole, { email: 'no address' }, tools), invalid)
  for (const attributes of [
    { unknown: 'x' },
    { department: 'x'.repeat(11) },
    { level: 'three' },
    { constructor: 'x' },
    { firstName: 'a\u0000' }
  ])
    await t.rejects(
      createUser(atConsole, { email: 'b@example.com', attributes }, tools),
      invalid,
      JSON.stringify(attributes)
    )
  for (const password of ['', 'a\u0000b', 'x'.repeat(1025)])
    await t.rejects(createUser(atConsole, { email: 'b@example.com', password }, tools), invalid)
  await t.rejects(createUser(atConsole, { email: 'b@example.com', permissions: ['nodot'] }, tools), invalid)
  await t.rejects(createUser(atConsole, { email: 'b@example.com', groups: ['none'] }, tools), { code: 'not_found' })
  t.equal(await store.users.byEmail('b@example.com'), undefined, 'nothing is written of what is refused')
})

t.test('required fields: nobody is created without, and nobody loses one', async (t) => {
  const required = { type: 'string', maxLength: 10, required: true } as const
  const { tools, store, create } = await openWorld(t, { attributes: { department: required } })
  await t.rejects(create('ann@example.com'), {
    code: 'invalid_request',
    message: 'department: every user must have it'
  })
  const user = await create('ann@example.com', { attributes: { department: 'R&D' } })
  await t.rejects(patchUser(atConsole, user.id, { attributes: { department: null } }, tools), {
    code: 'invalid_request'
  })
  for (const department of ['', ' \u00a0']) {
    const blank = { attributes: { department } }
    await t.rejects(create('eve@example.com', blank), { message: 'department: every user must have it' }, 'nor blank')
    await t.rejects(patchUser(atConsole, user.id, blank, tools), { message: 'department: every user must have it' })
  }
  const before = await create('bob@example.com', { attributes: { department: 'R&D' } })
  const stricter = toolsOver(store, { attributes: { ...tools.attributes, room: required } })
  t.match(
    await patchUser(atConsole, before.id, { isActive: false }, stricter),
    { isActive: false },
    'who lacks a new one can be changed'
  )
})

t.test('each door asks for its permission', async (t) => {
  const { tools, create } = await openWorld(t)
  const user = await create('ann@example.com')
  const nobody = actorOf(
    user,
    all.filter((name) => !/\.(add|change|delete)_(user|session)$/.test(name))
  )
  const calls = {
    create: createUser(nobody, { email: 'x@example.com' }, tools),
    patch: patchUser(nobody, user.id, {}, tools),
    password: setPassword(nobody, user.id, null, tools),
    delete: deleteUser(nobody, user.id, tools),
    link: linkIdentity(nobody, user.id, { backend: 'corp', subject: '1' }, tools),
    unlink: unlinkIdentity(nobody, user.id, { backend: 'corp', subject: '1' }, tools),
    grant: changePermissions(nobody, user.id, {}, tools),
    logOut: logOutUser(nobody, user.id, tools)
  }
  for (const [name, call] of Object.entries<Promise<unknown>>(calls))
    await t.rejects(
      call.then(() => undefined),
      { code: 'insufficient_scope' },
      name
    )
})

t.test('nobody grants what they do not hold', async (t) => {
  const { tools, create, store } = await openWorld(t)
  const ann = await create('ann@example.com')
  const bob = await create('bob@example.com')
  await createGroup(atConsole, { name: 'editors', permissions: ['blog.add_post', 'blog.delete_post'] }, tools)
  const actor = actorOf(ann, ['latchkey.add_user', 'latchkey.change_user', 'blog.add_post'])
  const refused = { code: 'grant_refused', statusCode: 403 }
  await t.rejects(patchUser(actor, bob.id, { permissions: ['blog.delete_post'] }, tools), refused)
  await t.rejects(changePermissions(actor, bob.id, { grant: ['latchkey.view_user'] }, tools), refused)
  await t.rejects(patchUser(actor, bob.id, { groups: ['editors'] }, tools), refused)
  await t.rejects(patchUser(actor, ann.id, { isSuperuser: true }, tools), refused, 'nor to oneself')
  await t.rejects(createUser(actor, { email: 'x@example.com', isSuperuser: true }, tools), refused)
  await t.rejects(createUser(actor, { email: 'x@example.com', permissions: ['latchkey.evaluate'] }, tools), refused)
  await t.rejects(createUser(actor, { email: 'x@example.com', groups: ['editors'] }, tools), refused)
  t.equal(await store.users.byEmail('x@example.com'), undefined)
  await patchUser(actor, bob.id, { permissions: ['blog.add_post'] }, tools)
  const more = actorOf(ann, ['latchkey.change_user', 'blog.add_post', 'blog.delete_post'])
  await patchUser(more, bob.id, { groups: ['editors'], isSuperuser: false }, tools)
  await patchUser(actor, bob.id, { permissions: ['blog.add_post'], groups: ['editors'] }, tools)
  t.same((await store.users.storedPermissions(bob.id)).groups, ['editors'], 'what is there already is no grant')
  await patchUser(actor, bob.id, { permissions: [], groups: [] }, tools)
  t.same(await store.users.storedPermissions(bob.id), { grants: [], groups: [] })
})

t.test('nor by a group what it carries on an object', async (t) => {
  const { tools, create, store } = await openWorld(t)
  const ann = await create('ann@example.com')
  const bob = await create('bob@example.com')
  const group = await createGroup(atConsole, { name: 'owners' }, tools)
  const grant = { holder: { group: 'owners' }, permission: 'docs.change', object: { type: 'doc', id: '1' } }
  await grantOnObject(atConsole, grant, store.objectGrants)
  const rights = ['latchkey.add_user', 'latchkey.change_user', 'latchkey.change_group']
  const [less, more] = [actorOf(ann, rights), actorOf(ann, [...rights, 'docs.change'])]
  const refused = { code: 'grant_refused', message: /docs\.change/ }
  await t.rejects(patchUser(less, bob.id, { groups: ['owners'] }, tools), refused)
  await t.rejects(createUser(less, { email: 'x@example.com', groups: ['owners'] }, tools), refused)
  await t.rejects(changeMembers(less, group.id, { add: [bob.id] }, tools), refused)
  await t.rejects(patchGroup(less, group.id, { name: 'everybody' }, tools), refused, 'backends put people in by name')
  t.same((await changeMembers(more, group.id, { add: [bob.id] }, tools)).added, [bob.id])
  t.match(await patchGroup(more, group.id, { name: 'all' }, tools), { name: 'all' })
  t.same((await changeMembers(less, group.id, { remove: [bob.id] }, tools)).removed, [bob.id])
})

t.test('nobody takes over somebody who holds more', async (t) => {
  const { create, store } = await openWorld(t)
  const ann = await create('ann@example.com')
  const root = await create('root@example.com', { isSuperuser: true })
  const keeper = await create('keeper@example.com', { permissions: ['latchkey.change_key'] })
  const elsewhere = await create('elsewhere@example.com')
  const flagged = await create('flagged@example.com')
  await store.users.link(flagged.id, identity('corp', 'f', { isSuperuser: true }))
  const actor = actorOf(ann, ['latchkey.change_user', 'latchkey.delete_user'])
  const asking = toolsOver(store, {
    permissionsOf: async ({ id }) => (id === elsewhere.id ? ['latchkey.view_key'] : [])
  })
  for (const { id, email } of [root, keeper, elsewhere, flagged]) {
    const refused = { code: 'grant_refused' }
    await t.rejects(setPassword(actor, id, 'mine now', asking), refused, email)
    await t.rejects(setPassword(actor, id, null, asking), refused, email)
    await t.rejects(patchUser(actor, id, { email: 'me@example.com' }, asking), refused, email)
    await t.rejects(patchUser(actor, id, { isActive: false }, asking), refused, email)
    await t.rejects(linkIdentity(actor, id, { backend: 'corp', subject: 'mine' }, asking), refused, email)
    await t.rejects(unlinkIdentity(actor, id, { backend: 'corp', subject: 'f' }, asking), refused, email)
    await t.rejects(deleteUser(actor, id, asking), refused, email)
  }
  await setPassword(actorOf(ann, ['latchkey.change_user', 'latchkey.change_key']), keeper.id, 'forgotten', asking)
  await t.resolves(setPassword(superuserOf(root), keeper.id, 'forgotten', asking))
})

t.test('who was demoted, deactivated or deleted meanwhile changes nothing', async (t) => {
  const { tools, create } = await openWorld(t)
  const [ann, root] = [
    await create('ann@example.com', { isSuperuser: true }),
    await create('root@example.com', { isSuperuser: true })
  ]
  const acting = superuserOf(ann)
  await patchUser(superuserOf(root), ann.id, { isSuperuser: false }, tools)
  await t.rejects(patchUser(acting, root.id, { isSuperuser: false }, tools), { code: 'insufficient_scope' })
  await patchUser(superuserOf(root), ann.id, { isActive: false }, tools)
  await t.rejects(patchUser(actorOf(ann, all), ann.id, { isActive: true }, tools), { code: 'insufficient_scope' })
  await deleteUser(superuserOf(root), ann.id, tools)
  await t.rejects(createUser(actorOf(ann, all), { email: 'x@example.com' }, tools), { code: 'insufficient_scope' })
})

t.test('the last active superuser stays, by whatever way', async (t) => {
  const { tools, create, store } = await openWorld(t)
  const root = await create('root@example.com', { isSuperuser: true })
  await create('sleeping@example.com', { isSuperuser: true, isActive: false })
  const last = { code: 'last_superuser', statusCode: 409 }
  for (const actor of [atConsole, superuserOf(root)]) {
    await t.rejects(patchUser(actor, root.id, { isSuperuser: false }, tools), last)
    await t.rejects(patchUser(actor, root.id, { isActive: false }, tools), last)
    await t.rejects(deleteUser(actor, root.id, tools), last)
  }
  t.match(await store.users.byId(root.id), { isActive: true, isSuperuser: true, version: root.version })
  const flagged = await create('flagged@example.com')
  await store.users.link(flagged.id, identity('gone', '1', { isSuperuser: true }))
  await t.rejects(
    deleteUser(atConsole, root.id, tools),
    last,
    'a backend that is configured no longer makes no superuser'
  )
  await store.users.link(flagged.id, identity('corp', '1', { isSuperuser: true }))
  await deleteUser(atConsole, root.id, tools)
  await t.rejects(unlinkIdentity(atConsole, flagged.id, { backend: 'corp', subject: '1' }, tools), last)
  await t.rejects(patchUser(atConsole, flagged.id, { isSuperuser: false }, tools), {
    code: 'field_read_only',
    backend: 'corp'
  })
})

t.test('fields that a backend owns are read-only, and the refusal says whose they are', async (t) => {
  const { tools, create, store } = await openWorld(t)
  const user = await create('ann@example.com', { attributes: { displayName: 'Ann' } })
  await store.users.link(user.id, identity('corp', '1', { attributes: { firstName: 'Anna' } }))
  await store.users.recordLogin({
    ...{ userId: user.id, identity: identity('corp', '1', { attributes: { firstName: 'Anna' } }), at: 1 },
    attributes: { firstName: 'Anna', displayName: 'Ann' }
  })
  const patch = (change: Parameters<typeof patchUser>[2]) => patchUser(atConsole, user.id, change, tools)
  const owned = { code: 'field_read_only', backend: 'corp' }
  await t.rejects(patch({ attributes: { firstName: 'Ann' } }), {
    ...owned,
    field: 'firstName',
    message: 'firstName comes from the backend corp'
  })
  await t.rejects(patch({ attributes: { firstName: null } }), owned)
  await t.rejects(patch({ email: 'other@example.com' }), { ...owned, field: 'email' })
  const sent = await patch({
    email: 'ann@example.com',
    attributes: { firstName: 'Anna', displayName: 'A.', lastName: 'Lee' }
  })
  t.same(
    sent.attributes,
    { firstName: 'Anna', displayName: 'A.', lastName: 'Lee' },
    'what is sent back as it was read is no change'
  )
  t.same(sent.ownAttributes, { displayName: 'A.', lastName: 'Lee' })

  const first = toolsOver(store, { chain: [...tools.chain].reverse() })
  t.match(await patchUser(atConsole, user.id, { attributes: { firstName: 'Ann' } }, first), {
    attributes: { firstName: 'Ann' }
  })
  const created = toolsOver(store, {
    chain: tools.chain.map((link) => ({ ...link, updateAttributes: 'create' as const }))
  })
  t.match(await patchUser(atConsole, user.id, { email: 'new@example.com' }, created), { email: 'new@example.com' })
  const left = await unlinkIdentity(atConsole, user.id, { backend: 'corp', subject: '1' }, tools)
  t.match([left.identities.length, left.attributes], [0, { firstName: 'Ann', displayName: 'A.', lastName: 'Lee' }])
  await t.resolves(patch({ email: 'other@example.com' }))
})

t.test(
  'a new e-mail, password, deactivation and unlinking end sessions and tokens; other changes do not',
  async (t) => {
    const { tools, create, store } = await openWorld(t)
    const user = await create('ann@example.com')
    await create('taken@example.com')
    const session = {
      ...{
        id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11',
        userId: user.id,
        backend: 'local',
        subject: user.id,
        clientId: 'web'
      },
      ...{
        audience: 'https://blog.example.com',
        scope: null,
        amr: ['pwd'],
        counter: 0,
        rotatedAt: 0,
        authenticatedAt: 0
      },
      ...{ createdAt: 0, expiresAt: 9e15, idleExpiresAt: 9e15 }
    }
    const ends = async (work: () => Promise<unknown>): Promise<boolean> => {
      await store.sessions.end([session.id], 9e15)
      await written(store, store.sessions.creation(session))
      const before = (await store.users.byId(user.id))?.tokensValidFrom ?? 0
      await work()
      const after = (await store.users.byId(user.id))?.tokensValidFrom ?? 0
      const gone = (await store.sessions.byId(session.id)) === undefined
      t.equal(gone, after > before)
      return gone
    }
    let second = 0
    const later = { ...tools, now: () => tools.now() + 1000 * ++second }
    const patch = (change: Parameters<typeof patchUser>[2]) => () => patchUser(atConsole, user.id, change, later)
    t.equal(
      await ends(patch({ attributes: { firstName: 'Ann' }, permissions: ['blog.add_post'], isActive: true })),
      false
    )
    t.equal(await ends(patch({ email: 'ANN@example.com' })), false)
    t.equal(await ends(patch({ email: 'anna@example.com' })), true)
    t.equal(await ends(() => setPassword(atConsole, user.id, 'new one', later)), true)
    t.equal(await ends(() => setPassword(atConsole, user.id, null, later)), true)
    t.equal(await ends(patch({ isActive: false })), true)
    t.equal(await ends(patch({ isActive: true })), false)
    t.equal(await ends(() => linkIdentity(atConsole, user.id, { backend: 'corp', subject: '1' }, later)), false)
    t.equal(await ends(() => unlinkIdentity(atConsole, user.id, { backend: 'corp', subject: '1' }, later)), true)
    t.equal(await ends(() => logOutUser(atConsole, user.id, later)), true)
    await t.rejects(patch({ email: 'taken@example.com' })(), { code: 'already_exists' })
  }
)

t.test('a change of what was changed meanwhile is refused', async (t) => {
  const { tools, create } = await openWorld(t)
  const { id, version } = await create('ann@example.com')
  const changes = Array.from({ length: 10 }, (_, n) =>
    patchUser(atConsole, id, { attributes: { level: n } }, tools, { ifVersion: version }).then(
      () => 'changed',
      ({ code }) => code
    )
  )
  t.same((await Promise.all(changes)).sort(), ['changed', ...Array(9).fill('precondition_failed')])
  await t.rejects(deleteUser(atConsole, id, tools, { ifVersion: version }), {
    code: 'precondition_failed',
    statusCode: 412
  })
  await t.rejects(patchUser(atConsole, 'nobody', {}, tools), { code: 'not_found', statusCode: 404 })
  for (const key of [
    { backend: 'other', subject: '1' },
    { backend: 'corp', subject: '' },
    { backend: 'corp', subject: 'ü'.repeat(128) }
  ])
    await t.rejects(linkIdentity(atConsole, id, key, tools), { code: 'invalid_request' })
  await linkIdentity(atConsole, id, { backend: 'corp', subject: '1' }, tools)
  const other = await create('bob@example.com')
  await t.rejects(linkIdentity(atConsole, other.id, { backend: 'corp', subject: '1' }, tools), {
    code: 'already_exists'
  })
  await t.rejects(unlinkIdentity(atConsole, other.id, { backend: 'corp', subject: '1' }, tools), { code: 'not_found' })
})
