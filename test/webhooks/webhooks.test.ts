import { randomBytes } from 'node:crypto'
import type { lookup } from 'node:dns'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { eventTypes } from '../../src/auth/events.ts'
import { isPublic } from '../../src/remote/addresses.ts'
import { keyOf, signedHeaders } from '../../src/remote/standard-webhooks.ts'
import type { Store } from '../../src/store/index.ts'
import { type Deliverer, openDeliverer } from '../../src/webhooks/deliverer.ts'
import type { Delivery, DeliveryQueue } from '../../src/webhooks/delivery-store.ts'
import type { Endpoint } from '../../src/webhooks/endpoint.ts'
import { openLine } from '../../src/webhooks/post.ts'
import { delayAfter, retryAfterMs } from '../../src/webhooks/schedule.ts'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { startProxy } from '../servers/proxy.ts'
import { startReceiver } from '../servers/receiver.ts'
import { open, silent } from '../store/world.ts'

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`
const keysOf = (...secrets: string[]): Buffer[] => secrets.map((secret) => keyOf(secret) ?? Buffer.alloc(0))

t.test('a message is signed as Standard Webhooks has it', async (t) => {
  const key = keysOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', payload: '{"test": 2432232314}' }
  t.same(
    signedHeaders(message, key, 1614265330_999),
    {
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    },
    'the vector of its own library'
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ minLength: 24, maxLength: 64 }), (text, bytes) => {
      const secret = `whsec_${Buffer.from(bytes).toString('base64')}`
      const payload = JSON.stringify({ text: text.toWellFormed() })
      const headers = signedHeaders({ id: 'msg_1', payload }, keysOf(secret), Date.now())
      new Webhook(secret).verify(payload, headers)
      t.throws(() => new Webhook(newSecret()).verify(payload, headers))
    })
  )
})

t.test('a secret is whsec_ and 24 to 64 bytes, and nothing else', async (t) => {
  const written = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`
  for (const bytes of [24, 32, 64]) t.equal(keyOf(written(bytes))?.length, bytes)
  const bad = [
    written(23),
    written(65),
    written(32).slice(6),
    'whsec_',
    `${written(32)}!`,
    'whsec_\u00e4',
    `${written(32)} `
  ]
  for (const secret of [...bad, written(32).replace('whsec_', 'whsk_')]) t.equal(keyOf(secret), undefined, secret)
})

t.test('tries are those of the schedule, a little later by chance, and as late as the receiver asks for', async (t) => {
  const none = (attempts: number, asked = 0) => delayAfter(attempts, asked, () => 0)
  const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempts) => (none(attempts) ?? 0) / 1000)
  t.same(seconds, [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400])
  t.equal(none(10), undefined)
  t.equal(none(10, 5000), undefined, 'the last is the last')
  t.equal(
    delayAfter(1, 0, () => 1),
    6000
  )
  t.equal(none(1, 60_000), 60_000)
  t.equal(none(1, 1e12), 24 * 3_600_000, 'for a day at most')
  const now = Date.UTC(2026, 0, 1)
  for (const [header, ms] of [
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:01:00 GMT', 0],
    ['soon', 0],
    ['-1', 0],
    [['1', '2'], 0],
    [undefined, 0]
  ] as const)
    t.equal(retryAfterMs(header, now), ms, String(header))
})

t.test('an address is public or it is not, however it is written', async (t) => {
  for (const address of ['1.1.1.1', '93.184.216.34', '172.32.0.1', '2606:4700::1111', '2a00:1450::1'])
    t.ok(isPublic(address), address)
  for (const address of [
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1', '::', '::1', 'fe80::1', 'fc00::1'],
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:1.1.1.1', '::127.0.0.1', '64:ff9b::a00:1', '2002:a00:1::'],
    ...['2001:0:1::1', '2001:db8::1', 'ff02::1', 'localhost', '', '1', '127.1', '0x7f000001']
  ])
    t.notOk(isPublic(address), address)
})

interface World {
  readonly store: Store
  readonly folder: string
  readonly tried: string[]
  /** What the log said, by event. */
  readonly events: Array<Record<string, unknown>>
  endpoint(url: string, more?: Partial<Endpoint>): Endpoint
  deliver(endpoints: readonly Endpoint[], more?: Partial<Parameters<typeof openDeliverer>[1]>): Deliverer
  /** Moves the clock of all deliverers on. */
  later(ms: number): void
  tell(n?: number): Promise<void>
  /** Waits until every delivery is so. */
  settled(is: (delivery: Delivery) => boolean): Promise<readonly Delivery[]>
}

