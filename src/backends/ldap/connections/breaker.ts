import type { BreakerStatus } from '../../../auth/breaker.ts'
import { type Deadline, within } from './deadline.ts'
import { LdapFailure, wasClosed } from './failure.ts'

/** Remembers that a server can't answer, and finds out by itself when it can again: no login is spent on a try. */
export interface ServerBreaker {
  /** Why the server is not asked; `undefined`: it is. */
  readonly down: LdapFailure | undefined
  failed(failure: LdapFailure): void
  answered(): void
  status(): BreakerStatus
  close(): void
}

/** What a breaker does, and tells. */
export interface ServerBreakerOptions {
  /** Connects, binds and asks something small. */
  readonly probe: (deadline: Deadline) => Promise<unknown>
  readonly onChange: (down: LdapFailure | undefined) => void
}

const probeMs = 1000
const firstMs = 50
/** A refused service account is tried seldom: each try may count towards its lock. */
const longestMs = (failure: LdapFailure): number => (failure.reason === 'bind' ? 30_000 : 2000)

/** Opens at the first failure; a probe in the background closes it, tried at once and then ever more seldom. */
export const createServerBreaker = ({ probe, onChange }: ServerBreakerOptions): ServerBreaker => {
  let down: LdapFailure | undefined
  let lastError: string | null = null
  let since: number | null = null
  let isProbing = false
  /** A probe that is under way then changes nothing. */
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const schedule = (ms: number): void => {
    timer = setTimeout(() => void tryAgain(ms), ms).unref()
  }
  const tryAgain = async (waitedMs: number): Promise<void> => {
    isProbing = true
    try {
      await probe(within(probeMs))
      answered()
    } catch (error) {
      if (down === undefined || isClosed) return
      down = error instanceof LdapFailure ? error : new LdapFailure('protocol', 'the probe failed', { cause: error })
      lastError = down.reason
      schedule(Math.min(waitedMs * 2, longestMs(down)))
    } finally {
      isProbing = false
    }
  }
  const answered = (): void => {
    since ??= Date.now()
    if (down === undefined || isClosed) return
    down = undefined
    since = Date.now()
    clearTimeout(timer)
    onChange(undefined)
  }

  return {
    get down() {
      return down
    },
    failed(failure) {
      if (down !== undefined) return
      down = failure
      lastError = failure.reason
      since = Date.now()
      onChange(failure)
      schedule(firstMs)
    },
    answered,
    status: () => ({ state: down === undefined ? 'closed' : isProbing ? 'half-open' : 'open', lastError, since }),
    close() {
      isClosed = true
      clearTimeout(timer)
      down = wasClosed()
    }
  }
}
