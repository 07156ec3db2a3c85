import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { atConsole } from '../../src/admin/actor.ts'
import type { ForeignSource } from '../../src/admin/foreign-source.ts'
import { changeMembers, createGroup, deleteGroup, patchGroup } from '../../src/admin/groups.ts'
import { linkIdentity, unlinkIdentity } from '../../src/admin/identities.ts'
import { importAccounts } from '../../src/admin/import-accounts.ts'
import { importGroups } from '../../src/admin/import-groups.ts'
import type { ImportRecord } from '../../src/admin/import-record.ts'
import { importUsers } from '../../src/admin/import-users.ts'
import { declarePermission, deletePermission, describePermission } from '../../src/admin/permissions.ts'
import type { AdminTools } from '../../src/admin/tools.ts'
import { createUser, patchUser } from '../../src/admin/users.ts'
import type { Administration, ImportedUser } from '../../src/auth/administration-store.ts'
import type { UserQuery } from '../../src/auth/user-store.ts'
import type { Store } from '../../src/store/index.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { at, identity, newUser, open } from '../store/world.ts'
import { actorOf, toolsOver } from './world.ts'

const skip = needs('mariadbd', 'mariadb-install-db', 'mariadb')
const server = skip ? undefined : await startMariadb(['--character-set-server=latin1'])
t.setTimeout(120_000)
t.teardown(() => server?.stop())
let databases = 0
const dialects = {
  sqlite: { skip: false, url: async (t: Test) => `file:${t.testdir({})}/latchkey.db` },
  mariadb: { skip, url: async () => (await server?.database(`admin_${++databases}`)) ?? '' }
}

/** Somebody of an import, of whom everything is there once. */
const imported = (who: string): ImportedUser => ({
  ...newUser(`${who}@example.com`),
  isActive: true,
  loginNames: [who],
  permissions: ['blog.add'],
  groups: [`group of ${who}`],
  identities: [identity('corp', `${who}@example.com`)],
  objectGrants: [{ permission: 'docs.view', object: { type: 'doc', id: who } }]
})