async function world(t: Test): Promise<World> {
  const folder = await temporaryFolder(t)
  const store = await open(`file:${join(folder, 'latchkey.db')}`)
  const tried: string[] = []
  const events: Array<Record<string, unknown>> = []
  const note = (fields: object) => events.push({ ...fields })
  const log = { ...silent, warn: note, error: note, debug: note }
  const opened: Deliverer[] = []
  let ahead = 0
  t.teardown(async () => {
    await Promise.all(opened.map((deliverer) => deliverer.close()))
    await store.close()
  })
  return {
    ...{ store, folder, tried, events },
    endpoint: (url, more) => {
      const times = { timeoutMs: 15_000, keepMs: 1, keepDeadMs: 1 }
      const types = new Set(eventTypes)
      return { id: 'crm', url, keys: keysOf(newSecret()), types, allowPrivate: ['127.0.0.0/8'], ...times, ...more }
    },
    deliver(endpoints, more) {
      const allowed = (endpoint: Endpoint) => (address: string) =>
        endpoint.allowPrivate.length > 0 && address === '127.0.0.1'
      const deliverer = openDeliverer(endpoints, {
        ...{ queue: store.deliveries, outbox: store.outbox, log, version: '1.2.3', pollMs: 20 },
        metrics: { webhookTried: (id, outcome) => tried.push(`${id} ${outcome}`) },
        openLine: (endpoint) => openLine(endpoint, allowed(endpoint)),
        now: () => Date.now() + ahead,
        ...more
      })
      opened.push(deliverer)
      return deliverer
    },
    later: (ms) => {
      ahead += ms
    },
    async tell(n = 1) {
      for (let at = 0; at < n; at++)
        await store.outbox.tell({ type: 'user.deleted', data: { user: { id: `${at}`, email: 'ä@example.com' } } })
    },
    async settled(is) {
      for (let waited = 0; waited < 20_000; waited += 20) {
        const all = await store.deliveries.list({ limit: 1000 })
        if (all.length > 0 && all.every(is)) return all
        await sleep(20)
      }
      throw new Error(`never: ${JSON.stringify(await store.deliveries.list({ limit: 5 }))}`)
    }
  }
}

const isDelivered = ({ state }: Delivery): boolean => state === 'delivered'
const hasFailed =
  (attempts: number) =>
  (delivery: Delivery): boolean =>
    delivery.attempts === attempts && delivery.claim === null

const all = [{ id: 'crm', wants: () => true }]

t.test(
  'events arrive signed with both secrets of a rotation, and receivers verify them with their own library',
  async (t) => {
    const { store, tell, deliver, endpoint, settled, tried } = await world(t)
    const receiver = await startReceiver(t)
    const [fresh, old] = [newSecret(), newSecret()]
    store.outbox.subscribe(all)
    deliver([endpoint(receiver.url, { keys: keysOf(fresh, old) })])
    await tell(20)
    await receiver.got(20)
    const delivered = await settled(isDelivered)
    t.match(delivered[0], { attempts: 1, lastStatus: 204, lastError: null })
    for (const { headers, body } of receiver.received) {
      const given = headers as Record<string, string>
      const payload = new Webhook(fresh).verify(body, given) as Record<string, unknown>
      t.same(new Webhook(old).verify(body, given), payload)
      t.throws(() => new Webhook(newSecret()).verify(body, given))
      t.throws(() => new Webhook(fresh).verify(body.replace('user.', 'uzer.'), given))
      t.same(Object.keys(payload), ['type', 'timestamp', 'data'])
      t.match(headers, {
        'content-type': 'application/json',
        'user-agent': 'Latchkey/1.2.3',
        'webhook-id': /^msg_\w+$/
      })
    }
    t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 20)
    t.same(new Set(tried), new Set(['crm delivered']))
    t.equal(tried.length, 20)
  }
)

t.test(
  'what fails is tried again with the same id and a new timestamp, and after ten tries it is a dead letter',
  async (t) => {
    const { store, tell, deliver, endpoint, settled, later, tried, events } = await world(t)
    const receiver = await startReceiver(t)
    receiver.answer((response) => response.writeHead(500).end('a canary of the receiver'))
    store.outbox.subscribe(all)
    deliver([endpoint(receiver.url)])
    await tell()
    for (let attempts = 1; attempts <= 10; attempts++) {
      const [delivery] = await settled(hasFailed(attempts))
      const waits = (delivery?.dueAt ?? 0) - (delivery?.lastAttemptAt ?? 0)
      const delay = delayAfter(attempts, 0, () => 0) ?? 0
      t.ok(waits >= delay && waits <= delay * 1.2, `${attempts}: ${waits}`)
      later(waits)
    }
    const [dead] = await settled(({ state }) => state === 'dead')
    t.match(dead, { attempts: 10, lastStatus: 500, lastError: 'status' })
    later(7 * 24 * 3_600_000)
    await sleep(100)
    t.equal(receiver.received.length, 10)
    t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1)
    t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size, 10)
    t.same(tried, [...Array(9).fill('crm failed'), 'crm dead'])
    t.match(events.at(-1), { event: 'webhook_dead', endpoint: 'crm', attempts: 10, error: 'status' })
    t.notMatch(JSON.stringify([events, dead]), /canary/)

    receiver.answer((response) => response.writeHead(200).end())
    t.equal(await store.deliveries.retry([dead?.id ?? ''], Date.now()), 1)
    matchLists(t, await settled(isDelivered), [{ attempts: 1 }], 'a dead letter can be retried')
  }
)

