/**
 * Works on each item in its turn, while the next one is being read: a database works on what it is given while we parse.
 * @throws what the reading or the work throws, once no work is under way
 */
export async function besideReading<Item>(
  items: AsyncIterable<Item>,
  work: (item: Item) => Promise<void>
): Promise<void> {
  let last = Promise.resolve()
  try {
    for await (const item of items) {
      await last
      last = work(item)
      // it is met at the next item
      last.catch(() => undefined)
    }
  } finally {
    await last
  }
}
