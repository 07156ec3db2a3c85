import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { array, asyncProperty, assert as check, constantFrom, record } from 'fast-check'
import { Redis } from 'ioredis'
import t from 'tap'
import { backendDefinitions } from '../../src/backends/index.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { createLimits, type Lock } from '../../src/limits/account-limits.ts'
import { createInProcessLedger } from '../../src/limits/in-process.ts'
import { createRates } from '../../src/limits/rates.ts'
import type { RedisConfig } from '../../src/limits/redis.ts'
import { openTestLatchkey, type TestLatchkey, temporaryFolder } from '../latchkey.ts'
import { createCertificates } from '../servers/certificates.ts'
import { needs } from '../servers/needs.ts'
import { startRedis } from '../servers/redis.ts'
import { comesBack, openCounters, type Replica, replicaOf, secret, told, tryOf } from './replicas.ts'

const skip = needs('redis-server')
const slow = { code: 'slow_down', statusCode: 429 }

const limits = { failures: 3, totalFailures: 5, windowMs: 60_000 }

t.test('two replicas count together', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const one = await openCounters(t, { url })
  const other = await openCounters(t, { url })
  const locks: Lock[] = []
  const here = replicaOf(limits, one.counters, locks)
  const there = replicaOf(limits, other.counters, locks)
  const settled = () => told(one.counters, other.counters)
  const fail = async (replica: Replica, ip: string, account = 'corp:1') => {
    await tryOf(replica, ip, account, 'failed')
    await settled()
  }

  await fail(here, '192.0.2.1')
  await fail(there, '192.0.2.1')
  t.same(locks, [])
  await fail(here, '192.0.2.1')
  for (const replica of [here, there]) {
    const refused = replica.begin('192.0.2.1').claim('corp:1')
    await t.rejects(refused, { ...slow, retryAfterSeconds: 10 }, 'its failures are on both')
  }
  t.match(locks, [{ account: 'corp:1', ip: '192.0.2.1', failures: 3 }], 'and are told once')
  const wait = (locks[0]?.until ?? 0) - Date.now()
  t.ok(wait > 5_000 && wait <= 10_000)
  await there.begin('192.0.2.1').claim('corp:2')
  t.pass('another account is free')

  await fail(there, '192.0.2.2')
  await fail(there, '192.0.2.3')
  t.match(locks[1], { account: 'corp:1', ip: null, failures: 5 })
  await t.rejects(here.begin('192.0.2.4').claim('corp:1'), slow, 'all addresses together')
  t.equal(locks.length, 2)

  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  const kept = (await client.keys('*')).filter((key) => key !== 'latchkey:{ping}')
  t.ok(kept.length > 0)
  for (const key of kept) {
    t.match(key, /^latchkey:\{[\w-]{22}\}(:[\w-]{22})?(:tries)?$/, 'no name and no address stands there')
    t.ok((await client.pttl(key)) > 0, 'nothing stays for ever')
  }

  // as if the first wait were over: each further failure doubles it
  const passes = async (ms: number) => {
    const counters = kept.filter((key) => !key.endsWith(':tries'))
    for (const key of counters) await client.hincrby(key, 'at', -ms)
  }
  for (const seconds of [10, 20, 40]) {
    await passes(seconds * 1000 + 100)
    await fail(there, '192.0.2.1')
    await t.rejects(here.begin('192.0.2.1').claim('corp:1'), {
      ...slow,
      retryAfterSeconds: Math.min(60, seconds * 2)
    })
  }
  t.equal(locks.length, 2, 'a longer wait is not told again')
  await passes(60_100)
  await tryOf(here, '192.0.2.1', 'corp:1', 'succeeded')
  await settled()
  for (let n = 0; n < 5; n++) await fail(there, `192.0.2.${10 + n}`)
  await t.rejects(there.begin('192.0.2.9').claim('corp:1'), slow)
  await there.begin('192.0.2.1').claim('corp:1')
  t.pass('whoever had the right password is spared what others do to the account')
  await fail(there, '192.0.2.1')
  const left = await Promise.all((await client.keys('*')).map((key) => client.pttl(key)))
  t.equal(left.filter((ms) => ms > 86_400_000).length, 1, 'for days, whatever happens in between')
})

