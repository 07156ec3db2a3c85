import { SlowDown } from '../errors.ts'

/** Requests that are counted in the memory of this process. */
export interface Rates {
  /** Counts one. @throws {SlowDown} there were too many in this window */
  count(key: string, rate: { readonly max: number; readonly windowMs: number }): void
}

/** Keys that are remembered at once; the oldest go first. */
const maxKeys = 100_000

/** Counts in windows that begin with the first request. */
export function createRates(now: () => number = Date.now): Rates {
  const windows = new Map<string, { count: number; readonly endsAt: number }>()
  return {
    count(key, { max, windowMs }) {
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
      if (++window.count > max) throw new SlowDown((window.endsAt - at) / 1000)
    }
  }
}
