import DataLoader from 'dataloader'

/** Finds something by its key. */
export type LookUp<Key, Value> = (key: Key) => Promise<Value>

/** Finds for each of some keys what it stands for, in their order. */
export type LookUps<Key, Value> = (keys: readonly Key[]) => Promise<Value[]>

/** Each look-up by itself, as within a transaction. */
export const oneByOne =
  <Key, Value>(find: LookUps<Key, Value>): LookUp<Key, Value> =>
  async (key) => {
    const [value] = await find([key])
    return value as Value
  }

/** Look-ups in one statement. More would make a server weigh each of them for longer than it takes to find it. */
const most = 32

/**
 * Those of one turn of the event loop at once. The way to a server and back costs far more than what is looked up; and of requests
 * that go on side by side, all but the first find the processor's caches warm, which halves their time on SQLite. Nothing is
 * remembered: whoever asks gets what is there after asking.
 */
export const gathered = <Key, Value>(find: LookUps<Key, Value>): LookUp<Key, Value> => {
  const loader = new DataLoader<Key, Value>(find, {
    cache: false,
    maxBatchSize: most,
    batchScheduleFn: (look) => void setImmediate(look)
  })
  return (key) => loader.load(key)
}
