import { SlowDown } from '../errors.ts'
import type { SharedCounters } from './redis.ts'
import { hitScript } from './scripts.ts'

/** Requests within a window that begins with the first. */
export interface Rates {
  /** Counts one. @throws {SlowDown} there were too many in this window */
  count(key: string, rate: { readonly max: number; readonly windowMs: number }): Promise<void>
  /** Counts one, and answers how many there were in this window and how long it goes on. */
  hit(key: string, windowMs: number): Promise<Hits>
}

interface Hits {
  readonly count: number
  readonly leftMs: number
}

/** Keys that are remembered at once; the oldest go first. */
const maxKeys = 100_000

/** @param shared counters of all replicas; without them, and while they can't be asked, this process counts alone */
export function createRates({
  now = Date.now,
  shared
}: {
  now?: () => number
  shared?: SharedCounters | undefined
} = {}): Rates {
  const hitHere = inProcess(now)
  const hit: Rates['hit'] = async (key, windowMs) => {
    const here = hitHere(key, windowMs)
    const answer = await shared?.run(hitScript, [shared.name(`${key} ${windowMs}`)], [windowMs])
    return answer ? { count: answer[0], leftMs: Math.max(0, answer[1]) } : here
  }
  return {
    hit,
    async count(key, { max, windowMs }) {
      const { count, leftMs } = await hit(key, windowMs)
      if (count > max) throw new SlowDown(leftMs / 1000)
    }
  }
}

function inProcess(now: () => number): (key: string, windowMs: number) => Hits {
  const windows = new Map<string, { count: number; readonly endsAt: number }>()
  return (key, windowMs) => {
    const at = now()
    const known = windows.get(key)
    const window = known !== undefined && at < known.endsAt ? known : { count: 0, endsAt: at + windowMs }
    if (window !== known) {
      windows.delete(key)
      windows.set(key, window)
      for (const oldest of windows.keys()) {
        if (windows.size <= maxKeys) break
        windows.delete(oldest)
      }
    }
    return { count: ++window.count, leftMs: window.endsAt - at }
  }
}
