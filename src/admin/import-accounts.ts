import type { AdministrationTransaction, ImportedUser } from '../auth/administration-store.ts'
import { findAmbiguities } from './ambiguities.ts'
import { besideReading } from './beside-reading.ts'
import type { ForeignSource, ImportProblem } from './foreign-source.ts'
import { type AccountRules, problemAt, type Translated, translated } from './import-account.ts'
import { importAuthority } from './import-authority.ts'
import { changeAgain } from './import-batches.ts'
import { takenNames } from './login-names.ts'
import type { AdminTools } from './tools.ts'

/** What an import of another program's accounts did, or with `dryRun` would do. */
export interface AccountsReport {
  readonly read: number
  readonly created: number
  /** Who came along before, and stayed as they are now. */
  readonly present: number
  readonly refused: number
  /** Groups that were made, and permissions that the registry has now. */
  readonly groups: number
  readonly permissions: number
}

/** How it goes. */
export interface AccountsOptions
  extends Pick<AccountRules, 'origin' | 'emailsVerified' | 'staffPermission' | 'judgeHash'> {
  readonly dryRun: boolean
  onProblem(problem: ImportProblem): void
  onProgress(read: number): void
}

/**
 * Brings permissions, groups and accounts along, page by page; each page is whole or not there. Whoever came along before is
 * known by the account's id and stays as they are, so that an import which was broken off is run again.
 */
export async function importAccounts(
  source: ForeignSource,
  tools: AdminTools,
  options: AccountsOptions
): Promise<AccountsReport> {
  const authority = await importAuthority(source, tools, options)
  const rules = { ...options, authority, ambiguities: await findAmbiguities(source.named) }
  const report = { read: 0, created: 0, present: 0, refused: 0 }
  await besideReading(translatedPages(source, rules, tools), async (page) => {
    const { created, present, problems } = await written(page, rules, tools, options)
    report.read += page.length
    report.created += created
    report.present += present
    report.refused += page.length - created - present
    for (const problem of problems) options.onProblem(problem)
    options.onProgress(report.read)
  })
  return { ...report, groups: authority.made, permissions: authority.permissions.size }
}

async function* translatedPages(
  source: ForeignSource,
  rules: AccountRules,
  tools: AdminTools
): AsyncGenerator<readonly Translated[]> {
  for await (const page of source.accounts()) yield page.map((account) => translated(account, rules, tools))
}

const written = (batch: readonly Translated[], rules: AccountRules, tools: AdminTools, options: AccountsOptions) =>
  changeAgain(tools, async (tx) => {
    const { wanted, present, problems } = await sorted(batch, rules, tx)
    if (!options.dryRun && wanted.length > 0) await tx.imports.create(wanted, tools.now())
    return { created: wanted.length, present, problems }
  })

/** Who is new, and what there is to be said of those who did not come along before. */
async function sorted(batch: readonly Translated[], { origin }: AccountRules, { imports }: AdministrationTransaction) {
  const keys = batch.map(({ account }) => ({ backend: origin, subject: account.id }))
  const known = new Set((await imports.takenIdentities(keys)).map(({ subject }) => subject))
  const others = batch.filter(({ account }) => !known.has(account.id))
  const users = others.flatMap(({ user }) => user ?? [])
  const emails = new Set(await imports.takenEmails(users.map(({ email }) => email)))
  const names = await takenNames(users, imports)
  const wanted: ImportedUser[] = []
  const problems: ImportProblem[] = []
  for (const { account, user, problems: own } of others) {
    if (user && emails.has(user.email)) {
      problems.push(problemAt(account, 'taken-email', 'somebody here has this e-mail already', false))
      continue
    }
    problems.push(...own)
    if (user === undefined) continue
    const isTaken = user.loginNames.some((name) => names.has(name))
    if (isTaken)
      problems.push(problemAt(account, 'taken-username', 'somebody here has it, as a name or an e-mail', true))
    wanted.push(isTaken ? { ...user, loginNames: [] } : user)
  }
  return { wanted, present: known.size, problems }
}
