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
  const counters = new Map<string, Counter>()
  const limitOf = ({ ip }: Place): number => (ip === null ? limits.totalFailures : limits.failures)

  const counterOf = (key: string): Counter => {
    const known = counters.get(key)
    if (known) counters.delete(key)
    const counter = known ?? { failures: 0, lastFailureAt: 0, pending: 0, trusted: false, waiting: [] }
    if (counter.failures > 0 && now() - counter.lastFailureAt >= limits.windowMs) counter.failures = 0
    counters.set(key, counter)
    if (counters.size > maxCounters) forgetOldest(counters)
    return counter
  }

  const take = async (place: Place): Promise<Counter> => {
    const limit = limitOf(place)
    const patientUntil = now() + costs.maxTurnMs
    for (;;) {
      const counter = counterOf(place.key)
      const waitMs = waitOf(counter, limit, limits.windowMs, now())
      if (waitMs > 0) throw new SlowDown(waitMs / 1000)
      if (counter.pending < Math.max(1, limit - counter.failures) * (counter.trusted ? costs.trustedShare : 1)) {
        counter.pending++
        return counter
      }
      if (now() >= patientUntil) throw new SlowDown(1)
      await turnAt(counter, patientUntil - now())
    }
  }

  const give = ({ key }: Place, settle: (counter: Counter) => void): void => {
    const counter = counters.get(key)
    if (!counter) return
    counter.pending = Math.max(0, counter.pending - 1)
    settle(counter)
    for (const wake of counter.waiting.splice(0)) wake()
    if (counter.pending === 0 && counter.failures === 0 && !counter.trusted) counters.delete(key)
  }

  const count = (counter: Counter): void => {
    counter.failures++
    counter.lastFailureAt = now()
  }

  const tell = (counter: Counter, place: Place): void => {
    const { failures } = counter
    const { account, ip } = place
    if (failures !== limitOf(place)) return
    onLocked({ account, ip, failures, until: now() + waitOf(counter, failures, limits.windowMs, now()) })
  }

  const claimOf = (places: readonly Place[], onFailure: (counter: Counter, place: Place) => void): Claim => {
    const settle = (how: (counter: Counter, place: Place) => void): void => {
      for (const place of places) give(place, (counter) => how(counter, place))
    }
    return {
      failed: () => settle(onFailure),
      forgiven: () => settle((counter, { ip }) => ip !== null && forgive(counter)),
      released: () => settle(() => {})
    }
  }

  return {
    async claim(account, ip) {
      const [own, all] = placesOf(account, ip)
      const onFailure = (counter: Counter, place: Place): void => {
        count(counter)
        tell(counter, place)
      }
      const { trusted } = await take(own)
      if (trusted) return claimOf([own], onFailure)
      try {
        await take(all)
      } catch (error) {
        give(own, () => {})
        throw error
      }
      return claimOf([own, all], onFailure)
    },
    follow(account, ip) {
      const [own, all] = placesOf(account, ip)
      const places = counterOf(own.key).trusted ? [own] : [own, all]
      for (const { key } of places) counterOf(key).pending++
      return claimOf(places, count)
    }
  }
}

const placesOf = (account: string, ip: string): readonly [Place, Place] => [
  { key: `${ip} ${account}`, account, ip },
  { key: `* ${account}`, account, ip: null }
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
