import type { AdministeredImports, AdministrationTransaction, ImportedUser } from '../auth/administration-store.ts'
import { localType } from '../auth/attributes.ts'
import { inParallel } from '../auth/in-parallel.ts'
import { InvalidRequest, PasswordRefused } from '../errors.ts'
import type { IdentityKey } from './identities.ts'
import { changeAgain, type ImportOptions, type ImportReport, importInBatches, sizeWith } from './import-batches.ts'
import { type ImportRecord, importedUser } from './import-record.ts'
import { takenNames } from './login-names.ts'
import { demandPassword, hashedPassword } from './passwords.ts'
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
  /** In plain text. */
  readonly password?: string
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
        const found = importedUser(record, tools, options)
        return typeof found === 'string' ? found : { line: record.line, ...found }
      },
      async write(read, refuse) {
        const batch = await withHashes(read, refuse, tools, options)
        const { wanted, taken, named, present } = await changeAgain(tools, async (tx) => {
          const sorted = await sort(batch, tx, tools)
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

/** What is in plain text is judged and hashed before the turn, of those alone who are new: of the others nothing is touched. */
async function withHashes(
  batch: readonly Entry[],
  refuse: (line: number, reason: string) => void,
  tools: AdminTools,
  { dryRun }: ImportOptions
): Promise<readonly Entry[]> {
  if (batch.every(({ password }) => password === undefined)) return batch
  const isNew = new Set((await changeAgain(tools, (tx) => sort(batch, tx, tools))).wanted)
  const ready = await inParallel(batch, async (entry) => {
    const { line, user, password } = entry
    if (password === undefined || !isNew.has(entry)) return entry
    try {
      if (!dryRun) return { line, user: { ...user, passwordHash: await hashedPassword(password, user, tools) } }
      await demandPassword(password, user, tools)
      return entry
    } catch (error) {
      if (!(error instanceof PasswordRefused || error instanceof InvalidRequest)) throw error
      return refuse(line, error instanceof PasswordRefused ? `password: ${error.description}` : error.description)
    }
  })
  return ready.filter((entry) => entry !== undefined)
}

/** Who is new, who is there, and whose identity somebody else has. */
async function sort(batch: readonly Entry[], { imports }: AdministrationTransaction, { chain }: AdminTools) {
  const emails = new Set(await imports.takenEmails(batch.map(({ user }) => user.email)))
  const names = await takenNames(
    batch.map(({ user }) => user),
    imports
  )
  const keys = batch.flatMap(({ user }) => user.identities)
  const known = new Set(
    [...(await imports.takenIdentities(keys)), ...(await ownAccounts(keys, imports, chain))].map(keyOf)
  )
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

/** Which of these are accounts of our own of users who are here: each is its own user's, before the first login too. */
async function ownAccounts(keys: readonly IdentityKey[], imports: AdministeredImports, chain: AdminTools['chain']) {
  const own = chain.find(({ type }) => type === localType)?.id
  const ids = keys.filter(({ backend }) => backend === own).map(({ subject }) => subject)
  return own === undefined ? [] : (await imports.takenIds(ids)).map((subject) => ({ backend: own, subject }))
}

const keyOf = ({ backend, subject }: IdentityKey): string => `${backend}\u0000${subject}`
