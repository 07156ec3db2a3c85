import type { PendingWrite } from '../auth/audit.ts'
import type { Database } from './database.ts'
import { isOfRows } from './failures.ts'
import type { Statement } from './statement.ts'

const contents: unique symbol = Symbol('statements')

interface Options {
  /** It waits for nobody else's commit, and nobody's fails with it. */
  readonly apart?: boolean
}

interface Pending extends PendingWrite, Options {
  readonly [contents]: readonly Statement[]
}

/** Statements that belong together, to be written later with others. */
export const pending = (statements: readonly Statement[], options: Options = {}): PendingWrite => {
  const write: Pending = { isPending: true, ...options, [contents]: statements }
  return write
}

const isOurs = (write: PendingWrite): write is Pending => contents in write

const ours = (write: PendingWrite): Pending => {
  if (!isOurs(write)) throw new TypeError('no write of this store')
  return write
}

/** Does all writes, or none: answers which one was refused, by a key that is taken, a row that is gone or has changed. */
export const writeTogether = async (
  db: Database,
  writes: readonly PendingWrite[]
): Promise<{ readonly refused: number } | undefined> => {
  if (writes.length === 0) return undefined
  const all = writes.map(ours)
  const each = all.map((write) => write[contents])
  const isApart = all.some(({ apart }) => apart)
  const outcome = await (isApart ? db.writeApart : db.write)(each.flat())
  if (!('error' in outcome)) return undefined
  if (!isOfRows(outcome.error)) throw outcome.error
  return { refused: indexAt(each, outcome.at) }
}

/** To which of the lists a place in all of them belongs. */
const indexAt = (lists: ReadonlyArray<readonly unknown[]>, place: number): number => {
  let end = 0
  return lists.findIndex(({ length }) => {
    end += length
    return place < end
  })
}