t.test('what is tried at once on two replicas gets no more tries than failures are left', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const all = [await openCounters(t, { url }), await openCounters(t, { url })]
  const replicas = all.map(({ counters }) => replicaOf({ ...limits, totalFailures: 1000 }, counters))
  let tried = 0
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, async (_, nth) => {
      const attempt = replicas[nth % 2]?.begin('192.0.2.1')
      await attempt?.claim('corp:1')
      tried++
      await sleep(20)
      attempt?.failed()
    })
  )
  t.equal(tried, 3)
  t.equal(outcomes.filter(({ status }) => status === 'rejected').length, 57)

  const [here, there] = replicas
  const holds = await Promise.all(
    [here, there, here].map(async (replica) => {
      const attempt = replica?.begin('192.0.2.7')
      await attempt?.claim('corp:7')
      return attempt
    })
  )
  const waits = there?.begin('192.0.2.7').claim('corp:7')
  for (const attempt of holds) attempt?.released()
  await waits
  t.pass('whoever waits goes on as soon as others end')

  for (const replica of [here, there, here]) await replica?.begin('192.0.2.8').claim('corp:8')
  const behind = there?.begin('192.0.2.8').claim('corp:8')
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  // as if the processes that began them had died a minute ago
  for (const key of await client.keys('*:tries'))
    for (const id of await client.zrange(key, '0', '-1')) await client.zadd(key, String(Date.now() - 1), id)
  await behind
  t.pass('tries that nobody ends end by themselves')
})

t.test('it refuses whom one process would refuse', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const { counters } = await openCounters(t, { url })
  const step = record({
    ip: constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3'),
    how: constantFrom('failed', 'failed', 'failed', 'succeeded', 'released')
  })
  let run = 0
  const agrees = check(
    asyncProperty(array(step, { maxLength: 20 }), async (steps) => {
      const account = `corp:${run++}`
      const alone = createLimits(createInProcessLedger(limits))
      const shared = replicaOf(limits, counters)
      for (const { ip, how } of steps) {
        const outcomes = await Promise.allSettled([tryOf(alone, ip, account, how), tryOf(shared, ip, account, how)])
        const [one, other] = outcomes.map(({ status }) => status)
        if (one !== other) throw new Error(`${one} here, ${other} there`)
        await told(counters)
      }
    }),
    { numRuns: 60 }
  )
  await t.resolves(agrees)
})

t.test('whoever waits for others asks seldom', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const { counters } = await openCounters(t, { url })
  const replica = replicaOf(limits, counters)
  for (let n = 0; n < 3; n++) await replica.begin('192.0.2.1').claim('corp:1')
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  await client.config('RESETSTAT')
  await t.rejects(replica.begin('192.0.2.1').claim('corp:1'), { ...slow, retryAfterSeconds: 1 })
  const asked = Number(/cmdstat_eval:calls=(\d+)/.exec(await client.info('commandstats'))?.[1])
  t.ok(asked > 5 && asked <= 15, `${asked} times`)
})

t.test('rates are counted together', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const all = [await openCounters(t, { url }), await openCounters(t, { url })]
  const [here, there] = all.map(({ counters }) => createRates({ shared: counters }))
  const rate = { max: 4, windowMs: 60_000 }
  for (const rates of [here, there, here, there]) await rates?.count('client blog', rate)
  for (const rates of [here, there]) await t.rejects(rates?.count('client blog', rate) ?? Promise.resolve(), slow)
  await here?.count('client wiki', rate)
  const { count, leftMs = 0 } = (await there?.hit('client wiki', rate.windowMs)) ?? {}
  t.equal(count, 2)
  t.ok(leftMs > 0 && leftMs <= 60_000)
})

