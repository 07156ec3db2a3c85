import type { Test } from 'tap'
import { eventOf } from '../../src/audit/event.ts'
import type { User } from '../../src/auth/user-store.ts'
import type { Store } from '../../src/store/index.ts'
import type { Session } from '../../src/tokens/session-store.ts'
import { joinGroups, setActive } from './acts.ts'
import { at, identity, newUser, type World, written } from './world.ts'

/** What begins alike to a pattern, to a collation or to whoever folds case, and does not as bytes. */
const odd = ['100%', '100x', 'a_b', 'aXb', 'a\\b', 'Ann', 'ann', 'änn', 'e\u0301', 'é', '😀x', '😀😀']
const prefixes = [
  '%',
  '_',
  '\\',
  'a\\',
  '100%',
  '100',
  'a_',
  'a',
  'A',
  'An',
  'ä',
  'e',
  'é',
  '😀',
  '\u{10ffff}',
  "' or 1=1 -- "
]

/** Everything, page by page. @param ask answers a page and where to go on */
const walked = async <Item>(
  ask: (cursor: string | undefined) => Promise<{ readonly items: readonly Item[]; readonly next: string | null }>
): Promise<Item[]> => {
  const found: Item[] = []
  let cursor: string | undefined
  for (;;) {
    const { items, next } = await ask(cursor)
    found.push(...items)
    if (next === null) return found
    cursor = next
  }
}

/** The same of a list that goes on behind the last id, and of which one more is asked for than a page holds. */
const walkedById = <Item extends { readonly id: string }>(
  limit: number,
  ask: (cursor: string | undefined, limit: number) => Promise<readonly Item[]>
): Promise<Item[]> =>
  walked(async (cursor) => {
    const found = await ask(cursor, limit + 1)
    const items = found.slice(0, limit)
    return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null }
  })

const beginning = (names: readonly string[], prefix: string): string[] =>
  names.filter((name) => name.startsWith(prefix)).sort()

const create = async ({ users }: Pick<Store, 'users'>, email: string): Promise<User> => {
  const user = await users.create(newUser(email))
  if (user === 'taken') throw new Error('taken')
  return user
}

const idOf = (n: number, kind = 0): string => `019a9c5e-7d1c-7c3a-9a5${kind}-${String(n).padStart(12, '0')}`

const sessionOf = (userId: string, n: number, other: Partial<Session> = {}): Session => ({
  ...{ id: idOf(n), userId, backend: 'corp', subject: 'S-1', clientId: 'web', audience: 'x', scope: null },
  ...{ amr: ['pwd'], counter: 0, rotatedAt: at, authenticatedAt: at, createdAt: at },
  ...{ expiresAt: at + 9000, idleExpiresAt: at + 5000 },
  ...other
})

/** So many that what begins alike is no longer fetched as a whole. */
const many = 10_001

/** Users beside those of a test, all in the group: n-00001@example.com and so on. */
const crowd = async ({ sql }: World, groupId: string): Promise<void> => {
  const numbers = Array.from({ length: many }, (_, n) => n)
  const email = (n: number) => `n-${String(n).padStart(5, '0')}@example.com`
  const people = numbers.map((n) => `('${idOf(n, 1)}', '${email(n)}', 1, '{}', '{}', 1, 0, 0, 0)`)
  const members = numbers.map((n) => `('${idOf(n, 1)}', '${groupId}', 'local')`)
  const columns =
    'id, email, email_vouched, attributes, own_attributes, is_active, is_superuser, created_at, updated_at'
  await sql(`insert into latchkey_users (${columns}) values ${people.join()}`)
  await sql(`insert into latchkey_user_groups (user_id, group_id, origin) values ${members.join()}`)
}

