/** What a breaker knows of a backend, for `/status`. */
export interface BreakerStatus {
  /** `closed`: asked as usual; `open`: taken for dead, not asked; `half-open`: one question is on its way to find out. */
  readonly state: 'closed' | 'open' | 'half-open'
  /** The class of the last failure, such as `timeout`, or null where none was met. */
  readonly lastError: string | null
  /** Epoch milliseconds of the last change between working and failing, or null before the first answer. */
  readonly since: number | null
}

/** Remembers a backend that can't answer, so that the next logins don't wait for it. */
export interface Breaker {
  /** Whether the backend may be asked now; a true answer is to be followed by `succeeded`, `failed` or `abandoned`. */
  admit(): boolean
  succeeded(): void
  failed(reason: string): void
  /** The question came to no end that tells anything of the backend. */
  abandoned(): void
  status(): BreakerStatus
}

/** When a breaker opens, and its clocks. */
interface BreakerOptions {
  /** So many in a row open it. */
  readonly failures?: number
  /** After which one question tries again. */
  readonly cooldownMs?: number
  /** Epoch milliseconds, for people. */
  readonly now?: () => number
  /** Milliseconds that never go back, for the cool-down. */
  readonly elapsedMs?: () => number
}

/** Closed, and of a backend that nobody has asked yet. */
export function createBreaker(options: BreakerOptions = {}): Breaker {
  const { failures: limit = 3, cooldownMs = 2000, now = Date.now, elapsedMs = () => performance.now() } = options
  let failures = 0
  let openUntil = Number.NEGATIVE_INFINITY
  let trying = false
  let lastError: string | null = null
  let since: number | null = null

  return {
    admit() {
      if (failures < limit) return true
      if (trying || elapsedMs() < openUntil) return false
      trying = true
      return true
    },
    succeeded() {
      if (since === null || failures > 0) since = now()
      failures = 0
      trying = false
    },
    failed(reason) {
      if (failures === 0) since = now()
      failures++
      lastError = reason
      trying = false
      if (failures >= limit) openUntil = elapsedMs() + cooldownMs
    },
    abandoned() {
      trying = false
    },
    status() {
      const state = failures < limit ? 'closed' : trying || elapsedMs() >= openUntil ? 'half-open' : 'open'
      return { state, lastError, since }
    }
  }
}

/** For a backend with breakers of its own: it is always asked, and fails at once while they are open. */
export const passThrough = (status: () => BreakerStatus): Breaker => ({
  admit: () => true,
  succeeded() {},
  failed() {},
  abandoned() {},
  status
})