/** Starts a process that takes a superuser's power away when told. */
const startProcess = (...args: string[]) => {
  const file = fileURLToPath(new URL('superuser-process.ts', import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    line: async (): Promise<string> => (await lines.next()).value ?? 'ended',
    go: () => child.stdin.write('go\n')
  }
}

const emails = async (store: Store, query: Omit<UserQuery, 'limit'> = {}, limit = 2): Promise<string[]> => {
  const found: string[] = []
  let cursor: string | null = null
  do {
    const page = await store.users.list({ ...query, limit, ...(cursor === null ? {} : { cursor }) })
    found.push(...page.items.map(({ email }) => email.split('@')[0] ?? ''))
    cursor = page.next
  } while (cursor !== null)
  return found
}

for (const [name, { skip, url }] of Object.entries(dialects)) {
  const test = (title: string, body: (t: Test, store: Store, url: string) => Promise<void>) =>
    t.test(`${name}: ${title}`, { skip }, async (t) => {
      const place = await url(t)
      const store = await open(place)
      t.teardown(() => store.close())
      await body(t, store, place)
    })

  test('of three superusers whom three processes take away at once, one stays', async (t, store, place) => {
    const tools = toolsOver(store)
    for (let round = 0; round < 1; round++) {
      const people = await Promise.all(
        [1, 2, 3].map((n) => createUser(atConsole, { email: `r${round}-${n}@example.com`, isSuperuser: true }, tools))
      )
      const before = (await emails(store, { isSuperuser: true, isActive: true })).length
      for (const one of (await store.users.list({ isSuperuser: true, limit: 100 })).items)
        if (!people.some(({ id }) => id === one.id)) await patchUser(atConsole, one.id, { isSuperuser: false }, tools)
      t.ok(before >= 3)
      const ways = ['demote', 'deactivate', 'delete']
      const processes = people.map(({ id }, n) => startProcess(place, id, ways[n] ?? ''))
      for (const one of processes) t.equal(await one.line(), 'ready')
      for (const one of processes) one.go()
      const answers = await Promise.all(processes.map((one) => one.line()))
      t.same(answers.sort(), ['done', 'done', 'last_superuser'])
      t.equal((await emails(store, { isSuperuser: true, isActive: true })).length, 1)
    }
  })

  test('users are listed by every filter, in every order, page by page', async (t, store) => {
    let now = at
    const tools = toolsOver(store, { now: () => now++ })
    await createGroup(atConsole, { name: 'Ä', permissions: ['blog.add'] }, tools)
    const drafts = {
      d: { isSuperuser: true },
      c: { groups: ['Ä'] },
      b: { isActive: false, permissions: ['blog.add'] },
      a: { password: 'x' },
      ab: {}
    }
    for (const [who, draft] of Object.entries(drafts))
      await createUser(atConsole, { email: `${who}@example.com`, ...draft }, tools)
    const idOf = async (who: string) => (await store.users.byEmail(`${who}@example.com`))?.id ?? ''
    for (const who of ['ab', 'c']) {
      const seen = identity('corp', who, { isSuperuser: who === 'ab' })
      await store.users.link(await idOf(who), seen)
      await store.users.recordLogin({ userId: await idOf(who), identity: seen, at: at + 5 })
    }
    t.same(await emails(store), ['d', 'c', 'b', 'a', 'ab'])
    t.same(await emails(store, { descending: true }), ['ab', 'a', 'b', 'c', 'd'])
    t.same(await emails(store, { order: 'createdAt', descending: true }, 1), ['ab', 'a', 'b', 'c', 'd'])
    t.same(await emails(store, { order: 'email' }), ['a', 'ab', 'b', 'c', 'd'])
    t.same(await emails(store, { search: 'a' }, 1), ['a', 'ab'])
    for (const limit of [1, 2, 3, 9]) {
      t.same(await emails(store, { order: 'lastLoginAt' }, limit), ['d', 'b', 'a', 'c', 'ab'], `${limit}`)
      t.same(
        await emails(store, { order: 'lastLoginAt', descending: true }, limit),
        ['ab', 'c', 'a', 'b', 'd'],
        `${limit}`
      )
    }
    t.same(await emails(store, { isActive: false }), ['b'])
    t.same(await emails(store, { isSuperuser: true }), ['d', 'ab'])
    t.same(await emails(store, { isSuperuser: false }), ['c', 'b', 'a'])
    t.same(await emails(store, { group: 'Ä' }), ['c'])
    t.same(await emails(store, { group: 'ä' }), [])
    t.same(await emails(store, { permission: 'blog.add' }), ['c', 'b'])
    t.same(await emails(store, { backend: 'corp', order: 'email' }), ['ab', 'c'])
    t.same(await emails(store, { backend: 'local' }), ['a'])
    for (const cursor of ['', 'x', Buffer.from('["email","a","1"]').toString('base64url')])
      await t.rejects(store.users.list({ limit: 1, cursor }), { code: 'invalid_request' })
  })

  test('groups carry permissions, and have members by origin', async (t, store) => {
    const tools = toolsOver(store)
    const [ann, bob] = [
      await createUser(atConsole, { email: 'ann@example.com' }, tools),
      await createUser(atConsole, { email: 'bob@example.com' }, tools)
    ]
    const group = await createGroup(atConsole, { name: 'editors', permissions: ['blog.add', 'blog.add'] }, tools)
    t.same(await store.groups.byId(group.id), group)
    await t.rejects(createGroup(atConsole, { name: 'editors' }, tools), { code: 'already_exists' })
    for (const wrong of ['', ' a', 'a\u0000', 'ü'.repeat(128)])
      await t.rejects(createGroup(atConsole, { name: wrong }, tools), { code: 'invalid_request' })
    const limited = actorOf(ann, ['latchkey.change_group', 'latchkey.change_user', 'blog.view'])
    const refused = { code: 'grant_refused' }
    await t.rejects(patchGroup(limited, group.id, { grant: ['blog.drop'] }, tools), refused)
    await t.rejects(
      patchGroup(limited, group.id, { name: 'admins' }, tools),
      refused,
      'its name may be that of a backend’s group'
    )
    await t.rejects(changeMembers(limited, group.id, { add: [ann.id] }, tools), refused)
    await t.rejects(changeMembers(atConsole, group.id, { add: [ann.id, 'nobody'] }, tools), { code: 'not_found' })
    t.same((await store.users.storedPermissions(ann.id)).groups, [], 'nothing of what is refused')
    t.same((await patchGroup(limited, group.id, { grant: ['blog.view'] }, tools)).permissions, [
      'blog.add',
      'blog.view'
    ])
    await t.rejects(patchGroup(atConsole, group.id, { name: 'x' }, tools, { ifVersion: group.version }), {
      code: 'precondition_failed'
    })
    await changeMembers(atConsole, group.id, { add: [ann.id, bob.id, bob.id] }, tools)
    await store.users.mirrorGroups(bob.id, 'corp', ['editors'], at)
    t.ok(((await store.users.byId(ann.id))?.version ?? 0) > ann.version, 'who joined has another version')
    t.same((await store.groups.members(group.id, { limit: 9 })).items, [
      { userId: ann.id, email: 'ann@example.com', origins: ['local'] },
      { userId: bob.id, email: 'bob@example.com', origins: ['corp', 'local'] }
    ])
    const first = await store.groups.members(group.id, { limit: 1 })
    t.same(
      (await store.groups.members(group.id, { limit: 1, cursor: first.next ?? '' })).items.map(({ userId }) => userId),
      [bob.id]
    )
    t.same(await changeMembers(atConsole, group.id, { remove: [bob.id, 'nobody'] }, tools), {
      added: [],
      removed: [bob.id]
    })
    t.same(
      (await store.groups.members(group.id, { limit: 9 })).items.find(({ userId }) => userId === bob.id)?.origins,
      ['corp'],
      'what a backend mirrors stays'
    )
    await linkIdentity(atConsole, bob.id, { backend: 'corp', subject: 'b1' }, tools)
    await linkIdentity(atConsole, bob.id, { backend: 'corp', subject: 'b2' }, tools)
    await store.users.mirrorGroups(bob.id, 'former', ['editors', 'writers'], at)
    const groupsOfBob = async () => (await store.users.storedPermissions(bob.id)).groups
    await patchUser(atConsole, bob.id, { groups: [] }, tools)
    t.same(await groupsOfBob(), ['editors'], 'but not what one mirrored that is gone from the configuration')
    await store.users.mirrorGroups(bob.id, 'former', ['editors'], at)
    t.same((await changeMembers(atConsole, group.id, { remove: [bob.id] }, tools)).removed, [bob.id])
    await unlinkIdentity(atConsole, bob.id, { backend: 'corp', subject: 'b1' }, tools)
    t.same(await groupsOfBob(), ['editors'], 'there is another account at that backend')
    const version = (await store.users.byId(bob.id))?.version ?? 0
    await unlinkIdentity(atConsole, bob.id, { backend: 'corp', subject: 'b2' }, tools)
    t.same(await groupsOfBob(), [], 'with the last account goes what was mirrored for it')
    t.ok(((await store.users.byId(bob.id))?.version ?? 0) > version)
    t.same(
      (await store.groups.list({ limit: 1, search: 'ed' })).items.map((one) => one.name),
      ['editors']
    )
    await deleteGroup(atConsole, group.id, tools)
    const { groups } = await store.users.storedPermissions(bob.id)
    t.same([await store.groups.byName('editors'), groups], [undefined, []])
  })

  test('what the configuration declares is not deleted, and what vanished from it is marked', async (t, store) => {
    const tools = toolsOver(store)
    await store.permissions.declare({ 'blog.add': 'Can add', 'latchkey.evaluate': 'Can ask' })
    const user = await createUser(atConsole, { email: 'ann@example.com', permissions: ['blog.add', 'shop.buy'] }, tools)
    for (const one of ['blog.add', 'latchkey.evaluate']) {
      await t.rejects(deletePermission(atConsole, one, tools), { code: 'set_by_configuration', statusCode: 409 })
      await t.rejects(describePermission(atConsole, one, 'x', tools), { code: 'set_by_configuration' })
      await t.rejects(declarePermission(atConsole, { name: one, description: 'x' }, tools), { code: 'already_exists' })
    }
    t.match(await declarePermission(atConsole, { name: 'shop.buy', description: 'Can buy' }, tools), {
      declared: false,
      origin: 'administration'
    })
    await store.permissions.declare({})
    t.match(await store.permissions.byName('blog.add'), { declared: false, origin: 'configuration' })
    const page = await store.permissions.list({ limit: 2 })
    t.same(
      [
        page.items.map((one) => one.name),
        (await store.permissions.list({ limit: 2, cursor: page.next ?? '' })).items.length
      ],
      [['blog.add', 'latchkey.evaluate'], 1]
    )
    await store.objectGrants.grant({
      holder: { user: user.id },
      permission: 'shop.see',
      object: { type: 'x', id: '1' }
    })
    t.match(await store.permissions.byName('shop.see'), { origin: 'grant' }, 'nobody ever declared it')
    await store.permissions.declare({ 'shop.see': '' })
    t.match(await store.permissions.byName('shop.see'), { declared: true, origin: 'configuration' })
    await store.permissions.declare({})
    t.match(await store.permissions.byName('shop.see'), { declared: false, origin: 'configuration' }, 'it vanished')
    await deletePermission(atConsole, 'shop.see', tools)
    await deletePermission(atConsole, 'blog.add', tools)
    const { grants } = await store.users.storedPermissions(user.id)
    t.same(grants, [{ permission: 'shop.buy', origin: 'the user itself' }], 'with all grants of it')
  })

  test('what somebody holds on objects comes along, and nobody who is here comes to more', async (t, store) => {
    const tools = toolsOver(store)
    const grant = { permission: 'docs.change', objectType: 'doc', objectId: '7’' }
    const asGrant = { permission: 'docs.change', object: { type: 'doc', id: '7’' } }
    const run = async (kind: 'users' | 'groups', ...lines: Record<string, unknown>[]) => {
      async function* records(): AsyncGenerator<ImportRecord> {
        for (const [at, fields] of lines.entries()) yield { line: at + 1, fields }
      }
      const refused: string[] = []
      const onRefused = (line: number, reason: string) => void refused.push(`${line}: ${reason}`)
      const options = { dryRun: false, isUsableHash: () => true, onRefused, onProgress() {} }
      const report =
        kind === 'users' ? await importUsers(records(), tools, options) : await importGroups(records(), tools, options)
      return { ...report, refused }
    }
    const eve = await createUser(atConsole, { email: 'eve@example.com' }, tools)
    const ours = await createGroup(atConsole, { name: 'ours' }, tools)
    await changeMembers(atConsole, ours.id, { add: [eve.id] }, tools)
    const held = async (object = asGrant.object) => (await store.users.storedPermissions(eve.id, object)).grants.length

    const many = Array.from({ length: 2500 }, (_, n) => ({ ...grant, objectId: `${n}` }))
    const editors = { name: 'editors', permissions: ['blog.add'], objectGrants: [...many, grant, grant] }
    for (const [created, present] of [
      [1, 1],
      [0, 2]
    ])
      t.match(await run('groups', editors, editors), { read: 2, created, present, refused: [] })
    t.equal((await store.objectGrants.list({ holder: { group: 'editors' } }, { limit: 9999 })).items.length, 2501)
    t.match(await run('groups', { name: 'ours', objectGrants: [grant] }, { name: 'editors' }), {
      created: 0,
      refused: [/^1: the group is here, and carries something else/, /^2: /]
    })
    t.equal(await held(), 0, 'nobody who is in a group comes to more')

    const line = { email: 'ann@example.com', objectGrants: [grant, ...many, grant] }
    t.match(await run('users', line, { email: 'eve@example.com', objectGrants: [grant] }), { created: 1, present: 1 })
    t.match(await run('users', line), { created: 0, present: 1 })
    t.equal(await held(), 0, 'who is here stays as they are')
    const ann = await store.users.byEmail('ann@example.com')
    const exported = (await store.userExport.of([ann?.id ?? ''])).get(ann?.id ?? '')
    t.equal(exported?.objectGrants.length, 2501)
    t.ok(exported?.objectGrants.some(({ object }) => object.id === asGrant.object.id))
    t.match(await store.permissions.byName('docs.change'), { declared: false, origin: 'grant' })

    const wrong: Record<string, unknown>[] = [
      { objectGrants: [{ ...grant, permission: 'nodot' }] },
      { objectGrants: [{ ...grant, objectId: 7 }] },
      { objectGrants: [{ ...grant, objectId: 'x\u0000' }] },
      { objectGrants: [{ ...grant, objectType: 'x'.repeat(129) }] },
      { objectGrants: [{ ...grant, more: 1 }] },
      { objectGrants: [null] },
      { objectGrants: grant }
    ]
    const people = wrong.map((more, n) => ({ email: `p${n}@example.com`, ...more }))
    t.equal((await run('users', ...people)).refused.length, wrong.length)
    const named = wrong.map((more, n) => ({ name: `g${n}`, ...more }))
    const more = [{}, { name: ' ' }, { name: 'x', permissions: 'blog.add' }, { name: 'x', members: [] }]
    t.equal((await run('groups', ...named, ...more)).refused.length, wrong.length + more.length)
    t.equal(await store.groups.byName('g0'), undefined)
  })

  test('an import is fast, and can be run again after it was broken off', async (t, store) => {
    const tools = toolsOver(store)
    async function* records(count: number, breaks = false): AsyncGenerator<ImportRecord> {
      for (let n = 1; n <= count; n++) {
        const fields = { email: `p${n}@example.com`, firstName: `P ${n}`, groups: ['all'], permissions: ['blog.add'] }
        yield { line: n, fields: { ...fields, identities: [{ backend: 'corp', subject: `s${n % 4999}` }] } }
      }
      if (breaks) throw new Error('broken off')
    }
    const refused: number[] = []
    const options = {
      dryRun: false,
      isUsableHash: () => true,
      onRefused: (line: number) => void refused.push(line),
      onProgress() {}
    }
    await t.rejects(importUsers(records(1200, true), tools, options), /broken off/)
    t.equal(await store.users.count(), 1000, 'whole batches')
    const started = performance.now()
    t.same(await importUsers(records(5000), tools, options), { read: 5000, created: 3999, present: 1000, refused: 1 })
    t.comment(`${Math.round(5000 / ((performance.now() - started) / 1000))} users/s`)
    t.same(refused, [5000], 'an identity that somebody has')
    t.equal((await store.users.list({ limit: 1000, group: 'all' })).items.length, 1000)
  })

  test('what a backend mirrored that mirrors no more is ended by administrators', async (t, store) => {
    const [corp, local] = toolsOver(store).chain
    if (!corp || !local) throw new Error('the chain has two')
    const chain = [
      { ...corp, mirrors: false },
      { ...corp, id: 'other', mirrors: true },
      { ...local, mirrors: false }
    ]
    const tools = toolsOver(store, { chain })
    const ann = await createUser(atConsole, { email: 'ann@example.com' }, tools)
    const group = await createGroup(atConsole, { name: 'editors' }, tools)
    const mirror = async (origin: string) => store.users.mirrorGroups(ann.id, origin, ['editors'], at)
    const groupsOfAnn = async () => (await store.users.storedPermissions(ann.id)).groups
    for (const origin of ['corp', 'local (mirrored)']) {
      await mirror(origin)
      await patchUser(atConsole, ann.id, { groups: [] }, tools)
      t.same(await groupsOfAnn(), [], origin)
      await mirror(origin)
      t.same((await changeMembers(atConsole, group.id, { remove: [ann.id] }, tools)).removed, [ann.id], origin)
    }
    await mirror('other')
    await changeMembers(atConsole, group.id, { remove: [ann.id] }, tools)
    t.same(await groupsOfAnn(), ['editors'], 'but not what one mirrors')
  })

  test("the account of our own of somebody who is here is nobody else's, before its first login too", async (t, store) => {
    const tools = toolsOver(store)
    const ann = await createUser(atConsole, { email: 'ann@example.com' }, tools)
    async function* records(): AsyncGenerator<ImportRecord> {
      const seen = {
        ann: { backend: 'local', subject: ann.id },
        bob: { backend: 'local', subject: 'of another place' }
      }
      yield { line: 1, fields: { email: 'ann.before@example.com', identities: [seen.ann] } }
      yield { line: 2, fields: { email: 'bob@example.com', identities: [seen.bob] } }
      yield { line: 3, fields: { email: 'carl@example.com', identities: [{ backend: 'corp', subject: ann.id }] } }
    }
    const refused: string[] = []
    const options = { dryRun: false, isUsableHash: () => true, onProgress() {} }
    const onRefused = (line: number, reason: string) => void refused.push(`${line}: ${reason}`)
    await importUsers(records(), tools, { ...options, onRefused })
    t.same(refused, ['1: somebody else has this identity'])
    t.same(await emails(store), ['ann', 'bob', 'carl'])
  })

  test('what one record has very much of fills a batch, too: memory has a bound', async (t, store) => {
    const tools = toolsOver(store)
    const objectGrants = Array.from({ length: 10_000 }, (_, n) => ({
      ...{ permission: 'docs.change', objectType: 'doc', objectId: `${n}` }
    }))
    async function* records(key: 'email' | 'name', suffix = ''): AsyncGenerator<ImportRecord> {
      for (let n = 1; n <= 6; n++) yield { line: n, fields: { [key]: `p${n}${suffix}`, objectGrants } }
      throw new Error('broken off')
    }
    const options = { dryRun: false, isUsableHash: () => true, onRefused() {}, onProgress() {} }
    await t.rejects(importUsers(records('email', '@example.com'), tools, options), /broken off/)
    t.equal(await store.users.count(), 5, 'of 500 users, five')
    await t.rejects(importGroups(records('name'), tools, options), /broken off/)
    t.equal((await store.groups.list({ limit: 9 })).items.length, 6, 'of 100 groups, one')
  })

  test('of all numbers of users that are written at once, few statements are made', async (t, store) => {
    const prepared = async () =>
      Number((await server?.sql("show global status like 'Com_stmt_prepare'"))?.split('\t')[1])
    const before = await prepared()
    const numbers = [...Array.from({ length: 60 }, (_, n) => n + 1), 499, 501, 1003]
    let created = 0
    for (const number of numbers) {
      const people = Array.from({ length: number }, (_, n) => imported(`p${number}-${n}`))
      await store.administration.change(async ({ imports }) => {
        await imports.create(people, at)
        const emails = people.map(({ email }) => email)
        const taken = await imports.takenEmails([...emails, 'nobody@example.com'])
        t.same([...taken].sort(), emails.sort(), `all of ${number}`)
        const keys = people.map(({ email }) => ({ backend: 'corp', subject: email }))
        t.equal((await imports.takenIdentities([...keys, { backend: 'corp', subject: 'x' }])).length, number)
      })
      created += number
    }
    t.equal(await store.users.count(), created)
    if (name === 'mariadb') t.ok((await prepared()) - before < 200, `${(await prepared()) - before} were prepared`)
  })

  /** Tools of an import, at whose first write a login makes the group `fresh`; SQLite lets nobody write in between. */
  const toolsBesideLogin = async (store: Store): Promise<AdminTools> => {
    const tools = toolsOver(store)
    const ann = await createUser(atConsole, { email: 'ann@example.com' }, tools)
    let isFirst = name === 'mariadb'
    const logIn = async () => {
      if (!isFirst) return
      isFirst = false
      await store.users.mirrorGroups(ann.id, 'corp', ['fresh'], at)
    }
    const administration: Administration = {
      change: (work) =>
        store.administration.change(({ imports, groups, ...tx }) =>
          work({
            ...tx,
            imports: { ...imports, create: (...args) => logIn().then(() => imports.create(...args)) },
            groups: { ...groups, create: (...args) => logIn().then(() => groups.create(...args)) }
          })
        )
    }
    return { ...tools, administration }
  }

  test('a group that a login makes while an import is under way is joined', async (t, store) => {
    async function* records(): AsyncGenerator<ImportRecord> {
      yield { line: 1, fields: { email: 'eve@example.com', groups: ['fresh'] } }
    }
    const options = { dryRun: false, isUsableHash: () => true, onRefused() {}, onProgress() {} }
    t.match(await importUsers(records(), await toolsBesideLogin(store), options), { created: 1 })
    const members = name === 'mariadb' ? ['ann', 'eve'] : ['eve']
    t.same((await emails(store, { group: 'fresh' })).sort(), members)
  })

  test('and so is one that it makes while another program’s groups are brought along', async (t, store) => {
    const source: ForeignSource = {
      permissions: [],
      groups: [{ name: 'fresh', permissions: [] }],
      async *accounts() {},
      async *named() {}
    }
    const rules = { origin: 'old', emailsVerified: true, judgeHash: () => 'none' as const }
    const options = { ...rules, dryRun: false, onProblem() {}, onProgress() {} }
    const { groups } = await importAccounts(source, await toolsBesideLogin(store), options)
    t.equal(groups, name === 'mariadb' ? 0 : 1)
  })
}
