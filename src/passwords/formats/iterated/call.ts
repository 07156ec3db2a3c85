import { Worker } from 'node:worker_threads'
import { TemporarilyUnavailable } from '../../../errors.ts'
import type { Iterated } from './worker.ts'

const idle: Worker[] = []

const start = (): Worker => {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const worker = new Worker(new URL(`./worker${extension}`, import.meta.url), { stdin: false })
  worker.unref()
  return worker
}

/**
 * Verifies in a thread of its own what is nothing but digests of digests, which Node has no thread for: the event loop goes
 * on. There are as many threads as were ever needed at once; the queue of hashes bounds that.
 */
export const inWorker = (work: Iterated): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const worker = idle.pop() ?? start()
    const settle = (): void => {
      worker.off('message', answered)
      worker.off('error', failed)
      worker.off('exit', failed)
      worker.unref()
    }
    const answered = (matches: boolean): void => {
      settle()
      idle.push(worker)
      resolve(matches)
    }
    const failed = (cause: unknown): void => {
      settle()
      worker.terminate()
      reject(new TemporarilyUnavailable(cause))
    }
    worker.on('message', answered)
    worker.on('error', failed)
    worker.on('exit', failed)
    worker.ref()
    worker.postMessage(work)
  })
