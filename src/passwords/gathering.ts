/** How many go on together at most, and how long the first of them waits for the others. */
export interface GroupLimits {
  readonly most: number
  readonly patienceMs: number
}

/**
 * A hash sweeps through the processor's caches, and whatever follows it is as slow as if it ran for the first time. Where many
 * are hashed one after the other, a few results are held back and go on together, so that all but the first find the caches
 * warm. No more of them are held back than wait for a permit: a short queue is no reason for a long wait.
 */
export function createGathering({ most, patienceMs }: GroupLimits = { most: 1, patienceMs: 0 }) {
  let held: Array<() => void> = []
  let timer: NodeJS.Timeout | undefined

  const letGo = (): void => {
    clearTimeout(timer)
    timer = undefined
    const all = held
    held = []
    for (const goOn of all) goOn()
  }

  return {
    /** @param waiting how many wait for a permit */
    join: (waiting: number): Promise<void> =>
      new Promise((resolve) => {
        held.push(resolve)
        if (held.length > waiting || held.length >= most) letGo()
        else timer ??= setTimeout(letGo, patienceMs)
      })
  }
}
