import type { MailLater } from '../auth/reset-mail.ts'
import { createQueue } from '../passwords/queue.ts'

/** Mails that wait at once; more are given up. */
const maxWaiting = 1000
const firstMs = 15_000
const longestMs = 15 * 60_000

/** What waits in the memory of this process to be tried again. */
export interface Later extends MailLater {
  /** What waits is given up: the process ends. */
  close(): void
}

/** @param delayMs internal: a test's own wait before each try, counted from 1 */
export function createLater(delayMs: (tries: number) => number = usualDelayMs): Later {
  const queue = createQueue({ permits: 4, maxWaiting, maxWaitMs: longestMs })
  const waiting = new Map<NodeJS.Timeout, () => void>()
  let closed = false
  return {
    delayMs,
    after(ms, work, givenUp) {
      if (closed || waiting.size >= maxWaiting) return false
      const timer = setTimeout(() => {
        waiting.delete(timer)
        queue.run(work).catch(givenUp)
      }, ms).unref()
      waiting.set(timer, givenUp)
      return true
    },
    close() {
      closed = true
      for (const [timer, givenUp] of waiting) {
        clearTimeout(timer)
        givenUp()
      }
      waiting.clear()
    }
  }
}

/** Doubled each time; a fifth up or down, so that not all come back at once to a server that was away. */
const usualDelayMs = (tries: number): number =>
  Math.min(longestMs, firstMs * 2 ** Math.min(20, tries - 1)) * (0.8 + 0.4 * Math.random())
