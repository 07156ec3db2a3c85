import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

/** A question to the thread, by a number that its answer carries too. */
export interface Question {
  readonly id: number
  readonly sql: string
  readonly values: ReadonlyArray<string | null>
}

/** Its answer: what was found, or a text without any value. */
export interface Reply {
  readonly id: number
  readonly columns?: readonly string[]
  readonly rows?: ReadonlyArray<Record<string, unknown>>
  readonly failure?: { readonly reason: 'connect' | 'statement'; readonly text: string }
}

let database: DatabaseSync | undefined

const failureOf = (error: unknown, reason: 'connect' | 'statement') => ({
  reason,
  text: error instanceof Error ? error.message : 'SQLite failed'
})

/** SQLITE_ERROR and MISMATCH are the statement's; BUSY, IOERR, CORRUPT, CANTOPEN, NOTADB … are the file's. */
const isOfStatement = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && [1, 20, 25].includes(Number(error.errcode) & 0xff)

function answer({ id, sql, values }: Question): Reply {
  try {
    database ??= new DatabaseSync(workerData as string, { readOnly: true, timeout: 1000, allowExtension: false })
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return { id, rows: statement.all(...values), columns: statement.columns().map(({ name }) => name) }
  } catch (error) {
    if (isOfStatement(error)) return { id, failure: failureOf(error, 'statement') }
    database?.close()
    database = undefined
    return { id, failure: failureOf(error, 'connect') }
  }
}

parentPort?.on('message', (question: Question) => parentPort?.postMessage(answer(question)))
