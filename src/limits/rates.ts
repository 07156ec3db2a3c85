import { SlowDown } from '../errors.ts'

/** Requests that are counted in the memory of this process. */
export interface Rates {
  /** Counts one. @throws {SlowDown} there were too many in this window */
  count(key: string, rate: { readonly max: number; readonly windowMs: number }): void
  /** Counts one, and answers how many there were in this window and how long it goes on. */
  hit(key: string, windowMs: number): { readonly count: number; readonly leftMs: number }
}

/** Keys that are remembered at once; the oldest go first. */
const maxKeys = 100_000

/** Counts in windows that begin with the first request. */
export function createRates(now: () => number = Date.now): Rates {
  const windows = new Map<string, { count: number; readonly endsAt: number }>()
  const rates: Rates = {
    count(key, { max, windowMs }) {
      const { count, leftMs } = rates.hit(key, windowMs)
      if (count > max) throw new SlowDown(leftMs / 1000)
    },
    hit(key, windowMs) {
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
  return rates
}
