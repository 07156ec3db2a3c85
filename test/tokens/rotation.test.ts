import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import t from 'tap'
import type { PendingWrite } from '../../src/auth/audit.ts'
import { revokeKeyById, rotateKeys } from '../../src/tokens/key-administration.ts'
import { type KeyRing, type KeyRingOptions, openKeyRing, WrongSecret } from '../../src/tokens/key-ring.ts'
import type { Algorithm, KeyStore, KeyWrite, StoredKey } from '../../src/tokens/key-store.ts'
import { isOwn, type PrivateKey } from '../../src/tokens/new-key.ts'
import { type CommitKeyAct, type CommitKeys, type KeyAct, keyIn } from '../../src/tokens/rotation.ts'
import { createSeal } from '../../src/tokens/seal.ts'
import { keyFor } from '../../src/tokens/verify.ts'

const minute = 60_000
const hour = 60 * minute
const times = { rotateMs: 2 * hour, leadMs: 16 * minute, keepMs: 11 * minute }
const ttl = 10 * minute
const seal = createSeal(['a secret'], 'signing keys')

interface MemoryWrite extends PendingWrite {
  readonly write: KeyWrite
}

interface MemoryStore extends KeyStore {
  down: boolean
  write(write: KeyWrite): Promise<'done' | 'lost'>
}

/** A database in memory; `pause` runs before each statement, so that others may have their turn. */
function memoryStore(pause: () => Promise<void> = async () => {}): MemoryStore {
  let rows: readonly StoredKey[] = []
  const taken = (list: readonly StoredKey[], key: StoredKey): boolean =>
    list.some((row) => row.kid === key.kid || (row.algorithm === key.algorithm && row.generation === key.generation))
  const store = {
    down: false,
    async all() {
      await pause()
      if (store.down) throw new Error('the database is down')
      return rows
    },
    pending: (write: KeyWrite): MemoryWrite => ({ isPending: true, write }),
    async write({ changes = [], added = [] }: KeyWrite) {
      await pause()
      let changed = rows
      for (const { key, set } of changes) {
        if (!changed.some((row) => row.kid === key.kid && row.state === key.state)) return 'lost' as const
        changed = changed.map((row) => (row.kid === key.kid ? { ...row, ...set } : row))
      }
      if (added.some((key) => taken(changed, key))) return 'lost' as const
      rows = [...changed, ...added]
      return 'done' as const
    },
    async reseal({ kid, state }: Pick<StoredKey, 'kid' | 'state'>, sealed: string) {
      await pause()
      rows = rows.map((row) => (row.kid === kid && row.state === state ? { ...row, sealed } : row))
    },
    async remove(kid: string) {
      await pause()
      rows = rows.filter((row) => row.kid !== kid || row.state !== 'retired')
    }
  }
  return store
}

interface Log {
  readonly events: string[]
  readonly log: KeyRingOptions['log']
}

function openLog(): Log {
  const events: string[] = []
  const note = (fields: object): void => void events.push((fields as { event: string }).event)
  return { events, log: { debug() {}, info() {}, warn: note, error: note } }
}

const world = (store = memoryStore(), algorithms: readonly Algorithm[] = ['ES256']) => {
  const clock = { now: 1_800_000_000_000 }
  const { events, log } = openLog()
  const acts: KeyAct[] = []
  const commit: CommitKeys = (pending) => store.write((pending as MemoryWrite).write)
  const commitAct: CommitKeyAct = async (act, pending) => {
    const outcome = await commit(pending)
    if (outcome === 'done') acts.push(act)
    return outcome
  }
  const tools = { store, seal, algorithms, now: () => clock.now }
  const open = (more: Partial<KeyRingOptions> = {}) =>
    openKeyRing({ ...tools, own: [], times, rereadMs: 2 ** 30, log, commit: commitAct, ...more })
  const states = async () => (await store.all()).map(({ state }) => state)
  const after = async (ms: number, ...rings: KeyRing[]): Promise<void> => {
    clock.now += ms
    for (const ring of rings) await ring.refresh()
  }
  const rotate = async (now: boolean) => rotateKeys(await store.all(), { algorithm: 'ES256', now }, tools, commit)
  const revoke = async (kid: string, stored?: readonly StoredKey[]) =>
    revokeKeyById(kid, stored ?? (await store.all()), tools, commit)
  return { clock, store, events, acts, open, states, after, rotate, revoke }
}