t.test('whatever goes wrong on the way is a failure with a name, and leads nowhere else', async (t) => {
  const { store, tell, deliver, endpoint, settled } = await world(t)
  const [receiver, elsewhere] = [await startReceiver(t), await startReceiver(t)]
  const proxy = await startProxy(t, receiver.port)
  store.outbox.subscribe(all)
  const url = `http://127.0.0.1:${proxy.port}/hook`
  const cases: ReadonlyArray<readonly [string, number | null, string, () => void]> = [
    ['a redirect', 307, 'redirect', () => receiver.answer((r) => r.writeHead(307, { location: elsewhere.url }).end())],
    ['not found', 404, 'status', () => receiver.answer((r) => r.writeHead(404).end())],
    ['a reset', null, 'connection-reset', () => proxy.set({ kind: 'reset' })],
    ['silence', null, 'timeout', () => proxy.set({ kind: 'drop' })],
    ['half an answer', null, 'timeout', () => proxy.set({ kind: 'half' })],
    ['garbage', null, 'protocol', () => proxy.set({ kind: 'garbage', bytes: 'SSH-2.0-OpenSSH\r\n\r\n' })]
  ]
  for (const [name, lastStatus, lastError, set] of cases) {
    proxy.set({ kind: 'pass' })
    set()
    const deliverer = deliver([endpoint(url, { timeoutMs: 300 })])
    await tell()
    const [delivery] = await settled(hasFailed(1))
    t.match(delivery, { state: 'waiting', lastStatus, lastError }, name)
    await deliverer.close()
    await store.deliveries.delete([delivery?.id ?? ''])
  }
  t.equal(elsewhere.received.length, 0)

  proxy.set({ kind: 'pass' })
  receiver.answer((response) => response.writeHead(503, { 'retry-after': '3600' }).end())
  const patient = deliver([endpoint(url)])
  await tell()
  const [asked] = await settled(hasFailed(1))
  t.equal((asked?.dueAt ?? 0) - (asked?.lastAttemptAt ?? 0), 3_600_000, 'Retry-After')
  await patient.close()
  await store.deliveries.delete([asked?.id ?? ''])

  receiver.answer((response) => {
    response.writeHead(200)
    const more = setInterval(() => response.write('x'.repeat(60_000)), 1)
    response.on('close', () => clearInterval(more))
  })
  deliver([endpoint(url, { timeoutMs: 600_000 })])
  await tell()
  matchLists(
    t,
    await settled(isDelivered),
    [{ lastStatus: 200 }],
    'an endless answer is a good one, and not waited for'
  )
})

t.test('a receiver that hangs holds up nobody else, and closing waits for it no longer than a moment', async (t) => {
  const { store, tell, deliver, endpoint, settled } = await world(t)
  const [hanging, quick] = [await startReceiver(t), await startReceiver(t)]
  hanging.answer(() => {})
  store.outbox.subscribe([...all, { id: 'quick', wants: () => true }])
  const deliverer = deliver([endpoint(hanging.url, { timeoutMs: 600_000 }), endpoint(quick.url, { id: 'quick' })])
  await tell(50)
  await quick.got(50)
  t.equal(hanging.received.length, 8, 'no more at once')
  await deliverer.close()
  const released = await settled(
    ({ endpoint, state, claim }) => endpoint === 'quick' || (state === 'waiting' && !claim)
  )
  t.ok(released.filter(({ endpoint }) => endpoint === 'crm').every(({ attempts }) => attempts === 0))
  hanging.answer((response) => response.writeHead(200).end())
  deliver([endpoint(hanging.url)])
  await settled(isDelivered)
})

t.test('what is taken while it closes is delivered or given back', async (t) => {
  const { store, tell, deliver, endpoint } = await world(t)
  const receiver = await startReceiver(t)
  store.outbox.subscribe(all)
  await tell(20)
  for (const patience of [0, 1, 2]) {
    let begun = () => {}
    const taking = new Promise<void>((resolve) => {
      begun = resolve
    })
    // the database answers when closing has begun
    const claim: DeliveryQueue['claim'] = async (...asked) => {
      begun()
      await sleep(20 * patience)
      return store.deliveries.claim(...asked)
    }
    const deliverer = deliver([endpoint(receiver.url)], { queue: { ...store.deliveries, claim } })
    await taking
    await deliverer.close()
    const waiting = await store.deliveries.list({ state: 'waiting', limit: 100 })
    t.equal(waiting.length, [12, 4, 0][patience], 'eight at once')
    t.same(
      waiting.filter((delivery) => delivery.claim !== null),
      []
    )
  }
})

