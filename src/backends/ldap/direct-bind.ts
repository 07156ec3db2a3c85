import { PresenceFilter } from 'ldapts'
import type { AuthenticateContext, PasswordCredentials, PasswordWarnings } from '../../auth/backend.ts'
import { type Refused, refusalOf, warningsOf } from './bind-verdict.ts'
import type { Directory } from './connections/directory.ts'
import { LdapFailure } from './connections/failure.ts'
import type { Result } from './connections/messages.ts'
import { codes } from './connections/result-codes.ts'
import type { RootDse } from './connections/root-dse.ts'
import { dnKey } from './dn.ts'
import type { Entry } from './entry.ts'
import { tracedSubject } from './entry-trace.ts'
import type { LdapOptions } from './options.ts'
import { subjectRule } from './subject.ts'
import { createUsers, type UserSearch, userSearches } from './users.ts'

const placeholder = '{username}'

/** RFC 4514 2.4: a login name as a value within a DN. */
const escapedDnValue = (value: string): string =>
  value.replace(/[\\"+,;<>=]|^[ #]| $/g, (character) => `\\${character}`)

/** Whether the template makes DNs, rather than names that Active Directory takes (`{username}@example.com`). */
export const makesDns = (template: string): boolean => {
  try {
    dnKey(template.replaceAll(placeholder, 'name'))
    return true
  } catch {
    return false
  }
}

/** The search that finds whom the template names: `uid={username},ou=users,…` is `(uid={username})` below `ou=users,…`. */
export const searchOfTemplate = (template: string): { base: string; scope: 'one'; filter: string } | undefined => {
  const [, attribute, base] = /^\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*\{username\}\s*,(.+)$/.exec(template) ?? []
  return attribute === undefined || base === undefined
    ? undefined
    : { base: base.trim(), scope: 'one', filter: `(${attribute}={username})` }
}

/** Where accounts are looked for: as configured, else where the template puts them. */
export const searchesOf = (options: Pick<LdapOptions, 'users' | 'preset' | 'dnTemplate'>): readonly UserSearch[] => {
  const { users = [], dnTemplate } = options
  const implied = users.length === 0 && dnTemplate !== undefined ? searchOfTemplate(dnTemplate) : undefined
  return userSearches(implied ? { users: [implied] } : options)
}

/** Somebody whose password is right: the entry as they may read it themselves. */
export interface Bound {
  readonly outcome: 'bound'
  readonly entry: Entry
  readonly subject: string
  /** What the answer to the bind said of the password. */
  readonly warnings: PasswordWarnings | undefined
}

/** An entry that was read as the user whose it is. */
interface Read {
  readonly outcome: 'read'
  readonly entry: Entry
  readonly server: RootDse
  /** The answer to the bind. */
  readonly result: Result
}

const readOf = (dn: string): UserSearch => {
  const anything = new PresenceFilter({ attribute: 'objectClass' })
  return { base: dn, scope: 'base', filter: { forUsername: () => anything, forAnybody: anything, loginAttributes: [] } }
}

/**
 * Binds as the name that a template makes of the login name, then reads the true entry as that user: by the configured
 * searches, or where the name is. An entry elsewhere is another's until it has taken the same password.
 */
export const createDirectBind = (
  directory: Directory,
  options: {
    readonly template: string
    readonly searches: readonly UserSearch[]
    readonly subject: string | undefined
    readonly attributes: readonly string[]
  }
) => {
  const { template, searches, subject, attributes } = options
  const isDn = makesDns(template)
  const keyOf = (name: string): string => (isDn ? dnKey(name) : name.normalize('NFKC').toLowerCase())

  /** Whose a password is that is right and must be changed, as the service account sees it; nobody where that sees nothing. */
  const withSubject = async (refused: Refused, name: string, context: AuthenticateContext): Promise<Refused> => {
    const mayChange =
      refused.outcome === 'denied' &&
      (refused.reason === 'must-change-password' || refused.reason === 'password-expired')
    if (!mayChange || !isDn) return refused
    try {
      const users = createUsers(directory, { searches: [readOf(name)], subject, attributes })
      const answer = await users.byUsername(name, context)
      if (answer.found !== 'one') return refused
      return { ...refused, subject: subjectRule(subject, answer.rootDse).read(answer.entry) }
    } catch (error) {
      if (error instanceof LdapFailure) return refused
      throw error
    }
  }

  return async (
    { username, password }: PasswordCredentials,
    context: AuthenticateContext
  ): Promise<Refused | Bound> => {
    const name = template.replaceAll(placeholder, () => (isDn ? escapedDnValue(username) : username))
    await context.found(`bind:${keyOf(name)}`)
    const bound = await directory.use(
      'binds',
      async ({ session, rootDse, deadline }): Promise<Refused | Read> => {
        const result = await session.bind(name, password, deadline)
        if (isNobody(result)) return { outcome: 'unknown' }
        const server = await rootDse()
        const refused = refusalOf(result, server, context)
        if (refused) return withSubject(refused, name, context)
        const asUser = {
          search: async (query: Parameters<Directory['search']>[0]) => ({
            ...(await session.search(query, deadline)),
            rootDse: server
          }),
          rootDse
        }
        const users = createUsers(asUser, {
          searches: searches.length > 0 ? searches : [readOf(name)],
          subject,
          attributes
        })
        const answer = await users.byUsername(username, deadline)
        if (answer.found === 'several') return { outcome: 'rejected', reason: 'ambiguous' }
        if (answer.found === 'none') throw new LdapFailure('refused', 'a user can bind, and not read their own entry')
        const { entry } = answer
        if (!(isDn && dnKey(entry.dn) === dnKey(name))) {
          const again = refusalOf(await session.bind(entry.dn, password, deadline), server, context)
          if (again) return again
        }
        return { outcome: 'read', entry, server, result }
      },
      context
    )
    if (bound.outcome !== 'read') return bound
    const { entry, server, result } = bound
    const found = tracedSubject(subjectRule(subject, server), entry, context)
    await context.found(found)
    return { outcome: 'bound', entry, subject: found, warnings: warningsOf(result) }
  }
}

/** Active Directory's `data 525`, and names that no entry can have. */
const isNobody = ({ code, diagnostic }: { code: number; diagnostic: string }): boolean =>
  code === codes.noSuchObject ||
  code === codes.invalidDnSyntax ||
  (code === codes.invalidCredentials && /\bdata 525\b/.test(diagnostic))
