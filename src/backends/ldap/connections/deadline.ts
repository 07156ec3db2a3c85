import { LdapFailure } from './failure.ts'

/** How long an answer is waited for; a `BackendContext` is one. */
export interface Deadline {
  readonly signal: AbortSignal
  remainingMs(): number
}

/** At most `ms` of what is left of a deadline. */
export const atMost = (deadline: Deadline, ms: number): Deadline => {
  const end = performance.now() + ms
  return { signal: deadline.signal, remainingMs: () => Math.min(end - performance.now(), deadline.remainingMs()) }
}

/**
 * Calls `expire` once when the deadline is over.
 * @returns stops the watch
 */
export const watch = (deadline: Deadline, expire: (failure: LdapFailure) => void): (() => void) => {
  const end = () => {
    stop()
    expire(new LdapFailure('timeout', 'no answer in time'))
  }
  const timer = setTimeout(end, Math.max(0, deadline.signal.aborted ? 0 : deadline.remainingMs()))
  deadline.signal.addEventListener('abort', end)
  const stop = () => {
    clearTimeout(timer)
    deadline.signal.removeEventListener('abort', end)
  }
  return stop
}
