/** A time in which the database did not answer, as far as this process has met it. */
export interface Outage {
  /** It did not answer just now. */
  met(): void
  /**
   * Whether something may have been written in such a time, of which nobody was told: a statement that was given up is done
   * all the same once the database goes on. For five minutes, in which it may be found out.
   * @param at when it was to be written, epoch milliseconds
   */
  mayHaveHidden(at: number): boolean
}

/** No write of ours is given up later. */
const longestWriteMs = 10_000

const excusedMs = 300_000

/** None yet. @param now epoch milliseconds */
export function createOutage(now: () => number): Outage {
  let from = Number.POSITIVE_INFINITY
  let until = Number.NEGATIVE_INFINITY
  return {
    met() {
      if (now() - until > excusedMs) from = now() - longestWriteMs
      until = now()
    },
    mayHaveHidden: (at) => at >= from && now() - until <= excusedMs
  }
}
