import type { AdministrationTransaction, ImportedUser } from '../auth/administration-store.ts'
import { AlreadyExists } from '../errors.ts'
import { type ImportRecord, importedUser } from './import-record.ts'
import { takenNames } from './login-names.ts'
import type { AdminTools } from './tools.ts'

/** What an import did, or with `dryRun` would do. */
export interface ImportReport {
  readonly read: number
  readonly created: number
  /** Who was there already, and stayed as they were. */
  readonly present: number
  readonly refused: number
}

/** How an import goes. */
export interface ImportOptions {
  readonly dryRun: boolean
  /** Whether a password can be verified by this hash. */
  isUsableHash(hash: string): boolean
  /** Called for each line that is refused, with why. */
  onRefused(line: number, reason: string): void
  onProgress(read: number): void
}

/** So many are written in one turn. */
const batchSize = 500
const attempts = 5

interface Entry {
  readonly line: number
  readonly user: ImportedUser
}

/**
 * Creates users from records, in batches that are each whole or not there. Who has the e-mail already stays as they are, so
 * that an import which was broken off is run again.
 */
export async function importUsers(
  records: AsyncIterable<ImportRecord>,
  tools: AdminTools,
  options: ImportOptions
): Promise<ImportReport> {
  const report = { read: 0, created: 0, present: 0, refused: 0 }
  const refuse = (line: number, reason: string): void => {
    report.refused++
    options.onRefused(line, reason)
  }
  let batch: Entry[] = []
  const flush = async (): Promise<void> => {
    const { created, present } = await written(batch, tools, options, refuse)
    report.created += created
    report.present += present
    batch = []
    options.onProgress(report.read)
  }
  for await (const record of records) {
    report.read++
    const user = importedUser(record, tools, options)
    if (typeof user === 'string') refuse(record.line, user)
    else batch.push({ line: record.line, user })
    if (batch.length === batchSize) await flush()
  }
  if (batch.length > 0) await flush()
  return report
}

async function written(
  batch: readonly Entry[],
  tools: AdminTools,
  { dryRun }: ImportOptions,
  refuse: (line: number, reason: string) => void
): Promise<{ created: number; present: number }> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { wanted, taken, named, present } = await tools.administration.change(async (tx) => {
        const sorted = await sort(batch, tx)
        const users = sorted.wanted.map(({ user }) => user)
        if (!dryRun && users.length > 0) await tx.imports.create(users, tools.now())
        return sorted
      })
      for (const { line } of taken) refuse(line, 'somebody else has this identity')
      for (const { line } of named) refuse(line, 'somebody else has this login name, or has it as an e-mail')
      return { created: wanted.length, present: present.length }
    } catch (error) {
      // somebody logged in for the first time meanwhile: the next look finds them
      if (!(error instanceof AlreadyExists) || attempt === attempts) throw error
    }
  }
}

/** Who is new, who is there, and whose identity somebody else has. */
async function sort(batch: readonly Entry[], { imports }: AdministrationTransaction) {
  const emails = new Set(await imports.takenEmails(batch.map(({ user }) => user.email)))
  const names = await takenNames(
    batch.map(({ user }) => user),
    imports
  )
  const keys = batch.flatMap(({ user }) => user.identities)
  const known = new Set((await imports.takenIdentities(keys)).map(keyOf))
  const wanted: Entry[] = []
  const taken: Entry[] = []
  const named: Entry[] = []
  const present: Entry[] = []
  for (const entry of batch) {
    const { email, identities } = entry.user
    const hasIdentity = identities.some((one) => known.has(keyOf(one)))
    const hasName = entry.user.loginNames.some((one) => names.has(one))
    const list = emails.has(email) ? present : hasIdentity ? taken : hasName ? named : wanted
    list.push(entry)
    if (list !== wanted) continue
    emails.add(email)
    for (const one of entry.user.loginNames) names.add(one)
    for (const one of identities) known.add(keyOf(one))
  }
  return { wanted, taken, named, present }
}

const keyOf = ({ backend, subject }: { backend: string; subject: string }): string => `${backend}\u0000${subject}`
