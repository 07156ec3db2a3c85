import type { AuthenticateContext, PasswordCredentials } from '../../auth/backend.ts'
import { type Refused, refusalOf, warningsOf } from './bind-verdict.ts'
import type { Directory } from './connections/directory.ts'
import { type Bound, createDirectBind } from './direct-bind.ts'
import { tracedSubject } from './entry-trace.ts'
import { subjectRule } from './subject.ts'
import type { UserSearch, Users } from './users.ts'

/** Tries a login name and a password: whose they are, or why they open nothing. */
export type PasswordCheck = (credentials: PasswordCredentials, context: AuthenticateContext) => Promise<Refused | Bound>

/** Finds the account and binds as it; with a template, binds first and reads the account then. */
export const createPasswordCheck = (
  directory: Directory,
  template: string | undefined,
  options: {
    readonly searches: readonly UserSearch[]
    readonly users: Users
    readonly subject: string | undefined
    readonly attributes: readonly string[]
  }
): PasswordCheck => {
  const { users, subject: subjectAttribute } = options
  if (template !== undefined) return createDirectBind(directory, { ...options, template })
  return async ({ username, password }, context) => {
    const answer = await users.byUsername(username, context)
    if (answer.found === 'none') return { outcome: 'unknown' }
    if (answer.found === 'several') return { outcome: 'rejected', reason: 'ambiguous' }
    const { entry, rootDse } = answer
    const subject = tracedSubject(subjectRule(subjectAttribute, rootDse), entry, context)
    await context.found(subject)
    const result = await directory.bind(entry.dn, password, context)
    const refused = refusalOf(result, rootDse, context)
    if (refused === undefined) return { outcome: 'bound', entry, subject, warnings: warningsOf(result) }
    return refused.outcome === 'denied' ? { ...refused, subject } : refused
  }
}
