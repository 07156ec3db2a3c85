import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const lookEveryMs = 1000
/** So little work in that time is that of timers, probes and single requests. */
const quietMs = 50
/** What is compiled suffers from a collection, so that a short pause between requests is not the moment. */
const looksUntilQuiet = 10
/** A smaller growth of the heap is not worth the tenth of a second that a collection takes. */
const worthBytes = 8 * 1024 * 1024

/**
 * Collects garbage in quiet moments: once what the start has left behind, and what a time with much to do has. V8 lets both
 * lie, half of the process and more, until somebody allocates again.
 */
export function collectInQuietMoments(): void {
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  let keptBytes = 0
  let looksLeft = 0
  let before = performance.eventLoopUtilization()
  const look = (): void => {
    const now = performance.eventLoopUtilization()
    const { active } = performance.eventLoopUtilization(now, before)
    before = now
    looksLeft = active > quietMs && keptBytes > 0 ? looksUntilQuiet : looksLeft - 1
    if (active > quietMs || looksLeft > 0 || getHeapStatistics().total_heap_size < keptBytes + worthBytes) return
    collect({ type: 'major', flavor: 'last-resort' })
    keptBytes = getHeapStatistics().total_heap_size
  }
  setInterval(look, lookEveryMs).unref()
}
