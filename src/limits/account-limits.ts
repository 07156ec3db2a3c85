import type { Attempt, Limits } from '../auth/ports.ts'

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

/** What guessing costs, wherever failures are counted. */
export const costs = {
  firstWaitMs: 10_000,
  /** So many times more tries at once has an address that a right password came from. */
  trustedShare: 5,
  /** How long a try waits for the outcome of others at the same account. */
  maxTurnMs: 4000
} as const

/** Counts failures per account and address, and per account over all addresses. */
export interface Ledger {
  /**
   * Waits for a turn at an account. What is tried at once is let through no wider than failures are left: the rest waits for
   * the outcome. From the limit on, the wait doubles with each failure.
   * @throws {SlowDown} while the account is locked
   */
  claim(account: string, ip: string): Promise<Claim>
}

/** One try at one account. Exactly one of these is called, once. */
export interface Claim {
  failed(): void
  /** The right password: the account is forgiven for this address, which is spared from now on what others do to it. */
  forgiven(): void
  released(): void
}

/** Attempts over the accounts of a ledger. */
export function createLimits(ledger: Ledger | false): Limits {
  return { begin: (ip) => (ledger ? createAttempt(ip, ledger) : unlimited) }
}

function createAttempt(ip: string, ledger: Ledger): Attempt {
  const claims = new Map<string, Claim>()
  let ended = false

  const settle = (how: 'failed' | 'forgiven' | 'released', only: (account: string) => boolean): void => {
    ended = true
    for (const [account, claim] of claims) claim[only(account) ? how : 'released']()
    claims.clear()
  }

  return {
    async claim(account) {
      if (claims.has(account)) return
      const claim = await ledger.claim(account, ip)
      if (ended) claim.released()
      else claims.set(account, claim)
    },
    failed: (only = () => true) => settle('failed', only),
    succeeded: (only = () => true) => settle('forgiven', only),
    released: () => settle('released', () => true)
  }
}

const unlimited: Attempt = { claim: async () => {}, failed() {}, succeeded() {}, released() {} }

/** How long an account waits after so many failures, from the last one on. Milliseconds. */
export const waitAfter = (failures: number, limit: number, windowMs: number): number =>
  failures < limit ? 0 : Math.min(windowMs, costs.firstWaitMs * 2 ** Math.min(30, failures - limit))
