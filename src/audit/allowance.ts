/** How many may still be let through: filled up evenly, `perMinute` of them at most at once. */
export interface Allowance {
  take(): boolean
}

/** Full at first. @param now milliseconds that never go back */
export function createAllowance(perMinute: number, now: () => number = () => performance.now()): Allowance {
  let left = perMinute
  let at = now()
  return {
    take() {
      const time = now()
      left = Math.min(perMinute, left + ((time - at) / 60_000) * perMinute)
      at = time
      if (left < 1) return false
      left -= 1
      return true
    }
  }
}
