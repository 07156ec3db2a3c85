import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createRates } from '../../src/limits/rates.ts'
import { needs } from '../servers/needs.ts'
import { startRedis } from '../servers/redis.ts'
import { comesBack, openCounters, replicaOf, tryOf } from './replicas.ts'

const skip = needs('redis-server')
const limits = { failures: 3, totalFailures: 5, windowMs: 60_000 }

/** A server that does with each connection what it is told. */
async function listen(t: Test, serve: (socket: Socket) => unknown): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    serve(socket)
  })
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** A name of a server, which may lead to another one later; `undefined`: to none, and its connections are cut. */
async function nameFor(t: Test, first: number) {
  let port: number | undefined = first
  const cuts = new Set<() => void>()
  const own = await listen(t, (socket) => {
    if (port === undefined) return socket.destroy()
    const server = connect(port, '127.0.0.1').on('error', () => socket.destroy())
    socket.pipe(server).pipe(socket)
    socket.on('close', () => server.destroy())
    return cuts.add(() => socket.destroy())
  })
  return {
    url: `redis://127.0.0.1:${own}`,
    leadTo(next: number | undefined) {
      port = next
      if (next === undefined) for (const cut of cuts) cut()
    }
  }
}

const clientOf = (t: Test, url: string): Redis => {
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  return client
}

/** Until it is so. */
const eventually = async (is: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; !(await is()); tries++) {
    if (tries > 100) throw new Error('it never is')
    await sleep(50)
  }
}

t.test('what is no Redis, though it speaks like one, counts nothing', async (t) => {
  for (const reply of ['+OK', ':1', '$-1', '*0', '*1\r\n:1', '*2\r\n+a\r\n+b']) {
    const port = await listen(t, (socket) => {
      socket.on('data', (data) => {
        for (const _ of String(data).match(/^\*/gm) ?? []) socket.write(`${reply}\r\n`)
      })
    })
    const { counters } = await openCounters(t, { url: `redis://127.0.0.1:${port}` })
    t.match(await counters.ping(), { answers: false, reason: 'NOREDIS' }, reply)
    await createRates({ shared: counters }).count('client blog', { max: 1, windowMs: 60_000 })
    await tryOf(replicaOf(limits, counters), '192.0.2.1', 'corp:1', 'failed')
    await counters.close()
  }
})

t.test('a database that is not there is not another one', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const { counters, lines } = await openCounters(t, { url: `${url}/99` })
  for (let n = 0; n < 3; n++) {
    t.same(await counters.ping(), { answers: false, reason: 'no-such-database' })
    await tryOf(replicaOf(limits, counters), '192.0.2.1', 'corp:1', 'failed')
  }
  t.same(await clientOf(t, url).keys('*'), [])
  t.same(lines, [{ level: 'warn', event: 'limits_not_shared', reason: 'no-such-database' }])
})

t.test('whoever may not do all that counting needs does not answer', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const rights = ['+@read', '+@write', '+@scripting', '+@connection', '+info']
  await clientOf(t, url).call('ACL', 'SETUSER', 'writer', 'on', '>writer', '~latchkey:*', ...rights)
  const { counters } = await openCounters(t, { url: url.replace('//', '//writer@'), password: 'writer' })
  t.match(await counters.ping(), { answers: false })
})

t.test('a user with the rights of docs/operations.md will do, and ioredis says nothing', { skip }, async (t) => {
  const said = t.capture(console, 'warn')
  const operations = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, rule = ''] = /ACL SETUSER counters (.*)/.exec(operations) ?? []
  const { url } = await startRedis(t)
  const client = clientOf(t, url)
  await client.call('ACL', 'SETUSER', 'counters', ...rule.split(' '))
  const password = />(\S+)/.exec(rule)?.[1]
  const { counters, lines } = await openCounters(t, { url: `${url.replace('//', '//counters@')}/1`, password })
  t.match(await counters.ping(), { answers: true })
  await createRates({ shared: counters }).count('client blog', { max: 1, windowMs: 60_000 })
  const replica = replicaOf(limits, counters)
  for (const how of ['failed', 'succeeded', 'released'] as const) await tryOf(replica, '192.0.2.1', 'corp:1', how)
  await counters.ping()
  t.same(lines, [])
  t.same(said.args(), [])
  t.same(await client.call('ACL', 'LOG'), [])
})