const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
const sign = async (ring: KeyRing, algorithm: Algorithm = 'ES256'): Promise<string> =>
  kidOf(await ring.sign({}, algorithm, 'at+jwt'))
const published = (ring: KeyRing): string[] => ring.jwks().keys.map(({ kid }) => kid)
const keyPair = (): PrivateKey => ({
  key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  algorithm: 'ES256',
  own: true
})

t.test('a key is published a lead before it signs, and until its last token is dead', async (t) => {
  const { open, states, after, store, acts } = world()
  const ring = await open()
  t.same(await states(), ['current'])
  const first = await sign(ring)
  await after(2 * hour - 16 * minute - 1, ring)
  t.same(await states(), ['current'])
  await after(1, ring)
  t.same(await states(), ['current', 'next'])
  t.equal(published(ring).length, 2)
  t.equal(await sign(ring), first)
  await after(16 * minute - 1, ring)
  t.equal(await sign(ring), first, 'the next key does not sign yet')
  await after(1, ring)
  t.same(await states(), ['retired', 'current'])
  t.equal((await store.all())[0]?.sealed, '', 'nobody can sign with the retired key any longer')
  t.not(await sign(ring), first)
  await after(11 * minute - 1, ring)
  t.ok(published(ring).includes(first))
  await after(1, ring)
  t.notOk(published(ring).includes(first))
  t.same(await states(), ['current'])
  const second = await sign(ring)
  t.same(acts, [
    { action: 'create', kid: first, algorithm: 'ES256' },
    { action: 'publish', kid: second, algorithm: 'ES256' },
    { action: 'activate', kid: second, algorithm: 'ES256', previous: first }
  ])
})

t.test('the other replica follows, within its next reading or at an unknown key', async (t) => {
  const { open, after, store, rotate, acts } = world()
  const [one, two] = [await open(), await open()]
  t.equal(await sign(one), await sign(two))
  const stored = await store.all()
  const current = keyIn(stored, 'ES256', 'current')
  if (current === undefined) throw new Error('no key')
  await rotate(true)
  await one.refresh()
  const kid = await sign(one)
  t.not(kid, current.kid)
  t.equal(two.verificationKey(kid), undefined)
  t.ok(await two.findKey(kid))
  t.equal(await sign(two), kid)
  t.equal(acts.length, 1, 'of two replicas one tells that the first key was made, and nobody of what was asked for')

  let read = 0
  const all = () => {
    read++
    return store.all()
  }
  const counting = { ...store, all }
  const third = await open({ store: counting })
  read = 0
  for (let turn = 0; turn < 100; turn++) await t.rejects(keyFor({ kid: `k${turn}`, alg: 'ES256' }, third))
  t.equal(read, 1, 'a hundred unknown keys in one second are looked for once')
  await after(1000)
  await t.rejects(keyFor({ kid: 'other', alg: 'ES256' }, third))
  t.equal(read, 2)
})

