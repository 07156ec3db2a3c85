import type { TraceStep } from '../../../auth/backend.ts'
import { LdapFailure } from './failure.ts'

/** How long an answer is waited for; a `BackendContext` is one. */
export interface Deadline {
  readonly signal: AbortSignal
  remainingMs(): number
  /** Told of every step on the way, while somebody wants to know. */
  readonly trace?: (step: TraceStep) => void
}

/** At most `ms` of what is left of a deadline. */
export const atMost = (deadline: Deadline, ms: number): Deadline => {
  const end = performance.now() + ms
  const { signal, trace } = deadline
  return {
    signal,
    remainingMs: () => Math.min(end - performance.now(), deadline.remainingMs()),
    ...(trace && { trace })
  }
}

/** The same time without the trace: what is asked on the side is no step of anybody's way. */
export const untraced = (deadline: Deadline): Deadline => ({
  signal: deadline.signal,
  remainingMs: () => deadline.remainingMs()
})

/** A deadline for work that nobody waits for. */
export const within = (ms: number): Deadline => {
  const end = performance.now() + ms
  return { signal: new AbortController().signal, remainingMs: () => end - performance.now() }
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
