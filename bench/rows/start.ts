import { folderOf, residentMiB, startLatchkey, withScope } from '../processes.ts'
import { atMost, median, type Row, rounds } from '../row.ts'

const idleMs = 5000

/** How long a start takes to its first 200, and what the process holds when it then has nothing to do. */
export const starting = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const times: number[] = []
    const sizes: number[] = []
    const folder = await folderOf(scope)
    for (let round = 0; round <= rounds; round++) {
      const server = await startLatchkey(scope, undefined, { folder })
      await new Promise((resolve) => setTimeout(resolve, idleMs))
      times.push(server.readyMs)
      sizes.push(await residentMiB(server))
      await server.end()
    }
    return [
      atMost(1, { name: 'first start to the first 200', unit: 'ms', limit: 1000, ours: times[0] ?? Number.NaN }),
      atMost(1, { name: 'start to the first 200', unit: 'ms', limit: 1000, ours: median(times.slice(1)) }),
      atMost(1, { name: 'idle RSS', unit: 'MiB', limit: 100, ours: median(sizes) })
    ]
  })