/** What both dialects have to do where a list is searched by a prefix. */
export const searchConformance = (t: Test, world: (t: Test) => Promise<World>): void => {
  const test = (name: string, body: (t: Test, world: World) => Promise<void>) =>
    t.test(name, async (t) => body(t, await world(t)))

  const groupNamed = ({ administration }: Store, name: string, ids: readonly string[]): Promise<string> =>
    administration.change(async ({ groups }) => {
      const { id } = await groups.create(name, at)
      await groups.addMembers(id, ids, at)
      return id
    })

  test('members are searched by their e-mail, each once, whoever put them there', async (t, world) => {
    const { store } = world
    const people: User[] = []
    for (const name of odd) people.push(await create(store, `${name}@example.com`))
    await create(store, 'a-stranger@example.com')
    const ids = people.map(({ id }) => id)
    const group = await groupNamed(store, 'staff', ids)
    for (const id of ids.slice(0, 8)) await store.users.mirrorGroups(id, 'corp', ['staff'], at)
    const find = (search: string, limit: number) =>
      walked((cursor) => store.groups.members(group, { search, limit, ...(cursor === undefined ? {} : { cursor }) }))
    const check = async (size: string) => {
      for (const prefix of prefixes)
        for (const limit of [1, 2, 100])
          t.same(
            (await find(prefix, limit)).map(({ email }) => email.slice(0, email.indexOf('@'))),
            beginning(odd, prefix).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))),
            `${prefix} by ${limit} in a ${size} group`
          )
      t.same((await find('100%', 1))[0]?.origins, ['corp', 'local'])
    }
    await check('small')
    t.same(
      (await find('', 5)).map(({ userId }) => userId),
      ids.toSorted(),
      'without a prefix in the order of the ids'
    )
    await crowd(world, group)
    await check('large')
    t.equal((await find('n-0999', 7)).length, 10)
    t.equal((await find('n-', 5000)).length, many)
    t.same(await store.groups.members('none', { search: 'a', limit: 5 }), { items: [], next: null })

    const { next } = await store.groups.members(group, { search: 'n-', limit: 3 })
    const elsewhere = store.groups.members(group, { cursor: next ?? '', limit: 3 })
    await t.rejects(elsewhere, { code: 'invalid_request' }, 'a cursor is one of the list in its order')
  })

  test('members who come and go between two pages leave the others where they are', async (t, { store }) => {
    const names = ['a1', 'a3', 'a5', 'a7']
    const people: User[] = []
    for (const name of names) people.push(await create(store, `${name}@example.com`))
    const group = await groupNamed(
      store,
      'staff',
      people.map(({ id }) => id)
    )
    const page = await store.groups.members(group, { search: 'a', limit: 2 })
    for (const name of ['a0', 'a4']) {
      const { id } = await create(store, `${name}@example.com`)
      await joinGroups(store, id, ['staff'], at)
    }
    const [, gone] = people
    await store.administration.change(({ groups }) => groups.removeMembers(group, [gone?.id ?? ''], [], at))
    const rest = await store.groups.members(group, { search: 'a', limit: 9, cursor: page.next ?? '' })
    t.same(
      [...page.items, ...rest.items].map(({ email }) => email.slice(0, 2)),
      ['a1', 'a3', 'a4', 'a5', 'a7']
    )
  })

  test('object grants are searched by the permission, with all other filters', async (t, { store }) => {
    const { objectGrants } = store
    const ann = await create(store, 'ann@example.com')
    await groupNamed(store, 'staff', [])
    const names = [...odd.map((name) => `blog.${name}`), 'blogs.x', 'Blog.x']
    for (const permission of names)
      for (const holder of [{ user: ann.id }, { group: 'staff' }])
        for (const [type, id] of [
          ['post', '1'],
          ['post', '2'],
          ['page', '1']
        ] as const)
          await objectGrants.grant({ holder, permission, object: { type, id } })
    const find = async (filter: Parameters<typeof objectGrants.list>[0], limit: number) =>
      (await walked((after) => objectGrants.list(filter, { limit, ...(after === undefined ? {} : { after }) }))).map(
        ({ permission, holder, object }) => JSON.stringify([permission, holder, object])
      )
    for (const prefix of ['blog.', 'Blog', 'blog', ...prefixes.map((prefix) => `blog.${prefix}`)])
      for (const [filter, each] of [
        [{}, 6],
        [{ holder: { user: ann.id } }, 3],
        [{ holder: { group: 'staff' }, objectType: 'post' }, 2],
        [{ objectType: 'page' }, 2],
        [{ objectType: 'post', objectId: '2' }, 2]
      ] as const) {
        const asked = { ...filter, search: prefix }
        const whole = await find(asked, 1000)
        const said = JSON.stringify(asked)
        t.equal(new Set(whole).size, whole.length, said)
        const permissions = [...new Set(whole.map((grant) => JSON.parse(grant)[0]))]
        t.same(permissions.sort(), beginning(names, prefix), said)
        t.equal(whole.length, beginning(names, prefix).length * each, said)
        for (const limit of [1, 5]) t.same(await find(asked, limit), whole, `${said} by ${limit}`)
      }
    t.equal((await find({ permission: 'blog.ann', search: 'blog.a' }, 4)).length, 6)
    t.equal((await find({ permission: 'blog.ann', search: 'shop.' }, 4)).length, 0)
    t.equal((await find({ search: '' }, 1000)).length, names.length * 6)
    const { next } = await objectGrants.list({ search: 'blog.' }, { limit: 1 })
    const elsewhere = objectGrants.list({ objectType: 'post' }, { limit: 1, after: next ?? '' })
    await t.rejects(elsewhere, { code: 'invalid_request' }, 'a cursor is one of the list in its order')
  })

  test('sessions are searched by the e-mail, in the order of the sessions', async (t, world) => {
    const { store } = world
    const { sessions } = store
    const owners = new Map<string, string>()
    for (const name of odd) owners.set((await create(store, `${name}@example.com`)).id, name)
    let n = 0
    for (const other of [{}, { clientId: 'Web' }, { backend: 'site' }, { idleExpiresAt: at - 1 }])
      for (const userId of owners.keys()) await written(store, sessions.creation(sessionOf(userId, n++, other)))
    const find = async (query: object, limit: number) =>
      walkedById(limit, (cursor, limit) => sessions.list({ ...query, cursor, limit }))
    const check = async (size: string) => {
      for (const prefix of prefixes)
        for (const [query, each] of [
          [{}, 4],
          [{ clientId: 'web' }, 3],
          [{ backends: ['site'] }, 1],
          [{ backends: [] }, 0],
          [{ liveAt: at, clientId: 'web', backends: ['corp', 'site'] }, 2]
        ] as const) {
          const whole = await find({ ...query, search: prefix }, 1000)
          const said = `${JSON.stringify({ ...query, search: prefix })} ${size}`
          t.same(
            whole.map(({ id }) => id),
            whole.map(({ id }) => id).sort(),
            said
          )
          const names = whole.map(({ userId }) => owners.get(userId) ?? '')
          t.same(
            names.sort(),
            beginning(odd, prefix).flatMap((name) => Array(each).fill(name)),
            said
          )
          for (const limit of [1, 3])
            t.same(await find({ ...query, search: prefix }, limit), whole, `${said}, ${limit}`)
        }
      const [[ann, name = '']] = [...owners].filter(([, name]) => name === 'ann') as [[string, string]]
      t.equal((await find({ userId: ann, search: name }, 2)).length, 4, 'of one user')
      t.equal((await find({ userId: ann, search: 'A' }, 2)).length, 0)
      t.same(await find({ search: '' }, 5), await find({}, 1000), 'an empty prefix is none')
    }
    await check('of few')
    await crowd(world, await groupNamed(store, 'staff', []))
    await written(store, sessions.creation(sessionOf(idOf(7, 1), 900)))
    await written(store, sessions.creation(sessionOf(idOf(8, 1), 901, { clientId: 'Web' })))
    await check('beside many')
    t.equal((await find({ search: 'n-' }, 1)).length, 2, 'where the e-mails of many begin so')
    t.same(
      (await find({ search: 'n-', clientId: 'Web' }, 1)).map(({ id }) => id),
      [idOf(901)]
    )
    t.equal((await find({ search: 'n-00007' }, 1)).length, 1)
  })

  test('deliveries are searched by the type of their event', async (t, { store }) => {
    const { outbox, deliveries } = store
    outbox.subscribe(['crm', 'erp'].map((id) => ({ id, wants: () => true })))
    const ann = await create(store, 'ann@example.com')
    await store.users.link(ann.id, identity('corp', '1'))
    await setActive(store, ann.id, false, at)
    const all = await deliveries.list({ limit: 100 })
    const types = new Set(all.map(({ type }) => type))
    for (const type of ['user.created', 'user.joined', 'user.deactivated', 'session.ended'] as const)
      t.ok(types.has(type), type)
    for (const search of [
      'user.',
      'user.j',
      'u',
      'session',
      'session.ended',
      'User',
      '%',
      'user_',
      'ser.',
      'user.\u{10ffff}'
    ])
      for (const query of [{}, { endpoint: 'erp' }, { state: 'waiting' }, { state: 'dead' }] as const)
        for (const limit of [1, 100])
          t.same(
            await walkedById(limit, (cursor, limit) => deliveries.list({ ...query, search, cursor, limit })),
            all.filter(
              ({ type, endpoint, state }) =>
                type.startsWith(search) &&
                (!('endpoint' in query) || endpoint === query.endpoint) &&
                (!('state' in query) || state === query.state)
            ),
            `${JSON.stringify({ ...query, search })} by ${limit}`
          )
    t.same(await deliveries.list({ search: '', limit: 100 }), all)
  })

  test('events are searched by the login name, newest first, with all other filters', async (t, {
    store: { audit }
  }) => {
    const events = [...odd, undefined].flatMap((username) =>
      (['login', 'refresh'] as const).flatMap((kind) =>
        ['user-1', 'user-2'].map((user) =>
          eventOf({ kind, outcome: 'success', user, ...(username === undefined ? {} : { username }) })
        )
      )
    )
    await audit.append(events)
    const newestFirst = events.toReversed()
    const find = (filter: object, limit: number) =>
      walked((cursor) => audit.find({ ...filter, limit, ...(cursor === undefined ? {} : { cursor }) }))
    for (const search of prefixes)
      for (const filter of [{}, { kind: 'login' }, { user: 'user-2', kind: 'refresh' }, { user: 'user-1' }] as const)
        for (const limit of [1, 3, 100])
          t.same(
            await find({ ...filter, search }, limit),
            newestFirst.filter(
              ({ username, kind, user }) =>
                username?.startsWith(search) &&
                (!('kind' in filter) || kind === filter.kind) &&
                (!('user' in filter) || user === filter.user)
            ),
            `${JSON.stringify({ ...filter, search })} by ${limit}`
          )
    const [first, last] = [events[0]?.at ?? 0, events.at(-1)?.at ?? 0]
    t.equal((await find({ search: 'ann', since: first, until: last }, 3)).length, 4)
    t.same(await find({ search: 'ann', until: first - 1 }, 3), [])
    t.same(await find({ search: '' }, 7), newestFirst, 'an empty prefix is none')
  })
}
