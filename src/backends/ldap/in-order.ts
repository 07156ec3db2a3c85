/** Works on several items at once, and yields the answers in the items' order. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  work: (item: T) => Promise<R>,
  width = 8
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  try {
    for await (const item of items) {
      const answer = work(item)
      // It may fail before its turn comes, when nobody waits for it yet: a process ends by that.
      answer.catch(() => {})
      running.push(answer)
      const first = running.length >= width ? running.shift() : undefined
      if (first !== undefined) yield await first
    }
    while (running.length > 0) yield await (running.shift() as Promise<R>)
  } finally {
    // Nobody waits for these any more; what they throw belongs to the one that was thrown first.
    await Promise.allSettled(running)
  }
}
