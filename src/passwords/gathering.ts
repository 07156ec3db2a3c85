/** How many go on together at most, and how long the first of them waits for the others. */
export interface GroupLimits {
  readonly most: number
  readonly patienceMs: number
}

/**
 * A hash sweeps through the processor's caches, and whatever follows it is as slow as if it ran for the first time. Where many
 * are hashed one after the other, a few results are held back and go on together, so that all but the first find the caches
 * warm. No more of them are held back than wait for a permit: a short queue is no reason for a long wait. Nor is one held back who
 * waited for long before: with a group in addition, a backend's share of the time would be over, and the hash in vain.
 */
export function createGathering({ most, patienceMs }: GroupLimits = { most: 1, patienceMs: 0 }) {
  let held: Array<() => void> = []
  let timer: NodeJS.Timeout | undefined
  /** When the timer ends, in milliseconds of `performance.now()`. */
  let goesAt = Number.POSITIVE_INFINITY

  const letGo = (): void => {
    clearTimeout(timer)
    goesAt = Number.POSITIVE_INFINITY
    const all = held
    held = []
    for (const goOn of all) goOn()
  }

  return {
    /** @param waiting how many wait for a permit; @param ends when this one must go on, in milliseconds of `performance.now()` */
    join: (waiting: number, ends: number): Promise<void> =>
      new Promise((resolve) => {
        held.push(resolve)
        const now = performance.now()
        const mine = Math.min(now + patienceMs, ends)
        if (held.length > waiting || held.length >= most || mine <= now) letGo()
        else if (mine < goesAt) {
          clearTimeout(timer)
          goesAt = mine
          timer = setTimeout(letGo, mine - now)
        }
      })
  }
}