t.test('without Redis this process counts alone, and nobody waits', { skip }, async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const redis = await startRedis(t)
  const { counters, lines } = await openCounters(t, { url: redis.url })
  const replica = replicaOf(limits, counters)
  const rates = createRates({ shared: counters })
  const rate = { max: 2, windowMs: 60_000 }
  await tryOf(replica, '192.0.2.1', 'corp:1', 'failed')
  await told(counters)
  await rates.count('client blog', rate)
  t.same(lines, [])

  redis.pause()
  const others = Array.from({ length: 30 }, (_, nth) => tryOf(replica, '192.0.2.1', `corp:${nth + 10}`, 'failed'))
  await Promise.all([tryOf(replica, '192.0.2.1', 'corp:1', 'failed'), ...others])
  t.notOk(counters.isUp())
  t.equal(await counters.run('return {1}', [], []), undefined, 'asked once, it is not asked again for a while')
  await tryOf(replica, '192.0.2.1', 'corp:1', 'failed')
  await t.rejects(replica.begin('192.0.2.1').claim('corp:1'), slow, 'what was counted before counts')
  await rates.count('client blog', rate)
  await t.rejects(rates.count('client blog', rate), slow)
  t.same(lines, [{ level: 'warn', event: 'limits_not_shared', reason: 'timeout' }], 'told once')
  t.same(await counters.ping(), { answers: false, reason: 'timeout' })
  redis.resume()
  await comesBack(counters)
  t.same(lines.slice(1), [{ level: 'info', event: 'limits_shared' }])

  await redis.kill()
  for (let n = 0; n < 3; n++) await tryOf(replica, '192.0.2.1', 'corp:2', 'failed')
  await t.rejects(replica.begin('192.0.2.1').claim('corp:2'), slow)
  t.equal(lines.length, 3)
  await redis.restart()
  await comesBack(counters)
  await replica.begin('192.0.2.1').claim('corp:2')
  t.pass('an empty Redis forgives')
  t.same(warnings, [], 'many questions that time out at once end one connection')
  t.equal(lines.length, 4)
})

t.test('a server that wants a password, or TLS', { skip: skip || needs('openssl') }, async (t) => {
  const password = 'a password of redis'
  const closed = await startRedis(t, { args: ['--requirepass', password] })
  const answers = async (config: RedisConfig) => {
    const { counters, lines } = await openCounters(t, config)
    const answer = await counters.ping()
    t.notMatch(JSON.stringify(lines), password.slice(2))
    return answer.answers || answer.reason
  }
  t.equal(await answers({ url: closed.url, password }), true)
  t.equal(await answers({ url: closed.url.replace('//', `//:${encodeURIComponent(password)}@`) }), true)
  t.equal(await answers({ url: closed.url, password: `${password}?` }), 'WRONGPASS')
  t.equal(await answers({ url: closed.url }), 'NOAUTH')

  const admin = new Redis(closed.url, { password })
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'reader', 'on', '>reader', '~*', '+@read', '+@connection', '+info')
  t.equal(await answers({ url: closed.url.replace('//', '//reader@'), password: 'reader' }), 'NOPERM')
  await admin.call('ACL', 'SETUSER', 'writer', 'on', '>writer', '~latchkey:*', '+@all')
  t.equal(await answers({ url: `${closed.url.replace('//', '//writer@')}/1`, password: 'writer' }), true)
  await admin.call('REPLICAOF', '127.0.0.1', '1')
  t.equal(await answers({ url: closed.url, password }), 'READONLY')

  const { ca, cert, key } = await createCertificates(await temporaryFolder(t))
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']
  const { url } = await startRedis(t, { args: files, isTls: true })
  t.equal(await answers({ url, tls: { ca } }), true)
  t.equal(await answers({ url: url.replace('127.0.0.1', 'localhost'), tls: { ca, serverName: 'localhost' } }), true)
  t.equal(await answers({ url, tls: { ca, serverName: 'redis.example.com' } }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await answers({ url }), 'SELF_SIGNED_CERT_IN_CHAIN')
  await t.rejects(openCounters(t, { url, tls: { ca: '/nowhere/ca.pem' } }), { code: 'ENOENT' })
})

