import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { SlowDown } from '../errors.ts'
import { type AccountLimits, type Claim, costs, type Ledger, type Lock, waitAfter } from './account-limits.ts'
import type { InProcessLedger } from './in-process.ts'
import type { SharedCounters } from './redis.ts'
import { claimScript, settleScript } from './scripts.ts'

/** How long an address stays trusted after a right password. */
const trustMs = 7 * 86_400_000
/** A try that nobody ends ends then: longer than any may take. */
const leaseMs = 60_000
/** Between the questions of one that waits for others: who tries thousands of times at once does not keep Redis busy. */
const firstPauseMs = 50
const longestPauseMs = 500
/** How long until an end that was not heard is told again. */
const againMs = 500

interface SharedTools {
  readonly counters: SharedCounters
  /** Counts along, and goes on alone while the others can't be asked. */
  readonly local: InProcessLedger
  readonly onLocked?: (lock: Lock) => void
  readonly now?: () => number
}

/** Failures over all replicas. */
export function createSharedLedger(limits: AccountLimits, tools: SharedTools): Ledger {
  const { counters, local, now = Date.now } = tools
  const { failures, totalFailures, windowMs } = limits
  const price = [leaseMs, windowMs, costs.firstWaitMs, costs.trustedShare, failures, totalFailures]

  return {
    async claim(account, ip) {
      const keys = keysOf(counters, account, ip)
      const id = randomUUID()
      const patientUntil = now() + costs.maxTurnMs
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.6)) {
        const isAsked = counters.mayAsk()
        const answer = await counters.run(claimScript, keys, [id, ...price])
        if (answer === undefined) {
          if (isAsked) void tell(counters, keys, [id, 'released', windowMs, trustMs, 2])
          return local.claim(account, ip)
        }
        const [waitMs, held] = answer
        if (waitMs > 0) throw new SlowDown(waitMs / 1000)
        if (held > 0)
          return together(local.follow(account, ip), sharedClaim({ id, account, ip, keys, held }, limits, tools))
        if (now() >= patientUntil) throw new SlowDown(1)
        await sleep(Math.min(pauseMs * (0.8 + Math.random() * 0.4), patientUntil - now()))
      }
    }
  }
}

const keysOf = (counters: SharedCounters, account: string, ip: string): readonly string[] => {
  const own = counters.name(account, ip)
  const all = counters.name(account)
  return [own, `${own}:tries`, all, `${all}:tries`]
}

interface Held {
  readonly id: string
  readonly account: string
  readonly ip: string
  readonly keys: readonly string[]
  readonly held: number
}

/**
 * Tells Redis how a try ended, until it has heard it or the lease is over: else a moment without it would hold up the account for
 * the rest of the lease. Whoever asked does not wait for it: until it is counted, it still counts as a try.
 */
async function tell(
  counters: SharedCounters,
  keys: readonly string[],
  end: readonly [id: string, how: string, windowMs: number, trustMs: number, held: number]
): Promise<readonly [number, number]> {
  for (let again = 0, waitedMs = 0; waitedMs < leaseMs; again = 1, waitedMs += againMs) {
    const counted = await counters.run(settleScript, keys, [...end, again])
    if (counted) return counted
    await sleep(againMs, undefined, { ref: false })
  }
  return [0, 0]
}

function sharedClaim(
  { id, account, ip, keys, held }: Held,
  limits: AccountLimits,
  { counters, onLocked = () => {}, now = Date.now }: SharedTools
): Claim {
  const settle = async (how: 'failed' | 'forgiven' | 'released'): Promise<void> => {
    const [own, all] = await tell(counters, keys, [id, how, limits.windowMs, trustMs, held])
    const told = [
      { ip, failures: own, limit: limits.failures },
      { ip: null, failures: all, limit: limits.totalFailures }
    ]
    for (const { failures, limit, ...from } of told) {
      if (failures !== limit) continue
      onLocked({ account, ...from, failures, until: now() + waitAfter(failures, limit, limits.windowMs) })
    }
  }
  return {
    failed: () => void settle('failed'),
    forgiven: () => void settle('forgiven'),
    released: () => void settle('released')
  }
}

const together = (one: Claim, other: Claim): Claim => ({
  failed() {
    one.failed()
    other.failed()
  },
  forgiven() {
    one.forgiven()
    other.forgiven()
  },
  released() {
    one.released()
    other.released()
  }
})