t.test('many may ask at once whether it answers', { skip }, async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const redis = await startRedis(t)
  const { counters } = await openCounters(t, { url: redis.url })
  await redis.kill()
  await Promise.all(Array.from({ length: 30 }, () => counters.ping()))
  await sleep(0)
  t.same(warnings, [])
})

t.test('where a primary became a replica, the name is asked anew', { skip }, async (t) => {
  const [old, next] = [await startRedis(t), await startRedis(t)]
  const name = await nameFor(t, old.port)
  const { counters, lines } = await openCounters(t, { url: name.url })
  const replica = replicaOf(limits, counters)
  await tryOf(replica, '192.0.2.1', 'corp:1', 'failed')
  name.leadTo(next.port)
  await clientOf(t, old.url).call('REPLICAOF', '127.0.0.1', '1')
  await tryOf(replica, '192.0.2.1', 'corp:1', 'failed')
  let n = 0
  await eventually(async () => {
    await tryOf(replica, '192.0.2.1', `corp:${n++}`, 'released')
    return counters.isUp()
  })
  t.same(await counters.ping(), { answers: true })
  t.match(lines, [{ reason: 'READONLY' }, { event: 'limits_shared' }])
})

t.test('a try that ends while Redis is away is told when it is back', { skip }, async (t) => {
  const { url, port } = await startRedis(t)
  const name = await nameFor(t, port)
  const { counters } = await openCounters(t, { url: name.url })
  const client = clientOf(t, url)
  const replica = replicaOf(limits, counters)
  const attempts = Array.from({ length: 3 }, () => replica.begin('192.0.2.1'))
  for (const attempt of attempts) await attempt.claim('corp:1')
  name.leadTo(undefined)
  await eventually(async () => !counters.isUp())
  attempts[0]?.failed()
  attempts[1]?.failed()
  attempts[2]?.released()
  name.leadTo(port)
  await comesBack(counters)
  await eventually(async () => (await client.keys('*:tries')).length === 0)
  await tryOf(replica, '192.0.2.1', 'corp:1', 'failed')
  await counters.ping()
  await t.rejects(replica.begin('192.0.2.1').claim('corp:1'), { code: 'slow_down' }, 'and counts')
})

t.test('a try that Redis did not answer in time is taken back there', { skip }, async (t) => {
  const redis = await startRedis(t)
  const { counters } = await openCounters(t, { url: redis.url })
  const replica = replicaOf(limits, counters)
  redis.pause()
  await Promise.all([1, 2, 3].map(() => tryOf(replica, '192.0.2.1', 'corp:1', 'released')))
  redis.resume()
  await comesBack(counters)
  const client = clientOf(t, redis.url)
  await eventually(async () => (await client.keys('*:tries')).length === 0)
  await replica.begin('192.0.2.1').claim('corp:1')
  t.equal((await client.keys('*:tries')).length, 2, 'and holds up nobody')
})

t.test('a failure that there was no memory for still counts as a try, until it is counted', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const { counters } = await openCounters(t, { url })
  const client = clientOf(t, url)
  const attempt = replicaOf(limits, counters).begin('192.0.2.1')
  await attempt.claim('corp:1')
  await client.config('SET', 'maxmemory', '1')
  attempt.failed()
  await eventually(async () => !counters.isUp())
  t.equal((await client.keys('*:tries')).length, 2)
  await client.config('SET', 'maxmemory', '0')
  await comesBack(counters)
  await eventually(async () => (await client.keys('*:tries')).length === 0)
  const counted = (await client.keys('latchkey:*')).filter((key) => key !== 'latchkey:{ping}')
  for (const key of counted) t.equal(await client.hget(key, 'failures'), '1')
  t.equal(counted.length, 2)
})
