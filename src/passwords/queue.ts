import { type Traced, traced } from '../auth/tracing.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import { type Line, leave } from '../line.ts'
import { createGathering, type GroupLimits } from './gathering.ts'

/** What the queue is doing, for `/metrics`. */
export interface QueueStatus {
  readonly running: number
  readonly waiting: number
}

/** Lets so many works run at once, and so many wait for so long. */
export interface Queue {
  /** @throws {TemporarilyUnavailable} when too many wait already, or its turn did not come in time */
  run<Result>(work: () => Promise<Result>, within?: Traced): Promise<Result>
  status(): QueueStatus
}

const untraced: Traced = {}

interface Waiting {
  start(): void
}

/**
 * A permit belongs to the work and not to who asked for it: a caller who is gone has not freed a thread.
 * @param options.permits works at once; @param options.maxWaiting the queue's bound; @param options.maxWaitMs its deadline,
 * beyond which no result is held back either;
 * @param options.group how many results go on together while others wait for a permit (see `createGathering`)
 */
export function createQueue(options: {
  permits: number
  maxWaiting: number
  maxWaitMs: number
  group?: GroupLimits
}): Queue {
  const waiting: Line<Waiting> = []
  const gathering = createGathering(options.group)
  let running = 0

  const release = (): void => {
    const next = waiting.shift()
    if (next === undefined) running--
    else next.start()
  }

  const turn = (): Promise<void> => {
    if (running < options.permits) {
      running++
      return Promise.resolve()
    }
    if (waiting.length >= options.maxWaiting)
      return Promise.reject(new TemporarilyUnavailable('the hash queue is full'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        leave(waiting, entry)
        reject(new TemporarilyUnavailable('the hash queue is too slow'))
      }, options.maxWaitMs)
      const entry: Waiting = {
        start() {
          clearTimeout(timer)
          resolve()
        }
      }
      waiting.push(entry)
    })
  }

  return {
    async run(work, within = untraced) {
      const ends = performance.now() + options.maxWaitMs
      await traced(within, 'hash.queue', turn)
      try {
        return await traced(within, 'hash.work', work)
      } finally {
        release()
        await gathering.join(waiting.length, ends)
      }
    },
    status: () => ({ running, waiting: waiting.length })
  }
}
