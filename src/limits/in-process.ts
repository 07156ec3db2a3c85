import type { Attempt, Limits } from '../auth/ports.ts'
import { SlowDown } from '../errors.ts'

/** When an account is locked. */
export interface AccountLimits {
  /** Failures from one address, after which each further one has to wait. */
  readonly failures: number
  /** Failures from all addresses together, after which the account waits whoever asks. */
  readonly totalFailures: number
  /** Failures are forgotten so long after the last; no wait is longer. Milliseconds. */
  readonly windowMs: number
}

/** An account has to wait from now on. Each wait after it is longer, and is not told again. */
export interface Lock {
  /** The backend's id, a colon and its id for the account; or a name as it was typed, which nobody must be told. */
  readonly account: string
  /** Null: whoever asks from wherever. */
  readonly ip: string | null
  readonly failures: number
  /** Epoch milliseconds. */
  readonly until: number
}

/** Failures that are remembered at once; the oldest go first, so that a flood of names can't fill the memory. */
const maxCounters = 100_000
const firstWaitMs = 10_000
/** So many times more tries at once has an address that a right password came from. */
const trustedShare = 5
/** How long a try waits for the outcome of others at the same account. */
const maxTurnMs = 4000

interface Counter {
  failures: number
  /** Epoch milliseconds. */
  lastFailureAt: number
  pending: number
  /** A right password came from this address: it is spared what others do to the account. */
  trusted: boolean
  readonly waiting: Array<() => void>
}

/**
 * Failures in the memory of this process, per account and address, and per account over all addresses. What is tried at
 * once is let through no wider than failures are left: the rest waits for the outcome. From the limit on, the wait
 * doubles with each failure.
 */
export function createInProcessLimits(
  limits: AccountLimits | false,
  { now = Date.now, onLocked }: { readonly now?: () => number; readonly onLocked?: (lock: Lock) => void } = {}
): Limits {
  if (limits === false) return { begin: () => unlimited }
  const counters = new Map<string, Counter>()

  const counterOf = (key: string): Counter => {
    const known = counters.get(key)
    if (known) counters.delete(key)
    const counter = known ?? { failures: 0, lastFailureAt: 0, pending: 0, trusted: false, waiting: [] }
    if (counter.failures > 0 && now() - counter.lastFailureAt >= limits.windowMs) counter.failures = 0
    counters.set(key, counter)
    if (counters.size > maxCounters) forgetOldest(counters)
    return counter
  }

  const take = async (key: string, limit: number): Promise<Counter> => {
    const patientUntil = now() + maxTurnMs
    for (;;) {
      const counter = counterOf(key)
      const waitMs = waitOf(counter, limit, limits.windowMs, now())
      if (waitMs > 0) throw new SlowDown(waitMs / 1000)
      if (counter.pending < Math.max(1, limit - counter.failures) * (counter.trusted ? trustedShare : 1)) {
        counter.pending++
        return counter
      }
      if (now() >= patientUntil) throw new SlowDown(1)
      await turnAt(counter, patientUntil - now())
    }
  }

  const give = (key: string, settle: (counter: Counter) => void): void => {
    const counter = counters.get(key)
    if (!counter) return
    counter.pending = Math.max(0, counter.pending - 1)
    settle(counter)
    for (const wake of counter.waiting.splice(0)) wake()
    if (counter.pending === 0 && counter.failures === 0 && !counter.trusted) counters.delete(key)
  }

  const count = (counter: Counter, { account, ip }: Claim): void => {
    counter.failures++
    counter.lastFailureAt = now()
    const limit = ip === null ? limits.totalFailures : limits.failures
    if (counter.failures !== limit) return
    const until = now() + waitOf(counter, limit, limits.windowMs, now())
    onLocked?.({ account, ip, failures: limit, until })
  }

  return { begin: (ip) => createAttempt(ip, limits, { take, give, count }) }
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

interface Book {
  take(key: string, limit: number): Promise<Counter>
  give(key: string, settle: (counter: Counter) => void): void
  count(counter: Counter, claim: Claim): void
}

interface Claim {
  readonly account: string
  readonly key: string
  /** Null: of all addresses together. */
  readonly ip: string | null
}

function createAttempt(ip: string, limits: AccountLimits, book: Book): Attempt {
  const claimed: Claim[] = []
  let ended = false

  const claimOne = async (claim: Claim, limit: number): Promise<Counter> => {
    const counter = await book.take(claim.key, limit)
    if (ended) book.give(claim.key, nothing)
    else claimed.push(claim)
    return counter
  }
  const settle = (each: (claim: Claim) => (counter: Counter) => void): void => {
    ended = true
    for (const claim of claimed.splice(0)) book.give(claim.key, each(claim))
  }

  return {
    async claim(account) {
      if (claimed.some((claim) => claim.account === account)) return
      const { trusted } = await claimOne({ account, key: `${ip} ${account}`, ip }, limits.failures)
      if (!trusted) await claimOne({ account, key: `* ${account}`, ip: null }, limits.totalFailures)
    },
    failed(only = () => true) {
      settle((claim) => (only(claim.account) ? (counter) => book.count(counter, claim) : nothing))
    },
    succeeded(only = () => true) {
      settle((claim) => (claim.ip !== null && only(claim.account) ? forgive : nothing))
    },
    released() {
      settle(() => nothing)
    }
  }
}

const nothing = (): void => {}

const forgive = (counter: Counter): void => {
  counter.failures = 0
  counter.trusted = true
}

function waitOf({ failures, lastFailureAt }: Counter, limit: number, windowMs: number, at: number): number {
  if (failures < limit) return 0
  const waitMs = Math.min(windowMs, firstWaitMs * 2 ** Math.min(30, failures - limit))
  return lastFailureAt + waitMs - at
}

function forgetOldest(counters: Map<string, Counter>): void {
  for (const [key, counter] of counters) {
    if (counter.pending > 0) continue
    counters.delete(key)
    return
  }
}

const unlimited: Attempt = { claim: async () => {}, failed() {}, succeeded() {}, released() {} }
