import { type ChildProcess, fork } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Answer, type ForeignDatabase, SqlFailure } from '../database.ts'
import { bound } from '../statement.ts'
import type { Question, Reply } from './sqlite-worker.ts'

interface Waiting {
  resolve(answer: Answer): void
  reject(failure: SqlFailure): void
}

interface Opened {
  readonly process: ChildProcess
  readonly waiting: Map<number, Waiting>
  /** Which file it has open: another one in its place wants another thread. */
  readonly file: string
}

/**
 * A file of SQLite's, opened read only in a process of its own: SQLite waits while it works, and a statement that takes too
 * long ends with its process.
 */
export function openSqlite(path: string): ForeignDatabase {
  let opened: Opened | undefined
  let next = 0

  const end = (ended: Opened, failure: SqlFailure): void => {
    if (opened === ended) opened = undefined
    for (const { reject } of ended.waiting.values()) reject(failure)
    ended.waiting.clear()
    ended.process.kill('SIGKILL')
  }

  const start = (file: string): Opened => {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const program = fileURLToPath(new URL(`./sqlite-process${extension}`, import.meta.url))
    const child = fork(program, [path], { serialization: 'advanced', env: {}, execArgv: [] })
    const started: Opened = { process: child, waiting: new Map(), file }
    child.on('message', (reply) => {
      const { id, columns = [], rows = [], failure } = reply as Reply
      const waiting = started.waiting.get(id)
      started.waiting.delete(id)
      if (started.waiting.size === 0) letGo(child)
      if (failure) waiting?.reject(new SqlFailure(failure.reason, failure.text))
      else waiting?.resolve({ columns, rows })
    })
    child.on('error', () => end(started, new SqlFailure('connect', 'the process of the file does not start')))
    child.on('exit', () => end(started, new SqlFailure('connect', 'the process of the file ended')))
    return started
  }

  /** SQLite would go on with a file that is there no more. */
  const openedNow = async (): Promise<Opened> => {
    const found = await stat(path).catch(() => undefined)
    if (!found?.isFile()) throw new SqlFailure('connect', 'there is no such file')
    const file = `${found.dev}:${found.ino}`
    if (opened && opened.file !== file) end(opened, new SqlFailure('connect', 'the file was replaced'))
    opened ??= start(file)
    return opened
  }

  return {
    async query(statement, values, withinMs) {
      const asked = await openedNow()
      const question: Question = { id: next++, ...bound(statement, 'sqlite', values) }
      return new Promise((resolve, reject) => {
        const late = new SqlFailure('timeout', `no answer within ${Math.round(withinMs)} ms`)
        const timer = setTimeout(() => end(asked, late), withinMs)
        asked.waiting.set(question.id, {
          resolve: (answer) => resolve(answer) ?? clearTimeout(timer),
          reject: (failure) => reject(failure) ?? clearTimeout(timer)
        })
        hold(asked.process)
        // What can not be sent is told by the process' end.
        asked.process.send(question, () => {})
      })
    },
    async close() {
      if (opened) end(opened, new SqlFailure('connect', 'closed'))
    }
  }
}

/** The service waits for a process that is asked, and ends beside one that is not. */
const hold = (child: ChildProcess): void => {
  child.ref()
  child.channel?.ref()
}

const letGo = (child: ChildProcess): void => {
  child.unref()
  child.channel?.unref()
}
