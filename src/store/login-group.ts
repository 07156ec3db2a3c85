import type { LoginRecord } from '../auth/user-store.ts'
import { loginStatements, type Statement } from './record-login.ts'

interface Waiting {
  readonly statements: readonly Statement[]
  resolve(): void
  reject(error: unknown): void
}

/**
 * Writes the logins of one turn of the event loop in one transaction, since a commit costs more than what it commits. One
 * that takes another e-mail, which may be taken already, is written alone: its failure is nobody else's.
 * @param write runs statements, all or none
 */
export const createLoginGroup = (
  write: (statements: readonly Statement[]) => Promise<void>
): ((record: LoginRecord) => Promise<void>) => {
  let group: Waiting[] = []

  const flush = (): void => {
    const waiting = group
    group = []
    write(waiting.flatMap(({ statements }) => statements)).then(
      () => {
        for (const { resolve } of waiting) resolve()
      },
      (error) => {
        for (const { reject } of waiting) reject(error)
      }
    )
  }

  return (record) => {
    const statements = loginStatements(record)
    if (record.email !== undefined) return write(statements)
    return new Promise((resolve, reject) => {
      if (group.push({ statements, resolve, reject }) === 1) setImmediate(flush)
    })
  }
}
