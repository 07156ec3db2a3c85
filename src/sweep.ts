import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import type { Store } from './store/index.ts'

const everyMs = 60_000
/** So few at once hold nobody up, also where a statement blocks the event loop. */
const batch = 100
const pauseMs = 20

/**
 * Removes what has expired now and then, a few at a time; replicas may do so at once. Answers how to stop it.
 * @param remove removes up to `limit`, and answers how many went
 * @param what for the log, in the plural
 */
export function sweep(remove: (limit: number) => Promise<number>, what: string, log: Log): () => void {
  let stopped = false
  let sweeping = false
  const round = async (): Promise<void> => {
    if (sweeping) return
    sweeping = true
    try {
      while (!stopped && (await remove(batch)) >= batch) await sleep(pauseMs)
    } catch (err) {
      log.warn({ err }, `${what} could not be removed`)
    } finally {
      sweeping = false
    }
  }
  const timer = setInterval(round, everyMs)
  timer.unref()
  return () => {
    stopped = true
    clearInterval(timer)
  }
}

/** Removes what of our own has had its time. Answers how to stop it. */
export function sweepStore(
  { sessions, audit }: Pick<Store, 'sessions' | 'audit'>,
  { retentionMs }: Config['audit'],
  log: Log
): () => void {
  const stops = [sweep((limit) => sessions.removeExpired(Date.now(), limit), 'expired sessions', log)]
  if (retentionMs !== false) {
    stops.push(sweep((limit) => audit.removeBefore(Date.now() - retentionMs, limit), 'old audit events', log))
  }
  return () => {
    for (const stop of stops) stop()
  }
}
