import type { AdministrationTransaction, ImportedUser } from '../auth/administration-store.ts'
import { changeAgain, type ImportOptions, type ImportReport, importInBatches, sizeWith } from './import-batches.ts'
import { type ImportRecord, importedUser } from './import-record.ts'
import { takenNames } from './login-names.ts'
import type { AdminTools } from './tools.ts'

/** How an import of users goes. */
export interface UserImportOptions extends ImportOptions {
  /** Whether a password can be verified by this hash. */
  isUsableHash(hash: string): boolean
}

const batchSize = 500

interface Entry {
  readonly line: number
  readonly user: ImportedUser
}

/**
 * Creates users from records, in batches that are each whole or not there. Who has the e-mail already stays as they are, so
 * that an import which was broken off is run again.
 */
export const importUsers = (
  records: AsyncIterable<ImportRecord>,
  tools: AdminTools,
  options: UserImportOptions
): Promise<ImportReport> =>
  importInBatches(
    records,
    {
      batchSize,
      sizeOf: ({ user }: Entry) => sizeWith(user.objectGrants),
      entryOf(record) {
        const user = importedUser(record, tools, options)
        return typeof user === 'string' ? user : { line: record.line, user }
      },
      async write(batch, refuse) {
        const { wanted, taken, named, present } = await changeAgain(tools, async (tx) => {
          const sorted = await sort(batch, tx)
          const users = sorted.wanted.map(({ user }) => user)
          if (!options.dryRun && users.length > 0) await tx.imports.create(users, tools.now())
          return sorted
        })
        for (const { line } of taken) refuse(line, 'somebody else has this identity')
        for (const { line } of named) refuse(line, 'somebody else has this login name, or has it as an e-mail')
        return { created: wanted.length, present: present.length }
      }
    },
    options
  )

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
