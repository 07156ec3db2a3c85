import type { Test } from 'tap'
import { eventOf } from '../../src/audit/event.ts'
import type { User } from '../../src/auth/user-store.ts'
import type { Store } from '../../src/store/index.ts'
import type { KeyChange, KeyWrite, StoredKey } from '../../src/tokens/key-store.ts'
import type { Session } from '../../src/tokens/session-store.ts'
import { matchLists } from '../match.ts'
import { grantPermissions, joinGroups, setActive, setPasswordHash } from './acts.ts'
import { searchConformance } from './search-conformance.ts'
import { webhookConformance } from './webhook-conformance.ts'
import { at, identity, newUser, open, startProcess, type World, written } from './world.ts'

/** Everything that a dialect has to do alike. `world` makes an empty database. */
export const conformance = (t: Test, world: (t: Test) => Promise<World>): void => {
  webhookConformance(t, world)
  searchConformance(t, world)
  const test = (name: string, body: (t: Test, world: World) => Promise<void>) =>
    t.test(name, async (t) => body(t, await world(t)))

  const created = async (answer: Promise<User | 'taken'>): Promise<User> => {
    const user = await answer
    if (user === 'taken') throw new Error('taken')
    return user
  }

  test('a user is found by id, e-mail and identity as it was created', async (t, { store: { users } }) => {
    const attributes = { firstName: 'Zoë', level: 3, remote: true, note: 'x'.repeat(10_000) }
    const user = await created(
      users.create(
        newUser('zoe@example.com', { attributes, ownAttributes: { nick: '😀' }, lastLoginAt: at }),
        identity('corp', 'S-1', { username: 'Zoë 😀', attributes: { firstName: 'Zoë' } })
      )
    )
    t.match(user, {
      email: 'zoe@example.com',
      attributes,
      isActive: true,
      isSuperuser: false,
      hasPassword: false,
      createdAt: at
    })
    t.match(user.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]+$/)
    t.same(await users.byId(user.id), user)
    t.same(await users.byEmail('zoe@example.com'), user)
    t.same(await users.byIdentity('corp', 'S-1'), user)
    t.equal(await users.byId('nobody'), undefined)
    t.equal(await users.byEmail('nobody@example.com'), undefined)
    t.equal(await users.byIdentity('corp', 'S-2'), undefined)
    t.equal(await users.byIdentity('other', 'S-1'), undefined)
    t.equal(await users.count(), 1)
  })

  test('e-mails and subjects are compared as bytes', async (t, { store: { users } }) => {
    const alike = [
      ['jose@example.com', 'josé@example.com', 'jos\u0065\u0301@example.com'],
      ['RACE@example.com', 'race@example.com', 'ｒａｃｅ@example.com'],
      ['strasse@example.com', 'straße@example.com'],
      ['istanbul@example.com', 'ıstanbul@example.com', 'i\u200dstanbul@example.com'],
      [
        'trail@example.com',
        'trail@example.com ',
        'trail@example.com  ',
        ' trail@example.com',
        'trail@example.com\u0000'
      ]
    ].flat()
    for (const text of alike) await created(users.create(newUser(text), identity('corp', text)))
    t.equal(await users.count(), alike.length)
    for (const text of alike) {
      t.equal((await users.byEmail(text))?.email, text)
      t.equal((await users.byIdentity('corp', text))?.email, text)
      t.equal(await users.create(newUser(text)), 'taken')
    }
    t.equal(await users.byEmail('JOSE@example.com'), undefined)
    t.equal(await users.byIdentity('CORP', 'race@example.com'), undefined)
  })

  test('what is taken stays taken, and nothing is written', async (t, { store: { users } }) => {
    const first = await created(users.create(newUser('first@example.com'), identity('corp', '1')))
    t.equal(await users.create(newUser('first@example.com'), identity('corp', '2')), 'taken')
    t.equal(await users.create(newUser('second@example.com'), identity('corp', '1')), 'taken')
    t.equal(await users.byEmail('second@example.com'), undefined)
    t.equal(await users.byIdentity('corp', '2'), undefined)
    t.equal(await users.count(), 1)

    const second = await created(users.create(newUser('second@example.com')))
    t.equal(await users.link(second.id, identity('corp', '1')), 'taken')
    t.equal(await users.link(second.id, identity('corp', '2')), 'linked')
    t.equal(await users.link(second.id, identity('site', '2', { isSuperuser: true })), 'linked')
    t.same(
      (await users.byId(first.id))?.identities.map(({ subject }) => subject),
      ['1']
    )
    t.same((await users.byIdentity('corp', '2'))?.identities.map(({ backend }) => backend).sort(), ['corp', 'site'])
    t.match(await users.byId(second.id), { isSuperuser: true, ownSuperuser: false })
    t.match(await users.byId(first.id), { isSuperuser: false })
  })

  test('identities come in one order, whenever they were linked', async (t, { store }) => {
    const { id } = await created(store.users.create(newUser('many@example.com'), identity('site', '9')))
    for (const [backend, subject] of [
      ['corp', '2'],
      ['site', '1'],
      ['corp', '10']
    ] as const)
      t.equal(await store.users.link(id, identity(backend, subject)), 'linked')
    const inOrder = ['corp 10', 'corp 2', 'site 1', 'site 9']
    const listed = (await store.users.list({ limit: 1 })).items[0]
    const read = await store.administration.change(({ users }) => users.byId(id))
    for (const user of [await store.users.byId(id), await store.users.byIdentity('site', '9'), listed, read])
      t.same(
        user?.identities.map(({ backend, subject }) => `${backend} ${subject}`),
        inOrder
      )
  })

  test('of 50 creations at once by two processes one wins, and nobody sees an error', async (t, { store, url }) => {
    const processes = await Promise.all(
      ['corp', 'site'].map((backend) => startProcess(url, 'race@example.com', backend, '25'))
    )
    for (const one of processes) t.equal(await one.line(), 'ready')
    for (const one of processes) one.go()
    const answers = (await Promise.all(processes.map((one) => one.line()))).flatMap((line) => JSON.parse(line))
    t.same(answers.sort(), ['created', ...Array(49).fill('taken')])
    for (const one of processes) t.equal(await one.ended(), 0)
    t.equal(await store.users.count(), 1)
    t.equal((await store.users.byEmail('race@example.com'))?.identities.length, 1)
  })

  const sessionOf = (userId: string, other: Partial<Session> = {}): Session => ({
    id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11',
    ...{ userId, backend: 'corp', subject: 'S-1', clientId: 'web', audience: 'https://blog.example.com' },
    ...{ scope: null, amr: ['pwd'], counter: 0, rotatedAt: at, authenticatedAt: at, createdAt: at },
    ...{ expiresAt: at + 9000, idleExpiresAt: at + 5000 },
    ...other
  })

  test('a session is kept, rotated once and ended', async (t, { store }) => {
    const { users, sessions } = store
    const user = await created(users.create(newUser('ann@example.com')))
    const session = sessionOf(user.id, { scope: 'blog.ü' })
    t.equal(await written(store, sessions.creation(sessionOf('nobody'))), false, 'the user is gone')
    t.equal(await written(store, sessions.creation(session)), true)
    t.same(await sessions.byId(session.id), session)
    t.equal(await sessions.byId(session.id.toUpperCase()), undefined)
    const times = { at: at + 10, idleExpiresAt: at + 6000 }
    const rotations = await Promise.all(
      Array.from({ length: 20 }, () => written(store, sessions.rotation(session.id, 0, times)))
    )
    t.equal(rotations.filter(Boolean).length, 1, 'one of twenty wins')
    t.match(await sessions.byId(session.id), { counter: 1, rotatedAt: at + 10, idleExpiresAt: at + 6000 })
    const other = sessionOf(user.id, { id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b12', createdAt: at + 1 })
    await written(store, sessions.creation(other))
    t.same(
      (await sessions.ofUser(user.id)).map(({ id }) => id),
      [other.id, session.id]
    )
    t.same(await sessions.list({ cursor: session.id, limit: 5 }), [other])
    t.equal((await sessions.list({ backends: ['site', 'corp'], limit: 5 })).length, 2)
    for (const backends of [['site'], []]) t.same(await sessions.list({ backends, limit: 5 }), [])
    await sessions.end([session.id], at + 100)
    await sessions.end([session.id], at + 200)
    t.equal(await sessions.byId(session.id), undefined)
    t.equal(await written(store, sessions.rotation(session.id, 1, times)), false)
    t.equal(await sessions.isRevoked({ jti: 'j', sid: session.id }), true)
    t.equal(await sessions.isRevoked({ jti: 'j', sid: other.id }), false)
  })

  test('a revoked token is remembered until it expires', async (t, { store }) => {
    const { users, sessions } = store
    const user = await created(users.create(newUser('ann@example.com')))
    await Promise.all([sessions.revoke('jti', at + 5), sessions.revoke('jti', at + 5)])
    await written(store, sessions.creation(sessionOf(user.id)))
    t.equal(await sessions.isRevoked({ jti: 'jti', sid: 's' }), true)
    t.equal(await sessions.isRevoked({ jti: 'JTI', sid: 's' }), false)
    t.equal(await sessions.removeExpired(at + 4, 10), 0)
    t.equal(await sessions.removeExpired(at + 5, 10), 1)
    t.equal(await sessions.isRevoked({ jti: 'jti', sid: 's' }), false)
    t.equal(await sessions.removeExpired(at + 5000, 10), 1, 'the session, when its idle time is over')
    t.same(await sessions.list({ limit: 10 }), [])
  })

  test('a new password, deactivation and logging out end sessions and tokens', async (t, { store }) => {
    const { users, sessions } = store
    const ends: ReadonlyArray<(id: string) => Promise<boolean>> = [
      (id) => setPasswordHash(store, id, 'x', at),
      (id) => setActive(store, id, false, at),
      (id) => users.logOut(id, at)
    ]
    for (const [n, end] of ends.entries()) {
      const user = await created(users.create(newUser(`ann${n}@example.com`)))
      const kept = await created(users.create(newUser(`bob${n}@example.com`)))
      await written(store, sessions.creation(sessionOf(user.id, { id: `a${n}` })))
      await written(store, sessions.creation(sessionOf(kept.id, { id: `b${n}` })))
      t.equal(await end(user.id), true)
      t.same(await sessions.ofUser(user.id), [])
      t.equal((await sessions.ofUser(kept.id)).length, 1)
      t.equal((await users.byId(user.id))?.tokensValidFrom, at + 1000)
      t.equal((await users.byId(kept.id))?.tokensValidFrom, 0)
    }
    t.equal(await users.logOut('nobody', at), false)
  })

  test('a login is written down', async (t, { store: { users } }) => {
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    await users.link(user.id, identity('site', '1'))
    const seen = identity('corp', '1', {
      username: 'Ann',
      attributes: { a: 1 },
      isSuperuser: true,
      lastSeenAt: at + 1000
    })
    t.equal(await users.recordLogin({ userId: user.id, identity: seen, at: at + 1000 }), 'recorded')
    const after = await users.byId(user.id)
    t.match(after, { lastLoginAt: at + 1000, updatedAt: at, email: 'ann@example.com', attributes: user.attributes })
    t.match(after, { isSuperuser: true, ownSuperuser: false })
    t.same(
      after?.identities.find(({ backend }) => backend === 'corp'),
      seen
    )
    t.same(
      after?.identities.find(({ backend }) => backend === 'site'),
      identity('site', '1')
    )

    const email = { value: 'änn@example.com', vouched: false }
    const attributes = { displayName: 'Änn 😀' }
    t.equal(await users.recordLogin({ userId: user.id, identity: seen, email, attributes, at: at + 2000 }), 'recorded')
    t.match(await users.byEmail('änn@example.com'), { id: user.id, emailVouched: false, updatedAt: at + 2000 })
    t.same((await users.byId(user.id))?.attributes, attributes)
    t.equal(await users.byEmail('ann@example.com'), undefined)
  })

  test('a login writes nothing to a user who was administered or logged out since it was read', async (t, {
    store
  }) => {
    const { users } = store
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    const { version, tokensValidFrom } = user
    const asRead = { version, tokensValidFrom }
    const seen = identity('corp', '1', { username: 'Ann', lastSeenAt: at + 1 })
    const login = { userId: user.id, identity: seen, attributes: { a: 'by the login' }, at: at + 1 }
    t.equal(await users.recordLogin({ ...login, asRead }), 'recorded', 'logins leave the version alone')
    const attributes = { a: 'by administration' }
    await store.administration.change(({ users }) => users.update(user.id, { attributes }, at + 2))
    const administered = await users.byId(user.id)
    const late = { ...login, identity: identity('corp', '1', { username: 'late' }) }
    t.equal(await users.recordLogin({ ...late, asRead }), 'changed')
    t.equal(await written(store, users.loginWrite({ ...late, asRead })), false)
    t.equal(await written(store, users.loginWrite({ ...late, asRead, isLogin: false })), false)
    t.same(await users.byId(user.id), administered, 'neither the user nor the identity')

    const anew = { version: administered?.version ?? 0, tokensValidFrom }
    t.equal(await written(store, users.loginWrite({ ...login, asRead: anew, at: at + 3 })), true)
    await users.logOut(user.id, at + 4)
    t.equal(await users.recordLogin({ ...late, asRead: anew }), 'changed')
    t.match(await users.byId(user.id), { lastLoginAt: at + 3, version: anew.version })
    await store.administration.change(({ users }) => users.delete(user.id))
    t.equal(await users.recordLogin({ ...late, asRead: anew }), 'gone')
  })

  test('a login with an e-mail that another user has changes nothing', async (t, { store: { users } }) => {
    await created(users.create(newUser('taken@example.com')))
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    const email = { value: 'taken@example.com', vouched: true }
    const seen = identity('corp', '1', { username: 'other', lastSeenAt: at + 1 })
    t.equal(
      await users.recordLogin({ userId: user.id, identity: seen, email, attributes: { a: 1 }, at: at + 1 }),
      'taken'
    )
    t.same(await users.byId(user.id), user)
  })

  test('of writes at once, those that fail fail alone', async (t, { store }) => {
    const { users, sessions } = store
    await created(users.create(newUser('taken@example.com')))
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    const seen = identity('corp', '1', { username: 'other', lastSeenAt: at + 1 })
    const email = { value: 'taken@example.com', vouched: true }
    const idOf = (n: number) => `019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0c${String(n).padStart(2, '0')}`
    const outcomes = await Promise.all([
      written(store, sessions.creation(sessionOf(user.id, { id: idOf(1) }))),
      users.recordLogin({ userId: user.id, identity: seen, email, at: at + 1 }),
      written(store, sessions.creation(sessionOf('nobody', { id: idOf(2) }))),
      users.recordLogin({ userId: user.id, identity: identity('corp', '1'), at: at + 2 }),
      written(store, sessions.creation(sessionOf(user.id, { id: idOf(3) })))
    ])
    t.same(outcomes, [true, 'taken', false, 'recorded', true])
    t.match(await users.byId(user.id), { email: 'ann@example.com', lastLoginAt: at + 2 })
    t.same((await sessions.ofUser(user.id)).map(({ id }) => id).sort(), [idOf(1), idOf(3)])
  })

  test('of changes at once each row gets its own values, and those that are refused are refused alone', async (t, {
    store
  }) => {
    const { users, sessions } = store
    const people = await Promise.all(
      Array.from({ length: 21 }, (_, n) =>
        created(users.create(newUser(`p${n}@example.com`), identity('corp', `s${n}`)))
      )
    )
    for (const [n, { id }] of people.entries())
      await written(store, sessions.creation(sessionOf(id, { id: `0000${n}` })))
    const round = (turn: number, stale: number | undefined) =>
      Promise.all(
        people.flatMap(({ id: userId }, n) => {
          const times = { at: at + 100 * turn + n, idleExpiresAt: at + 10_000 + 100 * turn + n }
          const seen = identity('corp', `s${n}`, { username: `${turn} of ${n}`, lastSeenAt: times.at })
          const asRead = { version: n === stale ? 7 : 0, tokensValidFrom: 0 }
          return [
            written(store, sessions.rotation(`0000${n}`, n === stale ? 99 : turn, times)),
            written(
              store,
              users.loginWrite({ userId, identity: seen, isSameAccount: n % 5 === 4, at: times.at, asRead })
            )
          ]
        })
      )
    const expected = (turn: number, n: number, name: number) => ({
      user: { lastLoginAt: at + 100 * turn + n, identities: [{ username: n % 5 === 4 ? `s${n}` : `${name} of ${n}` }] },
      session: { counter: turn + 1, rotatedAt: at + 100 * turn + n, idleExpiresAt: at + 10_000 + 100 * turn + n }
    })
    const found = () =>
      Promise.all(
        people.map(async ({ id }, n) => ({ user: await users.byId(id), session: await sessions.byId(`0000${n}`) }))
      )
    t.ok((await round(0, undefined)).every(Boolean))
    t.match(
      await found(),
      people.map((_, n) => expected(0, n, 0))
    )
    const answers = await round(1, 3)
    t.same(
      answers.flatMap((isWritten, place) => (isWritten ? [] : [place])),
      [6, 7]
    )
    t.match(
      await found(),
      people.map((_, n) => expected(n === 3 ? 0 : 1, n, n === 3 ? 0 : 1))
    )

    const [first] = people as [User, ...User[]]
    const twice = await Promise.all(
      [1, 2, 3].map((n) => {
        const seen = identity('corp', 's0', { lastSeenAt: at + 900 + n })
        return written(store, users.loginWrite({ userId: first.id, identity: seen, at: at + 900 + n }))
      })
    )
    t.same(twice, [true, true, true], 'the same row several times')
    t.equal((await users.byId(first.id))?.lastLoginAt, at + 903)
  })

  test('a login does not move an identity that went to another user meanwhile', async (t, { store: { users } }) => {
    const user = await created(users.create(newUser('ann@example.com')))
    const other = await created(users.create(newUser('bob@example.com'), identity('corp', '1')))
    const seen = identity('corp', '1', { isSuperuser: true })
    t.equal(await users.recordLogin({ userId: user.id, identity: seen, at: at + 1 }), 'recorded')
    matchLists(t, await users.byId(user.id), { lastLoginAt: at + 1, isSuperuser: false, identities: [] })
    t.same(await users.byId(other.id), other)
  })

  test('users are listed page by page, each once, whatever comes in between', async (t, { store: { users } }) => {
    const names = Array.from({ length: 25 }, (_, n) => `u${String(n).padStart(2, '0')}@example.com`)
    for (const name of names) await created(users.create(newUser(name), identity('corp', name)))
    const walk = async (search?: string) => {
      const pages: string[][] = []
      let cursor: string | null = null
      do {
        const page = await users.list({
          limit: 10,
          ...(search === undefined ? {} : { search }),
          ...(cursor === null ? {} : { cursor })
        })
        pages.push(page.items.map(({ email }) => email))
        if (pages.length === 1) await created(users.create(newUser(`u00-new-${search}@example.com`)))
        for (const { identities, email } of page.items) if (names.includes(email)) t.equal(identities.length, 1)
        cursor = page.next
      } while (cursor !== null)
      return pages
    }
    t.same((await walk()).flat(), [...names, 'u00-new-undefined@example.com'])
    const found = (await walk('u')).flat()
    t.same(found, [...names, 'u00-new-undefined@example.com'].sort())
    t.same(
      (await walk('u1')).map((page) => page.length),
      [10]
    )
    t.same((await users.list({ limit: 25, search: 'u2' })).next, null)
  })

  test('users are found by all filters together, each once', async (t, { store }) => {
    const { users } = store
    const people = [
      { name: 'a', groups: ['one', 'two'] },
      { name: 'b', groups: ['one', 'three'], mirrored: ['one'] },
      { name: 'c', groups: ['one'] },
      { name: 'd', groups: ['two', 'three'] },
      { name: 'e', groups: ['one'], permissions: ['p.x'], accounts: 2 }
    ]
    for (const { name, groups, mirrored = [], permissions = [], accounts = 1 } of people) {
      const { id } = await created(users.create(newUser(`${name}@example.com`)))
      await joinGroups(store, id, groups, at)
      await users.mirrorGroups(id, 'corp', mirrored, at)
      if (permissions.length > 0) await grantPermissions(store, id, permissions)
      for (let n = 0; n < accounts; n++) await users.link(id, identity('corp', `${name}${n}`))
    }
    await store.administration.change(async ({ groups }) => {
      for (const { id } of await groups.byNames(['two', 'three'])) await groups.setPermissions(id, ['p.x'], at)
    })
    const found = async (query: object, limit: number) => {
      const names: string[] = []
      let cursor: string | null | undefined
      do {
        const page = await users.list({ ...query, limit, ...(cursor ? { cursor } : {}) })
        names.push(...page.items.map(({ email }) => email.slice(0, 1)))
        cursor = page.next
      } while (cursor !== null)
      return names.sort().join('')
    }
    for (const order of ['id', 'email', 'createdAt', 'lastLoginAt'])
      for (const limit of [1, 100])
        for (const [query, expected] of [
          [{ group: 'one' }, 'abce'],
          [{ backend: 'corp' }, 'abcde'],
          [{ permission: 'p.x' }, 'abde'],
          [{ group: 'one', permission: 'p.x' }, 'abe'],
          [{ group: 'one', permission: 'p.x', isActive: true, backend: 'corp' }, 'abe'],
          [{ group: 'two', permission: 'p.x', search: 'd' }, 'd'],
          [{ group: 'one', permission: 'p.x', isSuperuser: false, isActive: true }, 'abe']
        ] as const)
          t.equal(await found({ ...query, order }, limit), expected, `${JSON.stringify(query)} by ${order}, ${limit}`)
  })

  test('a search is a prefix and nothing else', async (t, { store: { users } }) => {
    const names = [
      '100%@example.com',
      'a_b@example.com',
      'aXb@example.com',
      "o'brien@example.com",
      'é@example.com',
      '😀@example.com'
    ]
    for (const name of names) await created(users.create(newUser(name)))
    const search = async (text: string) =>
      (await users.list({ search: text, limit: 10 })).items.map(({ email }) => email)
    t.same(await search('%'), [])
    t.same(await search('_'), [])
    t.same(await search('a_'), ['a_b@example.com'])
    t.same(await search("o'"), ["o'brien@example.com"])
    t.same(await search("' or 1=1 -- "), [])
    t.same(await search('\\'), [])
    t.same(await search('e'), [])
    t.same(await search('é'), ['é@example.com'])
    t.same(await search('😀'), ['😀@example.com'])
    t.equal((await search('')).length, names.length)
  })

  test('permissions are those of the user and of the groups', async (t, { store, sql }) => {
    const { users, permissions } = store
    const user = await created(users.create(newUser('ann@example.com')))
    const other = await created(users.create(newUser('bob@example.com')))
    await permissions.declare({ 'blog.add': 'Can add', 'blog.view': 'Can view' })
    await sql(
      `insert into latchkey_groups (id, name, created_at, updated_at) values ('g1', 'editors', 1, 1), ('g2', 'Éditeurs', 1, 1), ('g3', 'empty', 1, 1); ` +
        `insert into latchkey_group_permissions values ('g1', 'blog.add'), ('g1', 'blog.view'), ('g2', 'blog.add')`
    )
    t.same(await users.storedPermissions(user.id), { grants: [], groups: [] })
    t.ok(await joinGroups(store, user.id, ['editors', 'Éditeurs', 'empty'], 2))
    t.ok(await joinGroups(store, user.id, ['editors'], 2), 'once more is no mistake')
    await joinGroups(store, other.id, ['editors', 'Editors', 'Editors'], 2)
    t.same((await users.storedPermissions(other.id)).groups, ['Editors', 'editors'])
    await Promise.all([1, 2, 3, 4].map(() => users.mirrorGroups(other.id, 'corp', ['new'], 2)))
    t.same((await users.storedPermissions(other.id)).groups, ['Editors', 'editors', 'new'], 'also by several at once')
    await users.mirrorGroups(other.id, 'corp', [], 2)
    await sql(`insert into latchkey_user_groups values ('${user.id}', 'g1', 'corp')`)
    t.ok(await grantPermissions(store, user.id, ['blog.view', 'shop.buy', 'shop.buy']))
    t.ok(await grantPermissions(store, user.id, ['blog.view']))
    t.notOk(await grantPermissions(store, 'nobody', ['blog.view']))

    const stored = await users.storedPermissions(user.id)
    t.same(stored.groups, ['editors', 'empty', 'Éditeurs'])
    t.same(stored.grants.map(({ permission, origin }) => `${permission} by ${origin}`).sort(), [
      'blog.add by group editors',
      'blog.add by group Éditeurs',
      'blog.view by group editors',
      'blog.view by the user itself',
      'shop.buy by the user itself'
    ])
    t.same(
      (await users.storedPermissions(other.id)).grants.map(({ permission }) => permission),
      ['blog.add', 'blog.view']
    )
    t.same(await permissions.registered(), ['blog.add', 'blog.view', 'shop.buy'])
  })

  test('many look-ups at once find what each of them finds alone', async (t, { store }) => {
    const { users, sessions, objectGrants } = store
    const people = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        created(users.create(newUser(`p${n}@example.com`), identity('corp', `s${n}`)))
      )
    )
    const [first, second] = people as [User, User, ...User[]]
    t.equal(await users.link(first.id, identity('site', 'other')), 'linked')
    for (const [n, { id }] of people.entries()) {
      await joinGroups(store, id, [`group${n % 3}`, 'all'], at)
      await grantPermissions(store, id, [`app.own${n % 5}`])
      const object = { type: 'doc', id: String(n % 4) }
      await objectGrants.grant({ holder: { user: id }, permission: 'app.read', object })
      await objectGrants.grant({ holder: { group: `group${n % 3}` }, permission: 'app.write', object })
    }
    for (const [n, { id }] of people.entries())
      await written(store, sessions.creation(sessionOf(id, { id: `0000${n}` })))
    await sessions.revoke('dead', at)

    const ids = [...people.map(({ id }) => id), 'nobody', first.id, '']
    const objects = ['0', '1', '2', 'none'].map((id) => ({ type: 'doc', id }))
    const looks: ReadonlyArray<() => Promise<unknown>> = [
      ...ids.map((id) => () => users.byId(id)),
      ...ids.map((_, n) => () => users.byEmail(`p${n}@example.com`)),
      ...ids.map((_, n) => () => users.byIdentity('corp', `s${n}`)),
      () => users.byIdentity('site', 'other'),
      () => users.byIdentity('site', 's1'),
      ...ids.map((id) => () => users.storedPermissions(id)),
      ...ids.flatMap((id) => objects.map((object) => () => users.storedPermissions(id, object))),
      ...ids.map((_, n) => () => sessions.byId(`0000${n}`)),
      ...ids.map((id) => () => sessions.isRevoked({ jti: id, sid: '' })),
      () => sessions.isRevoked({ jti: second.id, sid: 'dead' }),
      () => sessions.isRevoked({ jti: 'dead', sid: second.id })
    ]
    const together = await Promise.all(looks.map((look) => look()))
    for (const [n, look] of looks.entries()) t.same(together[n], await look(), String(look))
    t.match(
      together.slice(0, 40),
      people.map(({ id, email }) => ({ id, email }))
    )
    t.same(together.slice(-2), [true, true])
    t.equal((together[0] as User).identities.length, 2)
  })

  test('mirrored groups are those of one origin, and nothing else moves', async (t, { store, sql }) => {
    const { users } = store
    const user = await created(users.create(newUser('ann@example.com')))
    const other = await created(users.create(newUser('bob@example.com')))
    await joinGroups(store, user.id, ['editors', 'mine'], 2)
    await users.mirrorGroups(other.id, 'corp', ['editors'], 2)
    const mirror = async (origin: string, ...names: string[]) => {
      const { joined, left } = await users.mirrorGroups(user.id, origin, names, 3)
      return [[...joined].sort(), [...left].sort()]
    }
    t.same(await mirror('corp', 'editors', 'staff', 'Staff', 'staff'), [['Staff', 'editors', 'staff'], []])
    t.same(await mirror('corp', 'editors', 'staff', 'Staff'), [[], []])
    t.same(await mirror('site', 'staff'), [['staff'], []])
    t.same((await users.storedPermissions(user.id)).groups, ['Staff', 'editors', 'mine', 'staff'])
    t.same(await mirror('corp'), [[], ['Staff', 'editors', 'staff']])
    t.same((await users.storedPermissions(user.id)).groups, ['editors', 'mine', 'staff'], 'local and site stay')
    t.same((await users.storedPermissions(other.id)).groups, ['editors'])
    t.same(await mirror('local2'), [[], []])

    await sql(`insert into latchkey_groups (id, name, created_at, updated_at) values ('g9', 'Staff9', 1, 1)`)
    await grantPermissions(store, user.id, ['blog.add'])
    await sql(`insert into latchkey_group_permissions values ('g9', 'blog.add')`)
    t.same(await users.groupPermissions(['Staff9', 'staff9', 'nothing']), [
      { permission: 'blog.add', origin: 'group Staff9' }
    ])
    t.same(await users.groupPermissions([]), [])
  })

  test('an account that was seen is no login', async (t, { store }) => {
    const { users } = store
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    const seen = identity('corp', '1', { username: 'Ann', lastSeenAt: at + 9 })
    t.equal(await users.recordLogin({ userId: user.id, identity: seen, at: at + 9, isLogin: false }), 'recorded')
    matchLists(t, await users.byId(user.id), { lastLoginAt: null, updatedAt: at, identities: [seen] })
    const attributes = { a: 1 }
    await users.recordLogin({ userId: user.id, identity: seen, attributes, at: at + 9, isLogin: false })
    t.match(await users.byId(user.id), { lastLoginAt: null, updatedAt: at + 9, attributes })
    const again = { userId: user.id, identity: seen, at: at + 9, isLogin: false }
    t.equal(await users.recordLogin(again), 'recorded', 'as it was already')
    await store.administration.change(({ users }) => users.unlink(user.id, identity('corp', '1'), at))
    t.equal(await users.recordLogin(again), 'changed', 'the identity is no longer there')
    await store.administration.change(({ users }) => users.delete(user.id))
    t.equal(await users.recordLogin(again), 'gone', 'nor the user')
  })

  test('declarations that vanish are kept and marked', async (t, { store: { permissions }, sql }) => {
    await permissions.declare({ 'b.x': 'B', 'a.x': 'A', 'c.é': '😀' })
    await permissions.declare({ 'b.x': 'B again', 'd.x': 'D' })
    t.same(await permissions.registered(), ['a.x', 'b.x', 'c.é', 'd.x'])
    const marked = await sql(`select name from latchkey_permissions where declared order by name`)
    t.match(JSON.stringify(marked), /b\.x.*d\.x/s)
    t.notMatch(JSON.stringify(marked), /a\.x/)
    await permissions.declare({ 'a.x': 'A' })
    t.match(JSON.stringify(await sql(`select description from latchkey_permissions where declared`)), /A/)
  })

  test('with a user goes what belongs to it', async (t, { store, sql }) => {
    const { users } = store
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    await sql(`insert into latchkey_groups (id, name, created_at, updated_at) values ('g1', 'editors', 1, 1)`)
    await joinGroups(store, user.id, ['editors'], 2)
    await grantPermissions(store, user.id, ['blog.view'])
    await sql(`delete from latchkey_users`)
    t.equal(await users.byIdentity('corp', '1'), undefined)
    t.same(await users.storedPermissions(user.id), { grants: [], groups: [] })
    const again = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    t.not(again.id, user.id)
  })

  test('a local account has the hash, the own attributes and the flag', async (t, { store }) => {
    const { users, accounts } = store
    const user = await created(
      users.create(newUser('ann@example.com', { passwordHash: 'old', ownAttributes: { a: 1 } }))
    )
    const account = {
      ...{ id: user.id, email: 'ann@example.com', emailVouched: true, isActive: true, passwordHash: 'old' },
      attributes: { a: 1 }
    }
    t.same(await accounts.byEmail('ann@example.com'), account)
    t.same(await accounts.byId(user.id), account)
    t.equal(await accounts.byEmail('ANN@example.com'), undefined)
    t.equal(await accounts.byId('nobody'), undefined)

    await accounts.replaceHash(user.id, 'older', 'wrong')
    t.match(await accounts.byId(user.id), { passwordHash: 'old' })
    await accounts.replaceHash(user.id, 'old', 'new')
    t.match(await accounts.byId(user.id), { passwordHash: 'new' })
    t.match(await users.byId(user.id), { updatedAt: at })

    t.ok(await setPasswordHash(store, user.id, null, at + 1))
    t.ok(await setActive(store, user.id, false, at + 2))
    t.ok(await setActive(store, user.id, false, at + 2), 'there, although nothing changed')
    t.match(await accounts.byId(user.id), { passwordHash: null, isActive: false })
    t.match(await users.byId(user.id), { hasPassword: false, isActive: false, updatedAt: at + 2 })
    t.notOk(await setActive(store, 'nobody', true, at))
    t.notOk(await setPasswordHash(store, 'nobody', null, at))
  })

  test('of two replicas one makes the next signing key', async (t, { store, url }) => {
    const key = (kid: string, generation: number, createdAt = at) => ({
      kid,
      algorithm: 'ES256' as const,
      generation,
      state: 'current' as const,
      publicJwk: '{"é":1}',
      sealed: 'x'.repeat(4000),
      createdAt,
      activatedAt: null,
      retiredAt: null
    })
    const replica = await open(url)
    t.teardown(() => replica.close())
    const add = (where: Store, added: StoredKey) => written(where, where.keys.pending({ added: [added] }))
    const race = await Promise.all([add(store, key('a', 1)), add(replica, key('b', 1)), add(store, key('c', 1))])
    t.same(race.sort(), [false, false, true])
    t.equal(await add(store, { ...key('d', 1, at - 1), algorithm: 'RS256' }), true)
    t.equal(await add(store, key('d', 2)), false, 'the same kid')
    const keys = await replica.keys.all()
    t.same(
      keys.map(({ algorithm }) => algorithm),
      ['RS256', 'ES256']
    )
    t.match(keys[1], { publicJwk: '{"é":1}', sealed: 'x'.repeat(4000), generation: 1 })
  })

  test('of two replicas one changes the signing keys, wholly', async (t, { store, url }) => {
    const key = (kid: string, generation: number, state: 'current' | 'next') => ({
      ...{ kid, algorithm: 'ES256' as const, generation, state, publicJwk: '{}', sealed: 'x', createdAt: at },
      ...{ activatedAt: null, retiredAt: null }
    })
    const replica = await open(url)
    t.teardown(() => replica.close())
    const write = (where: Store, keys: KeyWrite) => written(where, where.keys.pending(keys))
    const [current, next] = [key('a', 1, 'current'), key('b', 2, 'next')]
    await write(store, { added: [current, next] })
    const activation = (time: number): KeyWrite => ({
      changes: [
        { key: current, set: { state: 'retired', retiredAt: time, sealed: '' } },
        { key: next, set: { state: 'current', activatedAt: time } }
      ]
    })
    const race = await Promise.all(
      Array.from({ length: 8 }, (_, turn) => write(turn % 2 ? store : replica, activation(at + turn)))
    )
    t.same(race.sort(), [...Array(7).fill(false), true])
    const [a, b] = await replica.keys.all()
    matchLists(t, [a, b], [{ state: 'retired', sealed: '' }, { state: 'current' }])
    t.ok(a?.retiredAt !== null && a?.retiredAt === b?.activatedAt, 'both by the same one')

    const retire: KeyChange = { key: { ...next, state: 'current' }, set: { state: 'retired', retiredAt: at } }
    const lost: KeyWrite = { changes: [retire, { ...retire, key: current }] }
    t.equal(await write(store, lost), false, 'the second change is lost')
    const taken: KeyWrite = { changes: [retire], added: [key('c', 2, 'current')] }
    t.equal(await write(store, taken), false, 'the generation is taken')
    t.equal((await store.keys.all())[1]?.state, 'current', 'and the first is undone')
    await store.keys.reseal({ kid: 'b', state: 'next' }, 'newly sealed')
    t.equal((await store.keys.all())[1]?.sealed, 'x', 'a key that is no longer as it was is not sealed anew')
    await store.keys.reseal({ kid: 'b', state: 'current' }, 'newly sealed')
    t.equal((await store.keys.all())[1]?.sealed, 'newly sealed')
    const event = eventOf({ kind: 'administration', outcome: 'success', action: 'rotateKeys' })
    t.equal(await store.audit.append([event]), undefined)
    const unwritten = await store.audit.append([event], [store.keys.pending({ changes: [retire] })])
    t.same(unwritten, { refused: 1 }, 'the event is there already')
    t.equal((await store.keys.all())[1]?.state, 'current', 'and no key changes without its event')
    t.equal(await write(store, { changes: [retire], added: [key('c', 3, 'current')] }), true)
    await store.keys.remove('c')
    await store.keys.remove('a')
    t.same(
      (await store.keys.all()).map(({ kid, state }) => [kid, state]),
      [
        ['b', 'retired'],
        ['c', 'current']
      ]
    )
  })

  test('a client is kept with its secrets, and of two who change it at once one does', async (t, {
    store: { clients }
  }) => {
    const secret = (hash: string, expiresAt: number | null = null) => ({ hash, createdAt: at, expiresAt })
    const client = (id: string) => ({
      ...{ id, definition: { grants: ['password'], chooseBackend: true }, secrets: [secret('é')] },
      ...{ createdAt: at, updatedAt: at }
    })
    t.equal(await clients.create(client('blog')), 'created')
    t.equal(await clients.create(client('blog')), 'taken')
    t.equal(await clients.create(client('Blog')), 'created', 'ids are compared as bytes')
    t.same(await clients.byId('blog'), client('blog'))
    for (const id of ['BLOG', 'blog ', '']) t.equal(await clients.byId(id), undefined, JSON.stringify(id))
    t.same(
      (await clients.all()).map(({ id }) => id),
      ['Blog', 'blog']
    )
    const both = [secret('new'), secret('é', at + 1000)]
    const definition = { grants: ['client_credentials'] }
    const replace = () => clients.replace(client('blog'), { definition, secrets: both }, at)
    t.equal((await Promise.all([1, 2, 3].map(replace))).filter((written) => written !== undefined).length, 1)
    t.same(await clients.byId('blog'), { id: 'blog', definition, secrets: both, updatedAt: at + 1, createdAt: at })
    t.same((await clients.byId('Blog'))?.secrets, [secret('é')])
    await clients.create(client('blog%'))
    const ids = async (search: string, cursor: string, limit = 9) =>
      (await clients.list({ search, cursor, limit })).map(({ id }) => id)
    t.same(await ids('', ''), ['Blog', 'blog', 'blog%'])
    t.same(await ids('', '', 1), ['Blog'])
    t.same(await ids('', 'Blog'), ['blog', 'blog%'])
    t.same(await ids('blog', ''), ['blog', 'blog%'])
    t.same(await ids('blog%', ''), ['blog%'], 'a prefix is no pattern')
    t.equal(await clients.delete('blog', at), false, 'it was changed since')
    t.equal(await clients.delete('blog', at + 1), true)
    t.equal(await clients.delete('blog'), false)
    t.equal(await replace(), undefined)
    t.equal(await clients.byId('blog'), undefined)
  })

  test('an assertion counts once over all replicas, and is forgotten once it expired', async (t, { store, url }) => {
    const replica = await open(url)
    t.teardown(() => replica.close())
    const race = [store, replica, store, replica].map(({ usedAssertions }) => usedAssertions.use('one', at))
    t.same((await Promise.all(race)).sort(), [false, false, false, true])
    t.same(await Promise.all(['one', 'two'].map(store.usedAssertions.isUsed)), [true, false], 'looked at only')
    for (const id of ['two', 'three']) t.equal(await store.usedAssertions.use(id, at + 1), true)
    t.equal(await store.usedAssertions.use('four', at + 2), true)
    t.equal(await store.usedAssertions.forget(at + 2, 2), 2, 'in batches')
    t.equal(await store.usedAssertions.forget(at + 2, 2), 1)
    t.equal(await store.usedAssertions.forget(at + 2, 2), 0)
    t.equal(await store.usedAssertions.use('four', at + 2), false)
    t.equal(await store.usedAssertions.use('one', at + 9), true)
  })

  test('a permission on an object belongs to a user or a group, once', async (t, { store, url }) => {
    const { users, objectGrants: grants, permissions } = store
    const ann = await created(users.create(newUser('ann@example.com')))
    const bob = await created(users.create(newUser('bob@example.com')))
    await joinGroups(store, bob.id, ['editors', 'writers'], at)
    await users.mirrorGroups(bob.id, 'corp', ['editors'], at)
    await grantPermissions(store, bob.id, ['blog.view_post'])
    const post = { type: 'post', id: '1' }
    const own = { holder: { user: ann.id }, permission: 'blog.change_post', object: post }
    const shared = { holder: { group: 'editors' }, permission: 'blog.change_post', object: post }
    t.equal(await grants.grant(own), 'granted')
    t.equal(await grants.grant(own), 'present')
    t.equal(await grants.grant(shared), 'granted')
    t.equal(await grants.grant({ ...shared, holder: { group: 'writers' } }), 'granted')
    t.same(
      await permissions.registered(),
      ['blog.change_post', 'blog.view_post'],
      'a permission that nobody declared is registered'
    )
    for (const holder of [{ user: 'nobody' }, { group: 'nobody' }]) {
      t.equal(await grants.grant({ ...own, holder, permission: 'blog.no' }), 'no-holder')
      t.equal(await grants.revoke({ ...own, holder }), false)
    }
    t.same(await permissions.registered(), ['blog.change_post', 'blog.view_post'])

    const origin = (from: string) => ({ permission: 'blog.change_post', origin: `${from}, on post 1` })
    const held = async (id: string, object = post) => (await users.storedPermissions(id, object)).grants
    t.same(await held(ann.id), [origin('the user itself')])
    const bobs = await held(bob.id)
    t.same(
      bobs.map(({ origin }) => origin).sort(),
      ['group editors, on post 1', 'group writers, on post 1', 'the user itself'],
      'each once, beside what is held generally'
    )
    t.same((await users.storedPermissions(bob.id, post)).groups, ['editors', 'writers'])
    for (const id of ['2', ' 1', '1 ', '', '１']) t.same(await held(ann.id, { type: 'post', id }), [], id)
    for (const type of ['Post', 'post ']) t.same(await held(ann.id, { type, id: '1' }), [])

    const replica = await open(url)
    t.teardown(() => replica.close())
    const late = { ...own, object: { type: 'post', id: 'é' } }
    const race = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? store : replica).objectGrants.grant(late))
    )
    t.equal(race.filter((answer) => answer === 'granted').length, 1, 'of twenty at once one grants it')
    t.same((await Promise.all([1, 2, 3].map(() => grants.revoke(late)))).sort(), [false, false, true])
    t.equal(await grants.revoke({ ...own, permission: 'blog.other' }), false)
    t.equal(await grants.revoke(shared), true)
    t.same((await held(bob.id)).length, 2)
    t.same((await grants.list({}, { limit: 9 })).items.length, 2)
  })

  test('object grants are listed by whatever is known of them, page by page', async (t, { store }) => {
    const { users, objectGrants: grants } = store
    const [ann, bob] = await Promise.all(
      ['ann', 'bob'].map((name) => created(users.create(newUser(`${name}@example.com`))))
    )
    if (!ann || !bob) throw new Error('taken')
    await joinGroups(store, ann.id, ['b', 'a'], at)
    const holders = [{ user: ann.id }, { user: bob.id }, { group: 'a' }, { group: 'b' }]
    for (const holder of holders)
      for (const permission of ['p.x', 'p.y'])
        for (const id of ['1', '2', 'ü'])
          t.equal(await grants.grant({ holder, permission, object: { type: id === '1' ? 's' : 't', id } }), 'granted')
    const all = async (filter: Parameters<typeof grants.list>[0], limit: number) => {
      const found: string[] = []
      for (let after: string | null | undefined; after !== null; ) {
        const page = await grants.list(filter, { limit, ...(after ? { after } : {}) })
        found.push(...page.items.map((item) => JSON.stringify(item)))
        t.ok(page.items.length <= limit)
        after = page.next
      }
      return found
    }
    const expected: ReadonlyArray<readonly [Parameters<typeof grants.list>[0], number]> = [
      [{}, 24],
      [{ holder: { user: ann.id } }, 6],
      [{ holder: { group: 'b' } }, 6],
      [{ holder: { group: 'c' } }, 0],
      [{ holder: { user: 'nobody' } }, 0],
      [{ permission: 'p.x' }, 12],
      [{ permission: 'p.z' }, 0],
      [{ objectType: 't' }, 16],
      [{ objectType: 't', objectId: 'ü' }, 8],
      [{ objectType: 't', objectId: 'ü', permission: 'p.y' }, 4],
      [{ objectType: 's', objectId: 'ü' }, 0],
      [{ holder: { user: bob.id }, permission: 'p.y', objectType: 't' }, 2],
      [{ objectId: '1' }, 0]
    ]
    for (const [filter, count] of expected) {
      const whole = await all(filter, 1000)
      t.equal(new Set(whole).size, count, JSON.stringify(filter))
      for (const limit of [1, 5]) t.same(await all(filter, limit), whole, `${JSON.stringify(filter)} by ${limit}`)
    }
    await t.rejects(grants.list({}, { after: 'nonsense', limit: 5 }), { code: 'invalid_request' })
  })

  test('who may hold a permission, and on what, is found in pages', async (t, { store }) => {
    const { users, objectGrants: grants, permissions, permissionSearch: search } = store
    const create = (name: string, more = {}) => created(users.create(newUser(`${name}@example.com`, more)))
    const direct = await create('direct')
    const member = await create('member')
    const owner = await create('owner')
    const sharer = await create('sharer')
    const root = await create('root', { isSuperuser: true })
    const made = await create('made')
    await create('nobody')
    await users.link(made.id, identity('corp', 'made', { isSuperuser: true }))
    for (const [superuserBackends, found] of [
      [undefined, [root, made]],
      [['corp'], [root, made]],
      [['other'], [root]],
      [[], [root]]
    ] as const) {
      const counted = { limit: 100, ...(superuserBackends && { superuserBackends }) }
      const ids = async (isSuperuser: boolean) =>
        (await users.list({ ...counted, isSuperuser })).items.map(({ id }) => id)
      t.same(await ids(true), found.map(({ id }) => id).sort(), `superusers by ${superuserBackends}`)
      t.equal((await ids(false)).includes(made.id), found.length === 1)
    }
    await grantPermissions(store, direct.id, ['p.x'])
    await joinGroups(store, member.id, ['holders', 'more'], at)
    await joinGroups(store, sharer.id, ['sharers'], at)
    const one = { type: 'doc', id: '1' }
    for (const id of ['1', '2', '3']) {
      await grants.grant({ holder: { user: owner.id }, permission: 'p.x', object: { type: 'doc', id } })
      await grants.grant({ holder: { group: 'sharers' }, permission: 'p.x', object: { type: 'doc', id: `${id}${id}` } })
    }
    await grants.grant({ holder: { group: 'sharers' }, permission: 'p.x', object: one })
    await grants.grant({ holder: { user: sharer.id }, permission: 'p.x', object: one })
    await grants.grant({ holder: { user: direct.id }, permission: 'p.y', object: one })

    type Paged<Item> = { items: readonly Item[]; next: string | null }
    const pages = async <Item>(
      ask: (page: { after?: string; limit: number }) => Promise<Paged<Item>>,
      limit: number
    ) => {
      const found: Item[] = []
      for (let after: string | null | undefined; after !== null; ) {
        const page = await ask({ limit, ...(after ? { after } : {}) })
        found.push(...page.items)
        after = page.next
      }
      return found
    }
    const holders = (permission: string, object?: { type: string; id: string }) => (limit: number) =>
      pages((page) => search.candidates(permission, object, page), limit).then((found) => found.map(({ id }) => id))
    const ids = (...list: Array<{ id: string }>) => list.map(({ id }) => id).sort()
    for (const limit of [1, 2, 100]) {
      t.same(await holders('p.x')(limit), ids(direct, root, made))
      t.same(await holders('p.x', one)(limit), ids(direct, owner, sharer, root, made))
      t.same(
        await holders('p.y', { type: 'doc', id: '2' })(limit),
        ids(root, made),
        'superusers hold what is registered'
      )
      t.same(await holders('p.nobody', one)(limit), [], 'and nothing else')
      const objects = (permission: string, who: { id: string }) =>
        pages((page) => search.objectsOf(who.id, permission, 'doc', page), limit)
      t.same(await objects('p.x', owner), ['1', '2', '3'])
      t.same(await objects('p.x', sharer), ['1', '11', '22', '33'])
      t.same(await objects('p.y', owner), [])
      t.same(await pages((page) => search.objects('doc', page), limit), ['1', '11', '2', '22', '3', '33'])
    }
    t.same(await search.objectsOf(owner.id, 'p.x', 'Doc', { limit: 9 }), { items: [], next: null })
    t.match(
      (await search.candidates('p.x', undefined, { limit: 9 })).items.find(({ id }) => id === made.id)?.identities,
      [{ backend: 'corp' }]
    )
    await permissions.declare({})
  })

  test('an error that leaves the store holds no parameters', async (t, { store: { users } }) => {
    const tooLong = newUser('ann@example.com', { passwordHash: 'a secret hash' })
    const error = await users
      .create({ ...tooLong, attributes: null as never, email: undefined as never })
      .catch((error) => error)
    t.type(error, Error)
    t.notMatch(`${error.message} ${JSON.stringify(error)} ${error.stack}`, /a secret hash/)
  })

  test('objects never reach a statement', async (t, { store: { users, accounts } }) => {
    await created(users.create(newUser('ann@example.com')))
    const forged = { email: 1 } as never
    await t.rejects(users.byEmail(forged), TypeError)
    await t.rejects(accounts.byEmail(forged), TypeError)
    await t.rejects(users.byIdentity(['corp'] as never, undefined as never), TypeError)
  })

  test('events are found newest first, by user, client, kind and time, in pages', async (t, { store: { audit } }) => {
    const events = Array.from({ length: 30 }, (_, index) =>
      eventOf({
        ...{ kind: index % 3 === 0 ? 'login' : 'refresh', outcome: 'success', user: `user-${index % 2}` },
        ...{ client: index < 10 ? 'web' : 'Web', details: { names: ['a', 'ü😀'], isActive: false, count: index } }
      })
    )
    await audit.append([])
    await audit.append(events.slice(0, 20))
    for (const event of events.slice(20)) await audit.append([event])
    const newestFirst = events.toReversed()
    t.same(await audit.find({ limit: 30 }), { items: newestFirst, next: null })
    const seen: unknown[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null; pages++) {
      const page = await audit.find({ limit: 7, ...(cursor === '' ? {} : { cursor }) })
      seen.push(...page.items)
      cursor = page.next
      t.ok(pages < 5)
    }
    t.same(seen, newestFirst)
    const of = async (filter: object) => (await audit.find({ limit: 100, ...filter })).items
    t.same(
      await of({ user: 'user-1', kind: 'login' }),
      newestFirst.filter((event) => event.user === 'user-1' && event.kind === 'login')
    )
    t.same(await of({ client: 'web' }), events.slice(0, 10).reverse(), 'compared as bytes')
    t.same(await of({ user: 'user-1 ' }), [])
    const [first, last] = [events[0]?.at ?? 0, events[29]?.at ?? 0]
    t.same(await of({ since: first, until: last }), newestFirst, 'both ends belong to it')
    t.same(await of({ until: first - 1 }), [])
    t.same(await of({ since: last + 1 }), [])
    t.same(await of({ since: -1, until: Number.MAX_SAFE_INTEGER }), newestFirst)
    t.same(await audit.append(events.slice(0, 1)), { refused: 0 }, 'an event is written once')
    const acts = ['console', 'user-1', 'console'].map((actor) =>
      eventOf({ kind: 'administration', outcome: 'success', user: 'user-0', actor })
    )
    await audit.append(acts)
    t.same(await of({ actor: 'console' }), [acts[2], acts[0]])
    t.same(await of({ actor: 'user-1', user: 'user-0' }), [acts[1]])
    t.same(await of({ actor: 'user-1', kind: 'login' }), [])
  })

  test('what goes along with an event is written with it, or neither', async (t, { store }) => {
    const { users, sessions, audit } = store
    const user = await created(users.create(newUser('ann@example.com'), identity('corp', '1')))
    const begin = (userId: string, id: string) => sessions.creation(sessionOf(userId, { id }))
    const login = (time: number) =>
      users.loginWrite({ userId: user.id, identity: identity('corp', '1', { lastSeenAt: time }), at: time })
    const event = () => eventOf({ kind: 'login', outcome: 'success', user: user.id })
    const times = { at: at + 10, idleExpiresAt: at + 6000 }
    const all = await Promise.all([
      audit.append([event()], [login(at + 1), begin(user.id, 'a')]),
      audit.append([event()], [login(at + 2), begin('nobody', 'b')]),
      audit.append([event(), event()], [begin(user.id, 'c')]),
      audit.append([event()], [sessions.rotation('z', 0, times), login(at + 3)])
    ])
    t.same(all, [undefined, { refused: 1 }, undefined, { refused: 0 }])
    t.equal((await users.byId(user.id))?.lastLoginAt, at + 1)
    t.same((await sessions.ofUser(user.id)).map(({ id }) => id).sort(), ['a', 'c'])
    t.equal((await audit.find({ limit: 9 })).items.length, 3)
    const rotations = Array.from({ length: 3 }, () => audit.append([event()], [sessions.rotation('a', 0, times)]))
    t.same((await Promise.all(rotations)).filter((answer) => answer === undefined).length, 1)
    t.match(await sessions.byId('a'), { counter: 1 })
    t.equal((await audit.find({ limit: 9 })).items.length, 4)
    await t.rejects(audit.append([], [{ isPending: true }]), TypeError)
  })

  test('old events go in small batches, the oldest first', async (t, { store: { audit } }) => {
    const aged = (days: number, count: number) =>
      Array.from({ length: count }, () => {
        const time = (Date.now() - days * 86_400_000).toString(16).padStart(12, '0')
        const event = eventOf({ kind: 'login', outcome: 'success' })
        return { ...event, id: `${time.slice(0, 8)}-${time.slice(8)}${event.id.slice(13)}` }
      })
    await audit.append([...aged(100, 5), ...aged(95, 3), ...aged(89, 2)])
    const before = Date.now() - 90 * 86_400_000
    t.same([await audit.removeBefore(before, 4), await audit.removeBefore(before, 4)], [4, 4])
    t.same([await audit.removeBefore(before, 4), (await audit.find({ limit: 9 })).items.length], [0, 2])
  })
}
