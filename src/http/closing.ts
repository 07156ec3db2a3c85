import type { Server } from 'node:http'

/** A turn of the event loop that took no longer has heard nobody. */
const quietTurnMs = 0.1
/** So long a busy server waits for such a turn. */
const patienceMs = 1_000

/**
 * Stops listening and resolves when everything that was under way is answered. The system resets whoever has connected,
 * or written on an idle connection, and was not heard yet; so it stops in a turn of the event loop that found nobody.
 */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const end = performance.now() + patienceMs
    const turn = (since: number): void => {
      const now = performance.now()
      if (now - since > quietTurnMs && now < end) setImmediate(turn, now)
      else server.close(() => resolve())
    }
    setImmediate(turn, 0)
  })
}
