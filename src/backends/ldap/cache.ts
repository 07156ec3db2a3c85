/** Remembers answers for a short time, and asks for the same only once at a time. */
export interface Cache<T> {
  get(key: string, load: () => Promise<T>): Promise<T>
  set(key: string, value: T): void
}

/** @param options.ttlMs 0 switches it off; @param options.max the eldest go beyond this */
export const createCache = <T>(options: { ttlMs: number; max?: number; now?: () => number }): Cache<T> => {
  const { ttlMs, max = 10_000, now = () => performance.now() } = options
  const kept = new Map<string, { value: T; until: number }>()
  const flights = new Map<string, Promise<T>>()

  const set = (key: string, value: T): void => {
    if (ttlMs === 0) return
    kept.delete(key)
    kept.set(key, { value, until: now() + ttlMs })
    const [eldest] = kept.keys()
    if (kept.size > max && eldest !== undefined) kept.delete(eldest)
  }

  const fly = async (key: string, load: () => Promise<T>): Promise<T> => {
    const flight = load()
    flights.set(key, flight)
    try {
      const value = await flight
      set(key, value)
      return value
    } finally {
      if (flights.get(key) === flight) flights.delete(key)
    }
  }

  return {
    async get(key, load) {
      if (ttlMs === 0) return load()
      const known = kept.get(key)
      if (known && known.until > now()) return known.value
      const flight = flights.get(key)
      // Somebody else's look-up may fail for having had less time: that is no answer to ours.
      return flight === undefined ? fly(key, load) : flight.catch(load)
    },
    set
  }
}