t.test('410 disables a webhook, on every replica, until its URL changes or somebody enables it', async (t) => {
  const { store, tell, deliver, endpoint, settled, events } = await world(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(410).end())
  store.outbox.subscribe(all)
  const mine = endpoint(receiver.url)
  const first = deliver([mine])
  await tell()
  matchLists(t, await settled(({ state }) => state === 'dead'), [{ lastStatus: 410 }])
  t.ok(events.some(({ event }) => event === 'webhook_disabled'))
  await first.close()
  receiver.answer((response) => response.writeHead(204).end())
  const heeded = async (isWanted: boolean) => {
    while (store.outbox.wants('user.deleted') !== isWanted) await sleep(10)
  }
  const second = deliver([mine])
  await heeded(false)
  await tell(3)
  t.equal((await store.deliveries.list({ limit: 10 })).length, 1, 'nothing is written for it')
  t.equal(receiver.received.length, 1)
  t.equal(await store.deliveries.enable('crm'), true)
  await heeded(true)
  await tell()
  await receiver.got(2)
  await second.close()
  await store.deliveries.disable('crm', 'the digest of another URL', Date.now())
  deliver([mine])
  await sleep(100)
  await tell()
  await receiver.got(3)
})

t.test('private addresses are refused, whatever name leads there, and nothing is connected to', async (t) => {
  const receiver = await startReceiver(t)
  const { endpoint } = await world(t)
  const none = new AbortController().signal
  const resolving = (...addresses: string[]) =>
    ((_name: string, _options: object, done: (error: null, found: object[]) => void) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      )) as typeof lookup
  const tryIt = async (url: string, allowed: string[], ...addresses: string[]) => {
    const line = openLine(endpoint(url), (address) => allowed.includes(address), { resolve: resolving(...addresses) })
    const answer = await line.post({ 'content-type': 'application/json' }, '{}', none)
    await line.close()
    return answer.error
  }
  const byName = `http://hooks.example.com:${receiver.port}/`
  t.equal(await tryIt(receiver.url, []), 'private-address', 'written as an address')
  t.equal(await tryIt(`http://[::1]:${receiver.port}/`, []), 'private-address')
  t.equal(await tryIt(byName, [], '127.0.0.1'), 'private-address', 'behind a name')
  t.equal(await tryIt(byName, [], '::ffff:127.0.0.1'), 'private-address')
  t.equal(await tryIt(byName, [], '93.184.216.34', '127.0.0.1'), 'private-address', 'one among public ones')
  t.equal(await tryIt(byName, ['127.0.0.1'], '127.0.0.1', '10.0.0.1'), 'private-address', 'one that is not allowed')
  t.equal(receiver.received.length, 0)
  t.equal(await tryIt(byName, ['127.0.0.1'], '127.0.0.1'), null)
  t.equal(receiver.received[0]?.headers.host, `hooks.example.com:${receiver.port}`)

  let asked = 0
  const rebinding = ((_name: string, _options: object, done: (error: null, found: object[]) => void) =>
    done(null, [{ address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 }])) as typeof lookup
  const line = openLine(endpoint(byName), (address) => address === '127.0.0.1', { resolve: rebinding })
  t.equal((await line.post({}, '{}', none)).error, null)
  t.equal(asked, 1, 'the address that was checked is the one that is connected to')
  await line.close()
})

t.test('two replicas deliver each event once; what one had taken when it was killed, the other delivers', async (t) => {
  const { store, tell, deliver, endpoint, settled, later, folder } = await world(t)
  const receiver = await startReceiver(t)
  const other = await open(`file:${join(folder, 'latchkey.db')}`)
  t.teardown(() => other.close())
  store.outbox.subscribe(all)
  const mine = endpoint(receiver.url)
  const replicas = [deliver([mine]), deliver([mine], { queue: other.deliveries, outbox: other.outbox })]
  await tell(200)
  await settled(isDelivered)
  t.equal(receiver.received.length, 200)
  t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 200)
  for (const replica of replicas) await replica.close()

  await tell(10)
  const now = Date.now()
  const taken = await other.deliveries.claim('crm', { now, until: now + 75_000, limit: 10 })
  t.equal(taken.length, 10, 'taken by a process that is killed then')
  deliver([mine])
  await sleep(100)
  t.equal(receiver.received.length, 200, 'they are its own while it may live')
  later(76_000)
  await settled(isDelivered)
  t.equal(receiver.received.length, 210)
})
