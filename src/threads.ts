import { availableParallelism } from 'node:os'

/** For files and names, while all others hash. */
const others = 4

const preset = String(availableParallelism() + others)

/**
 * Makes room for so many hashes at once among libuv's threads, of which it reads the number once, at its first work: so this
 * comes before. What the environment says otherwise holds.
 */
export function reserveThreads(hashes: number): void {
  const { UV_THREADPOOL_SIZE: size = preset } = process.env
  if (size === preset) process.env.UV_THREADPOOL_SIZE = String(hashes + others)
}
