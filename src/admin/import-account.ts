import type { ImportedUser } from '../auth/administration-store.ts'
import { builtInAttributes, conformingText } from '../auth/attribute-checks.ts'
import type { AttributeValue } from '../auth/backend.ts'
import { canonicalEmail } from '../auth/email.ts'
import { loginName } from '../auth/names.ts'
import type { Ambiguity } from './ambiguities.ts'
import { isBlank } from './fields.ts'
import type { ForeignAccount, ImportProblem } from './foreign-source.ts'
import type { Authority } from './import-authority.ts'
import type { AdminTools } from './tools.ts'

/** How accounts become users. */
export interface AccountRules {
  /** What the accounts are remembered by: the `backend` of an identity whose subject is the account's id there. */
  readonly origin: string
  /** Whether somebody made sure that the e-mails are their accounts' own. */
  readonly emailsVerified: boolean
  /** What staff hold for being staff; absent: nothing. Whoever runs the import grants it, whatever it is. */
  readonly staffPermission?: string
  /** What a stored hash is good for; `none`: it says that there is no password. */
  judgeHash(hash: string): 'usable' | 'none' | 'unusable'
  readonly authority: Authority
  readonly ambiguities: ReadonlyMap<string, Ambiguity>
}

/** An account with the user that it becomes, if it becomes one, and what does not come along. */
export interface Translated {
  readonly account: ForeignAccount
  readonly user?: ImportedUser
  readonly problems: readonly ImportProblem[]
}

/** A problem of an account. */
export const problemAt = (
  { id, username, email }: ForeignAccount,
  problem: ImportProblem['problem'],
  detail: string,
  imported: boolean
): ImportProblem => ({
  ...{ problem, of: id, detail, imported },
  ...(username === undefined ? {} : { username }),
  ...(email === undefined ? {} : { email })
})

/** The user of an account. What can't be told for sure is not guessed. */
export function translated(account: ForeignAccount, rules: AccountRules, tools: AdminTools): Translated {
  const mistake = emailMistake(account, rules) ?? idMistake(account)
  const email = canonicalEmail(account.email ?? '')
  if (mistake || email === undefined) return { account, problems: mistake ? [mistake] : [] }
  const fields = fieldsOf(account, tools)
  const missing = Object.keys(tools.attributes).find(
    (name) => tools.attributes[name]?.required && isBlank(fields.values[name])
  )
  if (missing !== undefined) {
    const problem = problemAt(account, 'missing-field', `${missing}: every user must have it`, false)
    return { account, problems: [...fields.problems.map((one) => ({ ...one, imported: false })), problem] }
  }
  const name = nameOf(account, email, rules)
  const password = hashOf(account, rules)
  const { authority, origin, staffPermission } = rules
  const forStaff = account.isStaff && staffPermission !== undefined ? [staffPermission] : []
  const user: ImportedUser = {
    email,
    emailVouched: rules.emailsVerified,
    attributes: fields.values,
    ownAttributes: fields.values,
    isActive: account.isActive,
    isSuperuser: account.isSuperuser,
    passwordHash: password.hash,
    loginNames: name.loginName === undefined ? [] : [name.loginName],
    permissions: [...new Set([...account.permissions.filter((one) => authority.permissions.has(one)), ...forStaff])],
    groups: [...new Set(account.groups.flatMap((one) => authority.groups.get(one) ?? []))],
    identities: [identityOf(account, { email, origin, at: tools.now() })],
    ...(account.createdAt === undefined ? {} : { createdAt: account.createdAt }),
    lastLoginAt: account.lastLoginAt ?? null
  }
  return { account, user, problems: [...fields.problems, ...name.problems, ...password.problems] }
}

/** What is no login name here is no name of the identity either: nobody knows how long it is, or what is in it. */
const identityOf = (
  { id, username = '', lastLoginAt }: ForeignAccount,
  { email, origin, at }: { readonly email: string; readonly origin: string; readonly at: number }
) => ({
  ...{ backend: origin, subject: id, username: loginName(username) === undefined ? email : username },
  ...{ attributes: {}, isSuperuser: false, lastSeenAt: lastLoginAt ?? at }
})

function emailMistake(account: ForeignAccount, { ambiguities }: AccountRules): ImportProblem | undefined {
  const { email } = account
  if (email === undefined || email.trim() === '') return problemAt(account, 'no-email', 'it has no e-mail', false)
  if (canonicalEmail(email) === undefined) return problemAt(account, 'invalid-email', 'its e-mail is no address', false)
  const others = ambiguities.get(account.id)?.email ?? []
  return others.length === 0
    ? undefined
    : problemAt(
        account,
        'shared-email',
        `${others.length === 1 ? 'account' : 'accounts'} ${listed(others)} has it too`,
        false
      )
}

function idMistake(account: ForeignAccount): ImportProblem | undefined {
  if (Buffer.byteLength(account.id) <= 255) return undefined
  return problemAt(account, 'invalid-id', 'its id is longer than 255 bytes', false)
}

function nameOf(account: ForeignAccount, email: string, { ambiguities }: AccountRules) {
  const { id, username } = account
  const name = username === undefined ? undefined : loginName(username)
  // the e-mail opens the account anyway
  if (username === undefined || (name !== undefined && canonicalEmail(name) === email)) return { problems: [] }
  if (name === undefined)
    return { problems: [problemAt(account, 'invalid-username', 'that is no login name here', true)] }
  const others = ambiguities.get(id)?.username ?? []
  if (others.length === 0) return { loginName: name, problems: [] }
  const detail = `account ${listed(others)} has it too, as a name or an e-mail`
  return { problems: [problemAt(account, 'shared-username', detail, true)] }
}

function hashOf(account: ForeignAccount, { judgeHash }: AccountRules) {
  const { passwordHash = '' } = account
  const verdict = judgeHash(passwordHash)
  if (verdict === 'usable') return { hash: passwordHash, problems: [] }
  if (verdict === 'none') return { hash: null, problems: [] }
  const detail = 'its password hash is of no kind that can be verified, or costs too much'
  return { hash: null, problems: [problemAt(account, 'unusable-password', detail, true)] }
}

function fieldsOf(account: ForeignAccount, { attributes }: AdminTools) {
  const values: Record<string, AttributeValue> = {}
  const problems: ImportProblem[] = []
  for (const [name, text] of Object.entries(account.fields)) {
    const rule = builtInAttributes[name] ?? attributes[name]
    const value = rule && conformingText(text, rule)
    if (value !== undefined) values[name] = value
    else problems.push(problemAt(account, 'refused-field', `${name}: too long, or of another type`, true))
  }
  return { values, problems }
}

const listed = (ids: readonly string[]): string =>
  ids.length <= 5 ? ids.join(', ') : `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more`
