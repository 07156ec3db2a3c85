import t from 'tap'
import { type AccountLimits, createLimits } from '../../src/limits/account-limits.ts'
import { createInProcessLedger } from '../../src/limits/in-process.ts'
import { createQueue } from '../../src/passwords/queue.ts'

const inProcess = (limits: AccountLimits, now?: () => number) =>
  createLimits(createInProcessLedger(limits, { ...(now && { now }) }))

const slow = (retryAfterSeconds: number) => ({ code: 'slow_down', statusCode: 429, retryAfterSeconds })

t.test('the wait grows with each failure and ends with the window', async (t) => {
  let at = 0
  const limits = inProcess({ failures: 2, totalFailures: 1000, windowMs: 60_000 }, () => at)
  const fail = async (): Promise<void> => {
    const attempt = limits.begin('192.0.2.1')
    await attempt.claim('account')
    attempt.failed()
  }
  await fail()
  await fail()
  for (const seconds of [10, 20, 40, 60]) {
    await t.rejects(limits.begin('192.0.2.1').claim('account'), slow(seconds))
    at += seconds * 1000 - 1
    await t.rejects(limits.begin('192.0.2.1').claim('account'), slow(1), 'not a moment sooner')
    at += 1
    await fail()
  }
  t.equal(at, 130_000)
  await limits.begin('192.0.2.1').claim('free')
  await fail()
  await t.rejects(limits.begin('192.0.2.1').claim('account'), slow(10), 'the window was over: two failures begin anew')
})

t.test('an attempt', async (t) => {
  const limits = inProcess({ failures: 1, totalFailures: 1000, windowMs: 60_000 })
  const one = limits.begin('192.0.2.1')
  await one.claim('account')
  await one.claim('account')
  const other = limits.begin('192.0.2.1')
  const waits = other.claim('account')
  one.released()
  await waits
  other.failed()
  await t.rejects(limits.begin('192.0.2.1').claim('account'), { code: 'slow_down' }, 'claimed twice, counted once')
  await limits.begin('192.0.2.2').claim('account')

  const late = inProcess({ failures: 1, totalFailures: 1000, windowMs: 60_000 })
  const holds = late.begin('192.0.2.1')
  await holds.claim('account')
  const gone = late.begin('192.0.2.1')
  const claim = gone.claim('account')
  gone.released()
  holds.released()
  await claim
  await late.begin('192.0.2.1').claim('account')
  t.pass('a claim that comes through after its attempt ended holds nothing')

  const off = createLimits(false)
  for (let n = 0; n < 100; n++) {
    const attempt = off.begin('192.0.2.1')
    await attempt.claim('account')
    attempt.failed()
  }
  t.pass('false switches it off')
})

t.test('the hash queue', async (t) => {
  const queue = createQueue({ permits: 2, maxWaiting: 3, maxWaitMs: 50 })
  const ends: Array<() => void> = []
  const work = () => queue.run(() => new Promise<void>((resolve) => ends.push(resolve)))
  const running = [work(), work()] as const
  const waiting = [work(), work(), work()] as const
  for (const wait of waiting) wait.catch(() => {})
  t.same(queue.status(), { running: 2, waiting: 3 })
  const busy = { code: 'temporarily_unavailable', statusCode: 503 }
  await t.rejects(work(), busy, 'full')
  ends[0]?.()
  await running[0]
  t.same(queue.status(), { running: 2, waiting: 2 }, 'the next has the permit')
  await t.rejects(waiting[1], busy, 'too slow')
  await t.rejects(waiting[2], busy)
  for (const end of ends) end()
  await Promise.all([running[1], waiting[0]])
  t.same(queue.status(), { running: 0, waiting: 0 })
  await t.rejects(
    queue.run(() => Promise.reject(new TypeError('oops'))),
    { name: 'TypeError' }
  )
  t.same(queue.status(), { running: 0, waiting: 0 }, 'a failed work gives its permit back')
})
