import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { type Answer, type ForeignDatabase, SqlFailure } from '../database.ts'
import { bound } from '../statement.ts'
import type { Question, Reply } from './sqlite-worker.ts'

interface Waiting {
  resolve(answer: Answer): void
  reject(failure: SqlFailure): void
}

interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, Waiting>
  /** Which file it has open: another one in its place wants another thread. */
  readonly file: string
}

/**
 * A file of SQLite's, opened read only in a thread of its own: SQLite waits while it works, and a statement that takes too
 * long ends with its thread.
 */
export function openSqlite(path: string): ForeignDatabase {
  let thread: Thread | undefined
  let next = 0

  const end = (ended: Thread, failure: SqlFailure): void => {
    if (thread === ended) thread = undefined
    for (const { reject } of ended.waiting.values()) reject(failure)
    ended.waiting.clear()
    ended.worker.terminate()
  }

  const start = (file: string): Thread => {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./sqlite-worker${extension}`, import.meta.url), { workerData: path })
    const started: Thread = { worker, waiting: new Map(), file }
    worker.on('message', ({ id, columns = [], rows = [], failure }: Reply) => {
      const waiting = started.waiting.get(id)
      started.waiting.delete(id)
      if (started.waiting.size === 0) worker.unref()
      if (failure) waiting?.reject(new SqlFailure(failure.reason, failure.text))
      else waiting?.resolve({ columns, rows })
    })
    worker.on('error', () => end(started, new SqlFailure('connect', 'the thread of the file ended')))
    return started
  }

  /** SQLite would go on with a file that is there no more. */
  const threadNow = async (): Promise<Thread> => {
    const found = await stat(path).catch(() => undefined)
    if (!found?.isFile()) throw new SqlFailure('connect', 'there is no such file')
    const file = `${found.dev}:${found.ino}`
    if (thread && thread.file !== file) end(thread, new SqlFailure('connect', 'the file was replaced'))
    thread ??= start(file)
    return thread
  }

  return {
    async query(statement, values, withinMs) {
      const asked = await threadNow()
      const question: Question = { id: next++, ...bound(statement, 'sqlite', values) }
      return new Promise((resolve, reject) => {
        const late = new SqlFailure('timeout', `no answer within ${Math.round(withinMs)} ms`)
        const timer = setTimeout(() => end(asked, late), withinMs)
        asked.waiting.set(question.id, {
          resolve: (answer) => resolve(answer) ?? clearTimeout(timer),
          reject: (failure) => reject(failure) ?? clearTimeout(timer)
        })
        asked.worker.ref()
        asked.worker.postMessage(question)
      })
    },
    async close() {
      if (thread) end(thread, new SqlFailure('connect', 'closed'))
    }
  }
}
