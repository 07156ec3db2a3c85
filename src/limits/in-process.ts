import { SlowDown } from '../errors.ts'
import { type AccountLimits, type Claim, costs, type Ledger, type Lock, waitAfter } from './account-limits.ts'

/** Failures that are remembered at once; the oldest go first, so that a flood of names can't fill the memory. */
const maxCounters = 100_000

interface Counter {
  failures: number
  /** Epoch milliseconds. */
  lastFailureAt: number
  pending: number
  /** A right password came from this address: it is spared what others do to the account. */
  trusted: boolean
  readonly waiting: Array<() => void>
}

/** A counter of an account. */
interface Place {
  readonly key: string
  readonly account: string
  /** Null: of all addresses together. */
  readonly ip: string | null
  /** Failures from which on it waits. */
  readonly limit: number
}

/** Failures in the memory of this process. */
export interface InProcessLedger extends Ledger {
  /** Counts a try that another ledger let through: nothing is refused, and no lock is told. */
  follow(account: string, ip: string): Claim
}

/** @param tools.onLocked told once when an account reaches its limit */
export function createInProcessLedger(
  limits: AccountLimits,
  {
    now = Date.now,
    onLocked = () => {}
  }: { readonly now?: () => number; readonly onLocked?: (lock: Lock) => void } = {}
): InProcessLedger {
  const counters = createCounters(limits, now)

  const count = (counter: Counter): void => {
    counter.failures++
    counter.lastFailureAt = now()
  }
  const countAndTell = (counter: Counter, { account, ip, limit }: Place): void => {
    count(counter)
    const { failures } = counter
    if (failures === limit)
      onLocked({ account, ip, failures, until: now() + waitOf(counter, limit, limits.windowMs, now()) })
  }
  const claimOf = (places: readonly Place[], onFailure: (counter: Counter, place: Place) => void): Claim => {
    const settle = (how: (counter: Counter, place: Place) => void): void => {
      for (const place of places) counters.give(place, how)
    }
    return {
      failed: () => settle(onFailure),
      forgiven: () => settle((counter, { ip }) => ip !== null && forgive(counter)),
      released: () => settle(() => {})
    }
  }

  return {
    async claim(account, ip) {
      const [own, all] = placesOf(account, ip, limits)
      const { trusted } = await counters.take(own)
      if (trusted) return claimOf([own], countAndTell)
      try {
        await counters.take(all)
      } catch (error) {
        counters.give(own, () => {})
        throw error
      }
      return claimOf([own, all], countAndTell)
    },
    follow(account, ip) {
      const [own, all] = placesOf(account, ip, limits)
      const places = counters.enter(own).trusted ? [own] : [own, all]
      if (places.length > 1) counters.enter(all)
      return claimOf(places, count)
    }
  }
}

/** Who is at work at which account, and with what success. */
function createCounters({ windowMs }: AccountLimits, now: () => number) {
  const counters = new Map<string, Counter>()

  const counterOf = (key: string): Counter => {
    const known = counters.get(key)
    if (known) counters.delete(key)
    const counter = known ?? { failures: 0, lastFailureAt: 0, pending: 0, trusted: false, waiting: [] }
    if (counter.failures > 0 && now() - counter.lastFailureAt >= windowMs) counter.failures = 0
    counters.set(key, counter)
    if (counters.size > maxCounters) forgetOldest(counters)
    return counter
  }
  const enter = ({ key }: Place): Counter => {
    const counter = counterOf(key)
    counter.pending++
    return counter
  }

  return {
    /** Lets a try through, whatever stands against it. */
    enter,
    /** Lets a try through when it is its turn. @throws {SlowDown} */
    async take(place: Place): Promise<Counter> {
      const { key, limit } = place
      const patientUntil = now() + costs.maxTurnMs
      for (;;) {
        const counter = counterOf(key)
        const waitMs = waitOf(counter, limit, windowMs, now())
        if (waitMs > 0) throw new SlowDown(waitMs / 1000)
        const room = Math.max(1, limit - counter.failures) * (counter.trusted ? costs.trustedShare : 1)
        if (counter.pending < room) return enter(place)
        if (now() >= patientUntil) throw new SlowDown(1)
        await turnAt(counter, patientUntil - now())
      }
    },
    /** Ends a try. */
    give(place: Place, settle: (counter: Counter, place: Place) => void): void {
      const counter = counters.get(place.key)
      if (!counter) return
      counter.pending = Math.max(0, counter.pending - 1)
      settle(counter, place)
      for (const wake of counter.waiting.splice(0)) wake()
      if (counter.pending === 0 && counter.failures === 0 && !counter.trusted) counters.delete(place.key)
    }
  }
}

const placesOf = (account: string, ip: string, limits: AccountLimits): readonly [Place, Place] => [
  { key: `${ip} ${account}`, account, ip, limit: limits.failures },
  { key: `* ${account}`, account, ip: null, limit: limits.totalFailures }
]

const forgive = (counter: Counter): void => {
  counter.failures = 0
  counter.trusted = true
}

function turnAt(counter: Counter, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs)
    counter.waiting.push(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

const waitOf = ({ failures, lastFailureAt }: Counter, limit: number, windowMs: number, at: number): number =>
  failures < limit ? 0 : lastFailureAt + waitAfter(failures, limit, windowMs) - at

function forgetOldest(counters: Map<string, Counter>): void {
  for (const [key, counter] of counters) {
    if (counter.pending > 0) continue
    counters.delete(key)
    return
  }
}