t.test('two services', { skip }, async (t) => {
  const redis = await startRedis(t)
  const yaml = `
secret: ${secret}
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: { max: 12 }, account: { failures: 3 }, redis: { url: "${redis.url}" } }
clients: [{ id: blog, secret: "a secret of the client, long enough", grants: [password], limits: { max: 2 } }]
backends: [{ id: few, type: static, users: [{ username: alice, email: alice@example.com, password: right }] }]
`
  const [here, there] = [await openTestLatchkey(t, yaml), await openTestLatchkey(t, yaml)] as const
  const shared = [here, there].flatMap(({ counting }) => counting.shared ?? [])
  await Promise.all(shared.map(comesBack))
  const login = async (service: TestLatchkey, password: string, more = {}) => {
    const { statusCode } = await service.token({ grant_type: 'password', username: 'alice', password, ...more })
    await told(...shared)
    return statusCode
  }

  t.same([await login(here, 'wrong'), await login(there, 'wrong'), await login(here, 'wrong')], [400, 400, 400])
  t.same([await login(here, 'right'), await login(there, 'right')], [429, 429], 'the account is locked on both')

  const client = { client_id: 'blog', client_secret: 'a secret of the client, long enough', username: 'stranger' }
  t.same([await login(here, 'x', client), await login(there, 'x', client)], [400, 400])
  t.same([await login(here, 'x', client), await login(there, 'x', client)], [429, 429], 'a client has its rate once')

  const rest = [here, there, here, there, here].map((service) => login(service, 'x', { username: 'nobody' }))
  t.same((await Promise.all(rest)).filter((status) => status === 400).length, 3, 'and so has an address')

  const status = async () => (await here.app.inject('/status')).json()
  t.match(await status(), { status: 'ok', redis: 'ok' })
  const figures = async () => (await here.app.inject('/metrics')).body
  t.match(await figures(), /^latchkey_redis_up 1$/m)
  await redis.kill()
  t.match(await status(), { status: 'degraded', redis: 'unavailable' })
  t.match(await figures(), /^latchkey_redis_up 0$/m)
  t.equal((await here.app.inject('/readyz')).statusCode, 200, 'it is no reason to be taken out')
  t.equal(await login(here, 'right'), 200, 'this process has counted two failures')
  t.match(here.log(), /"event":"limits_not_shared","reason":"(closed|ECONNREFUSED)"/)
  for (const service of [here, there]) t.notMatch(service.log(), redis.url)
})

t.test('another configuration', { skip }, async (t) => {
  const redis = await startRedis(t)
  const yaml = (limits: string) => `
secret: ${secret}
publicClient: true
limits: ${limits}
backends: [{ id: local, type: local }]
`
  const shared = (more: string) => yaml(`{ redis: { url: "${redis.url}" }, ${more} }`)
  const latchkey = await openTestLatchkey(t, shared('account: { failures: 3 }'))
  const configOf = async (text: string) => {
    const path = join(latchkey.folder, 'next.yaml')
    await writeFile(path, text)
    return readConfig({ path, env: {}, definitions: backendDefinitions, cwd: latchkey.folder })
  }
  const second = await latchkey.next(await configOf(shared('account: { failures: 3 }')), latchkey)
  t.equal(second.counting.accounts, latchkey.counting.accounts, 'what stays goes on')
  t.equal(second.counting.rates, latchkey.counting.rates)
  const third = await latchkey.next(await configOf(shared('account: { failures: 4 }')), second)
  t.not(third.counting.accounts, second.counting.accounts)
  t.equal(third.counting.addressRates, second.counting.addressRates)
  for (const [before, after] of [
    [latchkey, second],
    [second, third]
  ] as const)
    await before.retire(after)
  t.match(await third.counting.shared?.ping(), { answers: true }, 'and is not closed')
  const last = await latchkey.next(await configOf(yaml('{}')), third)
  await third.retire(last)
  t.match(await third.counting.shared?.ping(), { answers: false }, 'what is needed no more is')
  t.equal(last.counting.shared, undefined)
  await last.retire()
  t.notMatch(latchkey.log(), /limits_not_shared/, 'an end is no outage')
})
