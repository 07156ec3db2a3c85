/** How long something that others publish is kept. Milliseconds. */
export interface KeepingTimes {
  /** So long it is taken as it is. */
  readonly freshMs: number
  /** So long it is not fetched again, whoever asks for what is not in it. */
  readonly coolDownMs: number
  /** So long after it was fetched it is used while it can't be fetched again. */
  readonly staleMs: number
  /** So long somebody waits for a fresh copy who could have the last one. */
  readonly patienceMs: number
}

/** Key sets of others: they publish a new key some time before they sign with it. */
export const keySetTimes: KeepingTimes = {
  freshMs: 10 * 60_000,
  coolDownMs: 30_000,
  staleMs: 24 * 3_600_000,
  patienceMs: 500
}

/** Nothing was ever fetched: tried again so soon. */
const firstRetryMs = 3_000

/** What was fetched, and when: epoch milliseconds. */
export interface Fetched<Value> {
  readonly value: Value
  readonly at: number
}

/** Something that others publish, at hand. */
export interface Kept<Value> {
  /**
   * What was fetched last, or is fetched now.
   * @throws it was never fetched or is too old, and can't be fetched: the cause of that
   */
  current(signal?: AbortSignal): Promise<Value>
  /** Fetched again where the cool-down allows; `isCertain`: the last try succeeded, so that what is not in it is nowhere. @throws as `current` does */
  renewed(signal?: AbortSignal): Promise<{ readonly value: Value; readonly isCertain: boolean }>
  /** What was fetched last, and when: for whatever takes this one's place. */
  last(): Fetched<Value> | undefined
  /** How the last try ended, and since when tries end so: epoch milliseconds, or null before the first. */
  status(): { readonly lastError: unknown; readonly isFailing: boolean; readonly since: number | null }
}

/** What keeping needs. */
export interface KeptOptions<Value> {
  /** Bounded in time by itself. */
  fetch(): Promise<Value>
  /** Told of every try that fails. */
  failed(error: unknown): void
  readonly times: KeepingTimes
  now(): number
  /** What another had fetched last: never fresh, and good only once fetching has failed. */
  readonly before?: Fetched<Value> | undefined
}

/** Keeps what is fetched: one fetch at a time for all who wait, and the last good copy for a while when none comes. */
export function keep<Value>({ fetch, failed, times, now, before }: KeptOptions<Value>): Kept<Value> {
  let good = before
  let triedAt = Number.NEGATIVE_INFINITY
  let fetching: Promise<void> | undefined
  let lastError: unknown = null
  let isFailing = false
  let since: number | null = null

  /** Whether so long has passed since then. Where the clock was set back nobody can tell, and it counts as passed. */
  const hasPassed = (ms: number, from: number): boolean => now() < from || now() - from >= ms

  const ended = (failing: boolean): void => {
    if (since === null || isFailing !== failing) since = now()
    isFailing = failing
  }
  const fetchOnce = async (): Promise<void> => {
    triedAt = now()
    try {
      const value = await fetch()
      good = { value, at: now() }
      ended(false)
    } catch (error) {
      lastError = error
      ended(true)
      failed(error)
    } finally {
      fetching = undefined
    }
  }
  const begin = (): void => {
    const waitMs = good === undefined ? firstRetryMs : times.coolDownMs
    if (fetching === undefined && hasPassed(waitMs, triedAt)) fetching = fetchOnce()
  }
  const usable = (): Value => {
    if (good !== undefined && now() - good.at < times.staleMs) return good.value
    throw new Error('it could not be fetched', { cause: lastError })
  }

  return {
    async current(signal) {
      if (good !== undefined && good !== before && !hasPassed(times.freshMs, good.at)) return good.value
      begin()
      const hasOld = good !== undefined && good !== before && now() - good.at < times.staleMs
      if (fetching) await (hasOld ? patiently(fetching, times.patienceMs) : unless(fetching, signal))
      return usable()
    },
    async renewed(signal) {
      begin()
      if (fetching) await unless(fetching, signal)
      return { value: usable(), isCertain: !isFailing }
    },
    last: () => good,
    status: () => ({ lastError, isFailing, since })
  }
}

/** The one who waits may leave; what is waited for goes on. */
function unless(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

function patiently(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
