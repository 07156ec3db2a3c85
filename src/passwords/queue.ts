import { type Traced, traced } from '../auth/tracing.ts'
import { TemporarilyUnavailable } from '../errors.ts'

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
 * @param options.permits works at once; @param options.maxWaiting the queue's bound; @param options.maxWaitMs its deadline;
 * @param options.group how many results go on together while others wait for a permit (see `createGathering`)
 */
export function createQueue(options: {
  permits: number
  maxWaiting: number
  maxWaitMs: number
  group?: GroupLimits
}): Queue {
  const waiting = new Set<Waiting>()
  const gathering = createGathering(options.group)
  let running = 0

  const release = (): void => {
    const [next] = waiting
    if (next === undefined) {
      running--
      return
    }
    waiting.delete(next)
    next.start()
  }

  const turn = (): Promise<void> => {
    if (running < options.permits) {
      running++
      return Promise.resolve()
    }
    if (waiting.size >= options.maxWaiting) return Promise.reject(new TemporarilyUnavailable('the hash queue is full'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(entry)
        reject(new TemporarilyUnavailable('the hash queue is too slow'))
      }, options.maxWaitMs)
      const entry: Waiting = {
        start() {
          clearTimeout(timer)
          resolve()
        }
      }
      waiting.add(entry)
    })
  }

  return {
    async run(work, within = untraced) {
      await traced(within, 'hash.queue', turn)
      try {
        return await traced(within, 'hash.work', work)
      } finally {
        release()
        await gathering.join({ isBusy: waiting.size > 0 })
      }
    },
    status: () => ({ running, waiting: waiting.size })
  }
}

/** How many go on together at most, and how long the first of them waits for the others. */
interface GroupLimits {
  readonly most: number
  readonly patienceMs: number
}

/**
 * A hash sweeps through the processor's caches, and whatever follows it is as slow as if it ran for the first time. Where many
 * are hashed one after the other, a few results are held back and go on together, so that all but the first find the caches
 * warm; while nobody waits for a permit, nobody waits for company.
 */
function createGathering({ most, patienceMs }: GroupLimits = { most: 1, patienceMs: 0 }) {
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
    join: ({ isBusy }: { readonly isBusy: boolean }): Promise<void> =>
      new Promise((resolve) => {
        held.push(resolve)
        if (!isBusy || held.length >= most) letGo()
        else timer ??= setTimeout(letGo, patienceMs)
      })
  }
}
