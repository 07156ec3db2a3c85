import type { Statement } from './record-login.ts'

/** What belongs together: all of it is written or nothing. */
export type Write = readonly Statement[]

/** How many rows each statement changed, or why nothing of the write was done. */
export type Outcome = { readonly affectedRows: readonly number[] } | { readonly error: unknown }

interface Waiting {
  readonly write: Write
  resolve(affectedRows: readonly number[]): void
  reject(error: unknown): void
}

/**
 * Commits what is written in one turn of the event loop together, since a commit costs more than what it commits. A write
 * that fails is nobody else's failure; where the commit fails, all of them do.
 * @param commit runs writes in one transaction, and answers for each how it went
 */
export const createWriteGroup = (
  commit: (writes: readonly Write[]) => Promise<readonly Outcome[]>
): ((write: Write) => Promise<readonly number[]>) => {
  let group: Waiting[] = []

  const flush = async (): Promise<void> => {
    const waiting = group
    group = []
    try {
      const outcomes = await commit(waiting.map(({ write }) => write))
      for (const [at, outcome] of outcomes.entries()) {
        if ('error' in outcome) waiting[at]?.reject(outcome.error)
        else waiting[at]?.resolve(outcome.affectedRows)
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  return (write) =>
    new Promise((resolve, reject) => {
      if (group.push({ write, resolve, reject }) === 1) setImmediate(flush)
    })
}
