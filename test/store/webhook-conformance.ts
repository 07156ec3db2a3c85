import type { Test } from 'tap'
import { atConsole } from '../../src/admin/actor.ts'
import { setPassword } from '../../src/admin/passwords.ts'
import { createUser, deleteUser, patchUser } from '../../src/admin/users.ts'
import type { EventType } from '../../src/auth/events.ts'
import type { Store } from '../../src/store/index.ts'
import type { KeyChange, KeyWrite } from '../../src/tokens/key-store.ts'
import type { Delivery } from '../../src/webhooks/delivery-store.ts'
import { setActive } from './acts.ts'
import { at, identity, newUser, open, type World, written } from './world.ts'

const all = { id: 'crm', wants: () => true }
const limit = 100

/** Everything written so far, as type and data. */
const told = async ({ deliveries }: Store, endpoint = 'crm'): Promise<Array<[EventType, Record<string, unknown>]>> =>
  (await deliveries.list({ endpoint, limit })).map(({ type, payload }) => [type, JSON.parse(payload).data])

/** What both dialects have to do for webhooks. */
export const webhookConformance = (t: Test, world: (t: Test) => Promise<World>): void => {
  t.test('what happens to users is written with it, for whoever wants it, and for nobody else', async (t) => {
    const { store } = await world(t)
    const { users, outbox } = store
    const unheard = await users.create(newUser('unheard@example.com'))
    t.ok(unheard !== 'taken')
    const stop = outbox.subscribe([all, { id: 'picky', wants: (type) => type === 'user.joined' }])
    const created = await users.create(newUser('ann@example.com'), identity('corp', '1'))
    if (created === 'taken') throw new Error('taken')
    const { id } = created
    const ann = { id, email: 'ann@example.com' }
    t.equal(await users.create(newUser('ann@example.com')), 'taken', 'what is not done is not told')
    await users.link(id, identity('two', '2'))
    t.equal(await users.link(id, identity('two', '2')), 'taken')
    const seen = identity('corp', '1')
    await users.recordLogin({ userId: id, identity: seen, at })
    const changed = { email: 'new@example.com', fields: ['email', 'displayName'] }
    const email = { value: 'new@example.com', vouched: true }
    await users.recordLogin({ userId: id, identity: seen, at, email, changed })
    const taken = { value: 'unheard@example.com', vouched: true }
    t.equal(await users.recordLogin({ userId: id, identity: seen, at, email: taken, changed }), 'taken')
    await users.mirrorGroups(id, 'corp', ['staff'], at)
    await users.mirrorGroups(id, 'corp', ['staff'], at)
    const hashed = { from: null, to: 'a hash that nobody may see', at }
    t.equal(await users.replacePasswordHash(id, hashed), true)
    t.equal(await users.replacePasswordHash(id, hashed), false, 'another one is there by now')
    await setActive(store, id, false, at)
    await setActive(store, id, false, at)
    await setActive(store, id, true, at)
    const now = { id, email: 'new@example.com' }
    const out = ['session.ended', { user: { id }, session: null, except: null }]
    t.same(await told(store), [
      ['user.created', { user: ann, backend: 'corp' }],
      ['user.joined', { user: ann, backend: 'two', subject: '2' }],
      ['user.changed', { user: now, changed: ['displayName', 'email'] }],
      ['user.changed', { user: now, changed: ['groups'] }],
      out,
      ['user.changed', { user: now, changed: ['password'] }],
      ['user.deactivated', { user: now }],
      out,
      out,
      ['user.activated', { user: now }]
    ])
    t.same(await told(store, 'picky'), [['user.joined', { user: ann, backend: 'two', subject: '2' }]])
    const payloads = (await store.deliveries.list({ limit })).map(({ payload }) => payload)
    t.notMatch(payloads.join(), /a hash that/)
    stop()
    await setActive(store, id, false, at)
    t.equal((await told(store)).length, 10, 'nobody listens any more')
  })

  t.test('so is what administration does, once for each user, and nothing where it fails', async (t) => {
    const { store } = await world(t)
    store.outbox.subscribe([all])
    const tools = {
      administration: store.administration,
      ...{ users: store.users, chain: [], attributes: {}, now: Date.now },
      ...{ hashPassword: async () => 'hash', permissionsOf: async () => [], passwordPolicy: { demand: async () => {} } }
    }
    await store.administration.change((tx) => tx.groups.create('staff', at))
    const draft = { email: 'root@example.com', isSuperuser: true, permissions: ['blog.add_post'], groups: ['staff'] }
    const { id } = await createUser(atConsole, draft, tools)
    const user = { id, email: 'root@example.com' }
    t.same(await told(store), [['user.created', { user, backend: null }]])
    await patchUser(atConsole, id, {}, tools)
    await t.rejects(patchUser(atConsole, id, { isActive: false, permissions: [] }, tools), { code: 'last_superuser' })
    t.equal((await told(store)).length, 1, 'nothing changed, nothing told')
    await createUser(atConsole, { ...draft, email: 'other@example.com' }, tools)
    const patch = { attributes: { displayName: 'Root' }, permissions: [], groups: [], isSuperuser: false }
    await patchUser(atConsole, id, patch, tools)
    await setPassword(atConsole, id, 'a new password of root', tools)
    await patchUser(atConsole, id, { isActive: false }, tools)
    await deleteUser(atConsole, id, tools)
    t.same((await told(store)).slice(2), [
      ['user.changed', { user, changed: ['displayName', 'groups', 'isSuperuser', 'permissions'] }],
      ['session.ended', { user: { id }, session: null, except: null }],
      ['user.changed', { user, changed: ['password'] }],
      ['user.deactivated', { user }],
      ['session.ended', { user: { id }, session: null, except: null }],
      ['user.deleted', { user }]
    ])
  })

  t.test('whoever delivers is woken when what a login tells is there', async (t) => {
    const { users, outbox, audit, deliveries } = (await world(t)).store
    const ann = await users.create(newUser('ann@example.com'), identity('corp', '1'))
    if (ann === 'taken') throw new Error('taken')
    outbox.subscribe([all])
    const found: Promise<number>[] = []
    outbox.onWritten(() => found.push(deliveries.list({ limit }).then(({ length }) => length)))
    const changed = { email: 'ann@example.com', fields: ['displayName'] }
    const login = users.loginWrite({ userId: ann.id, identity: identity('corp', '1'), at, changed })
    await audit.append([], [login])
    t.same(await Promise.all(found), [1])
  })

  t.test('so are sessions that end and keys that sign', async (t) => {
    const { store } = await world(t)
    const { users, sessions, keys, outbox } = store
    const user = await users.create(newUser('ann@example.com'))
    if (user === 'taken') throw new Error('taken')
    outbox.subscribe([all])
    const times = { rotatedAt: at, authenticatedAt: at, createdAt: at, expiresAt: at * 2, idleExpiresAt: at * 2 }
    const who = { userId: user.id, backend: 'corp', subject: '1', clientId: 'blog', audience: 'a', scope: null }
    await written(store, sessions.creation({ id: 'S1', ...who, amr: ['pwd'], counter: 0, ...times }))
    await sessions.end(['S1', 'S2'], at)
    await sessions.end(['S1'], at)
    const key = {
      algorithm: 'ES256',
      publicJwk: '{}',
      sealed: 'x',
      createdAt: at,
      activatedAt: null,
      retiredAt: null
    } as const
    const one = { ...key, kid: 'one', generation: 1, state: 'current' } as const
    const two = { ...key, kid: 'two', generation: 2, state: 'next' } as const
    const three = { ...key, kid: 'three', generation: 3, state: 'current' } as const
    const writeKeys = (write: KeyWrite) => written(store, keys.pending(write))
    await writeKeys({ added: [one, two] })
    const step: KeyWrite = {
      changes: [
        { key: one, set: { state: 'retired' } },
        { key: two, set: { state: 'current' } }
      ]
    }
    t.equal(await writeKeys(step), true)
    t.equal(await writeKeys(step), false)
    const revoked: KeyChange = { key: { ...two, state: 'current' }, set: { state: 'revoked' } }
    t.equal(await writeKeys({ changes: [revoked], added: [three] }), true)
    t.same(await told(store), [
      ['session.ended', { user: { id: user.id }, session: 'S1', except: null }],
      ['key.rotated', { key: { kid: 'two', algorithm: 'ES256' }, previous: 'one', reason: 'rotated' }],
      ['key.rotated', { key: { kid: 'three', algorithm: 'ES256' }, previous: 'two', reason: 'revoked' }]
    ])
  })

  t.test(
    'of many who claim at once, on two replicas, each delivery is one’s alone until its lease is over',
    async (t) => {
      const { store, url } = await world(t)
      const other = await open(url)
      t.teardown(() => other.close())
      store.outbox.subscribe([all])
      for (let n = 0; n < 40; n++)
        await store.outbox.tell({ type: 'user.deleted', data: { user: { id: `${n}`, email: 'e' } } })
      const now = Date.now() + 1000
      const lease = { now, until: now + 1000, limit: 7 }
      const claims = Array.from({ length: 12 }, (_, n) => (n % 2 ? store : other).deliveries.claim('crm', lease))
      const claimed: Delivery[] = (await Promise.all(claims)).flat()
      t.same(await store.deliveries.claim('crm', lease), [], 'none was left since others were faster')
      t.equal(claimed.length, 40)
      t.equal(new Set(claimed.map(({ id }) => id)).size, 40)
      t.same(await store.deliveries.claim('other', lease), [])
      const [first] = claimed
      if (!first) throw new Error('none')
      const [again] = await other.deliveries.claim('crm', { now: now + 1001, until: now + 2000, limit: 1 })
      t.equal(again?.attempts, 2, 'the try that was lost counts')
      const delivered = { state: 'delivered', dueAt: now, lastStatus: 204, lastError: null } as const
      const stale = claimed.find(({ id }) => id === again?.id)
      t.equal(stale && (await store.deliveries.settle(stale, delivered, now)), false, 'somebody else has it')
      t.equal(again && (await other.deliveries.settle(again, delivered, now)), true)
      t.match(await store.deliveries.byId(again?.id ?? ''), {
        state: 'delivered',
        attempts: 2,
        lastStatus: 204,
        claim: null
      })
    }
  )

  t.test(
    'dead letters are listed, retried, deleted and forgotten in time; a disabled webhook leaves its own',
    async (t) => {
      const { store } = await world(t)
      const { deliveries, outbox } = store
      outbox.subscribe([all, { id: 'two', wants: () => true }])
      for (let n = 0; n < 5; n++)
        await outbox.tell({ type: 'user.deleted', data: { user: { id: `${n}`, email: 'e' } } })
      await deliveries.disable('crm', 'digest', at)
      await deliveries.disable('crm', 'digest', at)
      t.same([...(await deliveries.disabled())], [['crm', 'digest']])
      t.same(await deliveries.counts(), [
        { endpoint: 'crm', state: 'dead', count: 5 },
        { endpoint: 'two', state: 'waiting', count: 5 }
      ])
      const dead = await deliveries.list({ state: 'dead', limit: 3 })
      const rest = await deliveries.list({ state: 'dead', limit: 3, cursor: dead.at(-1)?.id })
      t.same([dead.length, rest.length], [3, 2])
      const [one, two] = dead.map(({ id }) => id)
      t.equal(await deliveries.retry([one ?? '', 'none'], at), 1)
      t.equal(await deliveries.retry([one ?? ''], at), 0, 'it waits already')
      t.match(await deliveries.byId(one ?? ''), { state: 'waiting', attempts: 0, dueAt: at })
      t.equal(await deliveries.delete([two ?? '', two ?? '']), 1)
      t.equal(await deliveries.byId(two ?? ''), undefined)
      const later = Date.now() + 1000
      t.equal(await deliveries.removeBefore('crm', 'dead', later, 2), 2)
      t.equal(await deliveries.removeBefore('crm', 'dead', later, 2), 1)
      t.equal(await deliveries.removeBefore('two', 'dead', later, 2), 0)
      t.same([await deliveries.enable('crm'), await deliveries.enable('crm')], [true, false])
      outbox.pause(new Set(['two']))
      await outbox.tell({ type: 'user.deleted', data: { user: { id: '6', email: 'e' } } })
      t.equal((await deliveries.list({ endpoint: 'two', limit })).length, 5)
    }
  )
}
