import { createRequire } from 'node:module'

/** Finds something by its key. */
export type LookUp<Key, Value> = (key: Key) => Promise<Value>

/** Finds for each of some keys what it stands for, in their order. */
export type LookUps<Key, Value> = (keys: readonly Key[]) => Promise<Value[]>

/** Each look-up by itself: for a database within the process, where a statement costs no more than its rows. */
export const oneByOne =
  <Key, Value>(find: LookUps<Key, Value>): LookUp<Key, Value> =>
  async (key) => {
    const [value] = await find([key])
    return value as Value
  }

const require = createRequire(import.meta.url)

/** Look-ups in one statement. More would make the server weigh each of them for longer than it takes to find it. */
const most = 32

/**
 * Those of one turn of the event loop at once: the way to a server and back costs far more than what is looked up. Nothing is
 * remembered: whoever asks gets what is there after asking.
 */
export const gathered = <Key, Value>(find: LookUps<Key, Value>): LookUp<Key, Value> => {
  const DataLoader: typeof import('dataloader') = require('dataloader')
  const loader = new DataLoader<Key, Value>(find, {
    cache: false,
    maxBatchSize: most,
    batchScheduleFn: (look) => void setImmediate(look)
  })
  return (key) => loader.load(key)
}
