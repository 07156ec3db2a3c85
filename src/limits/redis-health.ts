import type { Log } from '../auth/ports.ts'

/** After a failure nobody asks for so long. */
const pauseMs = 2000

/** Remembers whether Redis answers, and tells the log when that changes. */
export function createHealth(log: Log) {
  let failure: { readonly reason: string; readonly at: number } | undefined
  let isUp = false
  return {
    succeeded() {
      if (failure) log.info({ event: 'limits_shared' }, 'limits are counted over all replicas again')
      failure = undefined
      isUp = true
    },
    failed(reason: string) {
      if (failure === undefined) {
        const fields = { event: 'limits_not_shared', reason }
        log.warn(fields, 'Redis does not answer: limits are counted in this process alone')
      }
      failure = { reason: failure && reason === 'closed' ? failure.reason : reason, at: performance.now() }
      isUp = false
    },
    isUp: () => isUp,
    isPaused: () => failure !== undefined && performance.now() - failure.at < pauseMs,
    reason: () => failure?.reason
  }
}

/** A class, never Redis's own text: its errors carry the command along, and a password with it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error.message === 'Command timed out') return 'timeout'
  if ('code' in error && typeof error.code === 'string') return error.code
  if (/^ERR DB index/.test(error.message)) return 'no-such-database'
  return /^[A-Z]{2,}/.exec(error.message)?.[0] ?? 'closed'
}
