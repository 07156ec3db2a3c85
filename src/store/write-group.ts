import { TemporarilyUnavailable } from '../errors.ts'
import type { Statement } from './statement.ts'

/** What belongs together: all of it is written or nothing. */
export type Write = readonly Statement[]

/** How many rows each statement changed, or which of them failed and why: nothing of the write was done then. */
export type Outcome = { readonly affectedRows: readonly number[] } | Failure

interface Failure {
  readonly error: unknown
  /** The statement's place in the write. */
  readonly at: number
}

interface Waiting {
  readonly write: Write
  /** When it has waited for long enough, in milliseconds of `performance.now()`. */
  readonly ends: number
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** How much is written at once. */
export interface GroupOptions {
  /** Groups under way at a time; whatever comes meanwhile waits for the next one. */
  readonly groups?: number
  /** Writes in one group. */
  readonly most?: number
  /** Whoever waits longer for a group is given up: nothing is done for a caller who has left. */
  readonly patienceMs?: number
}

/**
 * Commits what is written in one turn of the event loop together, since a commit costs more than what it commits. A write
 * that fails is nobody else's failure; where the commit fails, all of them do.
 * @param commit runs writes in one transaction, and answers for each how it went
 */
export const createWriteGroup = (
  commit: (writes: readonly Write[]) => Promise<readonly Outcome[]>,
  {
    groups = Number.POSITIVE_INFINITY,
    most = Number.POSITIVE_INFINITY,
    patienceMs = Number.POSITIVE_INFINITY
  }: GroupOptions = {}
): ((write: Write) => Promise<Outcome>) => {
  const waiting: Waiting[] = []
  let running = 0
  let isPlanned = false

  const giveUpLate = (): void => {
    const now = performance.now()
    const inTime = waiting.findIndex(({ ends }) => ends >= now)
    const late = waiting.splice(0, inTime < 0 ? waiting.length : inTime)
    for (const { reject } of late) reject(new TemporarilyUnavailable('others wrote for too long'))
  }
  const flush = async (): Promise<void> => {
    isPlanned = false
    giveUpLate()
    const group = waiting.splice(0, most)
    if (group.length === 0) return
    running++
    plan()
    try {
      const outcomes = await commit(group.map(({ write }) => write))
      for (const [at, outcome] of outcomes.entries()) {
        if (!('error' in outcome)) for (const [, , traits] of group[at]?.write ?? []) traits?.written?.()
        group[at]?.resolve(outcome)
      }
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
    running--
    plan()
  }
  const plan = (): void => {
    if (isPlanned || waiting.length === 0 || running >= groups) return
    isPlanned = true
    setImmediate(flush)
  }

  return (write) =>
    new Promise((resolve, reject) => {
      waiting.push({ write, ends: performance.now() + patienceMs, resolve, reject })
      plan()
    })
}