t.test('the last keys serve on while the database is down', async (t) => {
  const { open, store, events, after } = world()
  const ring = await open({ rereadMs: 5 })
  const kid = await sign(ring)
  store.down = true
  for (let turn = 0; turn < 3; turn++) await ring.refresh()
  t.equal(await sign(ring), kid)
  t.ok(ring.verificationKey(kid))
  t.same(events, ['keys_unread'], 'and the log is told once')
  store.down = false
  await after(2 * hour)
  // it goes on by itself
  while (published(ring).length !== 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await ring.close()
})

t.test('a revoked key is gone at once, and another one signs', async (t) => {
  const { open, store, states, after, revoke: revokeKid } = world()
  const ring = await open()
  const revoke = async (state: 'current' | 'next'): Promise<string> => {
    const stored = await store.all()
    const key = keyIn(stored, 'ES256', state)
    if (key === undefined) throw new Error(`no ${state} key`)
    await revokeKid(key.kid)
    await ring.refresh()
    t.notOk(published(ring).includes(key.kid))
    t.equal(ring.verificationKey(key.kid), undefined)
    t.ok(published(ring).includes(await sign(ring)))
    return key.kid
  }
  await revoke('current')
  t.same(await states(), ['revoked', 'current'])
  await after(2 * hour - 16 * minute, ring)
  await revoke('current')
  t.same(await states(), ['revoked', 'revoked', 'current'], 'the next one takes over')
  await after(2 * hour - 16 * minute, ring)
  await revoke('next')
  t.same(await states(), ['revoked', 'revoked', 'current', 'revoked', 'next'], 'and a new one is published')
  const stored = await store.all()
  const [current] = stored.filter(({ state }) => state === 'current')
  if (current === undefined) throw new Error('no key')
  const race = await Promise.all([revokeKid(current.kid, stored), revokeKid(current.kid, stored)])
  t.equal(race.filter(({ outcome }) => outcome === 'lost').length, 1)
  t.ok((await store.all()).every(({ state, sealed }) => state !== 'revoked' || sealed === ''))
})

t.test('a key of the configuration', async (t) => {
  const [a, b] = [keyPair(), keyPair()]
  const { open, store, states, after, revoke, events, acts } = world()
  const first = await open({ own: [a] })
  t.ok(isOwn((await store.all())[0] as StoredKey), 'signs at once where nothing has signed yet')
  t.notMatch(JSON.stringify(first.jwks()), /own/)
  await after(100 * hour, first)
  t.same(await states(), ['current'], 'is never rotated by us')

  const second = await open({ own: [b] })
  t.same(await states(), ['current', 'next'], 'another one is published first')
  await after(16 * minute, first)
  await second.refresh()
  t.same(
    await states(),
    ['retired', 'current'],
    'and signs after the lead, on replicas that have the old configuration too'
  )
  t.equal(await sign(first), await sign(second))
  await open({ own: [b] })
  t.same(await states(), ['retired', 'current'])

  await open({ own: [a] })
  await after(16 * minute, first)
  t.same(await states(), ['current', 'retired'], 'one that comes back is taken back')
  const third = await open()
  t.same(await states(), ['current', 'retired', 'next'], 'one that leaves is replaced by one of ours')
  await after(16 * minute, third)
  t.same(await states(), ['retired', 'current'])
  t.notOk(isOwn((await store.all())[1] as StoredKey))

  await open({ own: [b] })
  await open()
  t.equal((await states()).filter((state) => state === 'next').length, 0, 'one that never signed leaves again')
  t.same(
    acts.map(({ action }) => action),
    [...['create', 'publish', 'activate', 'publish', 'activate', 'publish', 'activate'], ...['publish', 'withdraw']],
    'each is told, and what was so already is not'
  )
  const stored = await store.all()
  const left = stored.find(({ kid }) => kid === (JSON.parse(stored[0]?.publicJwk ?? '{}') as { kid: string }).kid)
  if (left === undefined) throw new Error('no key')
  await revoke(left.kid)
  await open({ own: [a] })
  t.same(events, ['own_key_revoked'], 'one that was revoked is not used again')
  t.notOk(isOwn(keyIn(await store.all(), 'ES256', 'current') as StoredKey))
})

t.test('the secret can be changed', async (t) => {
  const { open, store, states, after, events } = world()
  const sealOf = (...secrets: string[]) => createSeal(secrets, 'signing keys')
  const old = await open({ seal: sealOf('old') })
  const kid = await sign(old)
  await after(2 * hour - 16 * minute, old)
  t.same(await states(), ['current', 'next'])
  await t.rejects(open({ seal: sealOf('new') }), WrongSecret)
  await open({ seal: sealOf('new', 'old') })
  t.ok(
    (await store.all()).every(({ sealed }) => sealOf('new').open(sealed)),
    'everything is sealed with the new one'
  )
  t.equal(await sign(await open({ seal: sealOf('new') })), kid)

  t.equal(await sign(old), kid)
  await after(16 * minute, old)
  t.equal(await sign(old), kid, 'a replica that has only the old one goes on with the key that it has')
  t.same([...new Set(events)], ['key_unopened'])
})

/**
 * What happens next: so much time passes; a moment later, in which both replicas sign with what they have, a key is rotated
 * or revoked while both read again. The times are those at which something is due.
 */
const turns = fc.array(
  fc.record({
    passes: fc.constantFrom(0, 1000, 10 * minute - 6000, 11 * minute, 16 * minute - 5000, 104 * minute - 5000),
    moment: fc.integer({ min: 0, max: 10_000 }),
    order: fc.constantFrom('one, two', 'two, one', 'at once'),
    command: fc.constantFrom('none', 'none', 'rotate', 'revoke next', 'revoke current')
  }),
  { minLength: 10, maxLength: 40 }
)

t.test('whoever is first: one current key an algorithm, and every living token can be verified', async (t) => {
  const story = async (told: Turn[], pause: () => Promise<void>): Promise<void> => {
    const algorithms: readonly Algorithm[] = ['ES256', 'EdDSA']
    const { clock, store, open, rotate, revoke } = world(memoryStore(pause), algorithms)
    const rings = await Promise.all([open(), open()])
    const living: Array<{ token: string; diesAt: number }> = []
    const signAll = async (): Promise<void> => {
      for (const ring of rings) {
        for (const algorithm of algorithms)
          living.push({ token: await ring.sign({}, algorithm, 'at+jwt'), diesAt: clock.now + ttl })
      }
    }
    const command = async (name: string): Promise<void> => {
      const stored = await store.all()
      const current = keyIn(stored, 'ES256', 'current')
      const next = keyIn(stored, 'ES256', 'next')
      if (name === 'rotate' && current) await rotate(false)
      if (name === 'revoke next' && next) await revoke(next.kid, stored)
      if (name === 'revoke current' && current) await revoke(current.kid, stored)
    }
    const check = async (): Promise<void> => {
      const keys = await store.all()
      for (const algorithm of algorithms) {
        const states = keys.filter((key) => key.algorithm === algorithm).map(({ state }) => state)
        if (states.filter((state) => state === 'current').length !== 1) throw new Error(`${algorithm}: ${states}`)
        if (states.filter((state) => state === 'next').length > 1) throw new Error(`${algorithm}: ${states}`)
      }
      const revoked = new Set(keys.filter(({ state }) => state === 'revoked').map(({ kid }) => kid))
      const good = living.filter(({ token, diesAt }) => diesAt > clock.now && !revoked.has(kidOf(token)))
      for (const ring of rings) {
        const set = createLocalJWKSet(ring.jwks() as unknown as JSONWebKeySet)
        for (const { token } of good) await jwtVerify(token, set)
        if (published(ring).some((kid) => revoked.has(kid))) throw new Error('a revoked key is published')
      }
    }
    for (const { passes, moment, order, command: name } of told) {
      clock.now += passes
      for (const ring of rings) await ring.refresh()
      await signAll()
      clock.now += moment
      await signAll()
      const turned = order === 'two, one' ? rings.toReversed() : rings
      if (order === 'at once') await Promise.all([command(name), ...turned.map((ring) => ring.refresh())])
      else await command(name)
      for (const ring of turned) await ring.refresh()
      for (const ring of turned) await ring.refresh()
      await signAll()
      await check()
    }
  }
  await fc.assert(
    fc.asyncProperty(turns, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), async (told, delays) => {
      await story(told, async () => {
        for (let left = delays.next().value ?? 0; left > 0; left--) await new Promise(setImmediate)
      })
    }),
    { numRuns: 40 }
  )
  t.pass()
})

type Turn = typeof turns extends fc.Arbitrary<Array<infer Each>> ? Each : never
