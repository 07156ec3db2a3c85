import type { PoolConnection } from 'mysql2'
import { TemporarilyUnavailable } from '../errors.ts'
import { NothingChanged } from './failures.ts'
import { affectedRowsIn, type Run } from './kit.ts'
import { isLockWait, translated } from './mysql-errors.ts'
import { execute } from './mysql-pool.ts'
import { type Statement, updateOfMany } from './statement.ts'
import type { Outcome, Write } from './write-group.ts'

interface GroupTools {
  /** Runs a statement in a transaction of its own. */
  readonly run: Run
  readonly transact: <T>(work: (connection: PoolConnection) => Promise<T>) => Promise<T>
}

/** Writes that are done one by one wait no longer for each other's rows. */
const oneByOneMs = 5000

/**
 * Commits what several write in one transaction. Inserts into the same table become one statement: the way to the server
 * and back costs more than the row. Where one of the writes fails, each is done alone.
 */
export const createGroupCommit =
  ({ run, transact }: GroupTools) =>
  async (writes: readonly Write[]): Promise<readonly Outcome[]> => {
    const alone = async (write: Write): Promise<Outcome> => {
      const progress = { at: 0 }
      try {
        const [first, second] = write
        if (first && !second)
          return { affectedRows: [await affectedBy(first, (sql, values) => run(sql, values, true))] }
        return { affectedRows: await transact((connection) => inOrder(connection, write, progress)) }
      } catch (error) {
        return { error: translated(error), at: progress.at }
      }
    }
    const [only] = writes
    if (writes.length === 1 && only) return [await alone(only)]
    try {
      return await transact((connection) => together(connection, writes))
    } catch (error) {
      if (!isOfOne(error)) throw error
      return oneByOne(writes, alone)
    }
  }

/** Once the database can't answer, it is asked no more; what was done before is done all the same. */
async function oneByOne(writes: readonly Write[], alone: (write: Write) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const ends = performance.now() + oneByOneMs
  let end: Outcome | undefined
  for (const write of writes) {
    const outcome = end ?? (await alone(write))
    outcomes.push(outcome)
    if ('error' in outcome && !isOfOne(outcome.error)) end = outcome
    if (performance.now() > ends) end ??= { error: new TemporarilyUnavailable('others wrote for too long'), at: 0 }
  }
  return outcomes
}

/** Whether a failure is that of one write alone: its rows, its values, a lock that somebody else has. */
const isOfOne = (error: unknown): boolean => isLockWait(error) || !(translated(error) instanceof TemporarilyUnavailable)

const affectedBy = async (
  [sql, values, { rows } = {}]: Statement,
  run: (sql: string, values: unknown[]) => Promise<unknown[]>
): Promise<number> => {
  const affectedRows = affectedRowsIn(await run(sql, [...values]))
  if (rows !== undefined && affectedRows < rows) throw new NothingChanged()
  return affectedRows
}

const on = (connection: PoolConnection) => (sql: string, values: unknown[]) => execute(connection, sql, values)

/** In the order that groups have, too: changes of rows by their rows and all else, then inserts. */
async function inOrder(connection: PoolConnection, write: Write, progress: { at: number }): Promise<number[]> {
  const affectedRows: number[] = []
  const placed = write.map((statement, place): Placed => ({ statement, at: 0, place }))
  const isInsert = ({ statement: [, , { insert } = {}] }: Placed): boolean => insert !== undefined
  const single = alikeInOrder(placed.filter((one) => !isInsert(one))).flat()
  for (const { statement, place } of [...single, ...placed.filter(isInsert)]) {
    progress.at = place
    affectedRows[place] = await affectedBy(statement, on(connection))
  }
  return affectedRows
}

/** A statement, and whose it is: the write's place in the group. */
interface Placed {
  readonly statement: Statement
  readonly at: number
  readonly place: number
}

/** Statements of different writes don't depend on each other: first changes of rows and all else, then inserts by their table. */
async function together(connection: PoolConnection, writes: readonly Write[]): Promise<Outcome[]> {
  const outcomes = writes.map((write) => ({ affectedRows: write.map(() => 1) }))
  const all = writes.flatMap((write, at) => write.map((statement, place): Placed => ({ statement, at, place })))
  const single = all.filter(({ statement: [, , { insert } = {}] }) => insert === undefined)
  for (const alike of alikeInOrder(single)) {
    const [{ statement, at, place }] = alike
    if (alike.length === 1) {
      const { affectedRows } = outcomes[at] ?? { affectedRows: [] }
      affectedRows[place] = await affectedBy(statement, on(connection))
    } else await changeTogether(connection, alike)
  }
  const inserts = Map.groupBy(all, ({ statement: [, , { insert } = {}] }) => insert?.head)
  for (const [head, rows] of inserts) {
    if (head === undefined) continue
    for (const part of parts(rows.map(({ statement: [, values] }) => values))) {
      const marks = part.map((values) => `(${values.map(() => '?').join(', ')})`).join(', ')
      await execute(connection, head + marks, part.flat())
    }
  }
  return outcomes
}

async function changeTogether(connection: PoolConnection, alike: readonly Placed[]): Promise<void> {
  const changes = alike.flatMap(({ statement: [, , { change } = {}] }) => change ?? [])
  const mustAll = alike.some(({ statement: [, , { rows = 0 } = {}] }) => rows > 0)
  for (const part of parts(changes)) {
    const [sql, values, traits] = updateOfMany(part)
    await affectedBy(mustAll && traits ? [sql, values, traits] : [sql, values], on(connection))
  }
}

/**
 * All take their rows in one order, so that no two groups wait for each other. What comes one after the other then, of one shape
 * and of another row each, is one statement.
 */
function alikeInOrder(placed: readonly Placed[]): Array<[Placed, ...Placed[]]> {
  const sorted = placed.map((one) => ({ one, row: rowOf(one), shape: shapeOf(one) }))
  sorted.sort((a, b) => (a.row < b.row ? -1 : Number(a.row > b.row)))
  const runs: Array<[Placed, ...Placed[]]> = []
  for (const [at, { one, row, shape }] of sorted.entries()) {
    const before = sorted[at - 1]
    const run = runs.at(-1)
    if (run && before && shape !== undefined && before.shape === shape && before.row !== row) run.push(one)
    else runs.push([one])
  }
  return runs
}

const rowOf = ({ statement: [, , { change } = {}] }: Placed): string =>
  change === undefined ? '' : JSON.stringify([change.table, change.key.map(([, value]) => value)])

/** Those of one text have the same columns. */
const shapeOf = ({ statement: [sql, , { change, rows = 0 } = {}] }: Placed): string | undefined =>
  change && `${rows > 0} ${sql}`

/** By powers of two, so that a connection prepares six statements at most for a table. */
function parts<T>(rows: readonly T[]): T[][] {
  const result: T[][] = []
  for (let from = 0; from < rows.length; ) {
    const size = Math.min(32, 2 ** Math.floor(Math.log2(rows.length - from)))
    result.push(rows.slice(from, from + size))
    from += size
  }
  return result
}
