import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../auth/ports.ts'
import type { SessionStore } from './session-store.ts'

const everyMs = 60_000
/** So few at once hold nobody up. */
const batch = 500
const pauseMs = 20

/** Removes expired sessions now and then, a few at a time; replicas may do so at once. Answers how to stop it. */
export function sweepExpiredSessions(store: SessionStore, { now, log }: { now(): number; log: Log }): () => void {
  let stopped = false
  let sweeping = false
  const sweep = async (): Promise<void> => {
    if (sweeping) return
    sweeping = true
    try {
      while (!stopped && (await store.removeExpired(now(), batch)) >= batch) await sleep(pauseMs)
    } catch (err) {
      log.warn({ err }, 'expired sessions could not be removed')
    } finally {
      sweeping = false
    }
  }
  const timer = setInterval(sweep, everyMs)
  timer.unref()
  return () => {
    stopped = true
    clearInterval(timer)
  }
}
