import type {
  AuthenticateContext,
  Backend,
  BackendContext,
  BackendTools,
  Credentials,
  IdentityAnswer,
  PasswordCredentials,
  PermissionAnswer,
  PermissionRequest,
  Verdict
} from '../../auth/backend.ts'
import { BackendUnavailable } from '../../errors.ts'
import { activeDirectoryState } from './account-state.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/session.ts'
import { createGroups } from './groups.ts'
import { accountOf, attributeMapping, createIdentityMaker, type LdapAccount } from './identity.ts'
import { openDirectory } from './open-directory.ts'
import type { LdapOptions } from './options.ts'
import { groupGrants } from './permissions.ts'
import { subjectAttributes, subjectRule } from './subject.ts'
import { createUsers, userSearches } from './users.ts'

/** Opens the backend; connects at the first question. */
export const openLdap = (id: string, options: LdapOptions, tools: BackendTools): Backend => {
  const directory = openDirectory(id, options, tools)
  const searches = userSearches(options.users)
  const loginAttributes = [...new Set(searches.flatMap(({ filter }) => filter.loginAttributes))]
  const { attributes, identityOf } = createIdentityMaker(attributeMapping(options.attributes), loginAttributes)
  const users = createUsers(directory, {
    searches,
    subject: options.subject,
    attributes: [...attributes, ...subjectAttributes(options.subject)]
  })
  const groupsOf = options.groups && createGroups(directory, options.groups)
  const grantsOf = groupGrants(options.permissions ?? {})

  const verifyPassword = async (
    { password }: PasswordCredentials,
    account: { dn: string; isActiveDirectory: boolean },
    context: AuthenticateContext
  ): Promise<Exclude<Verdict, { outcome: 'accepted' }> | undefined> => {
    const { code, diagnostic, ...result } = await directory.bind(account.dn, password, context)
    if (code === codes.success) return undefined
    const state = account.isActiveDirectory ? activeDirectoryState(diagnostic) : undefined
    if (state !== undefined) return { outcome: 'denied', reason: state }
    // An account without a password can't be told from one with another: servers answer either way.
    const isWrong = code === codes.invalidCredentials || code === codes.inappropriateAuthentication
    if (isWrong) return { outcome: 'rejected', reason: 'wrong-password' }
    throw failedResult('bind', { code, diagnostic, ...result })
  }

  const authenticate = async (credentials: PasswordCredentials, context: AuthenticateContext): Promise<Verdict> => {
    const { username, password } = credentials
    if (password === '') return { outcome: 'rejected', reason: 'empty-password' }
    if (`${username}${password}`.includes('\0')) return { outcome: 'rejected', reason: 'malformed' }
    if (username === '') return { outcome: 'unknown' }
    const answer = await users.byUsername(username, context)
    if (answer.found === 'none') return { outcome: 'unknown' }
    if (answer.found === 'several') return { outcome: 'rejected', reason: 'ambiguous' }
    const { entry, rootDse } = answer
    const subject = subjectRule(options.subject, rootDse).read(entry)
    await context.found(subject)
    const { isActiveDirectory } = rootDse
    const refused = await verifyPassword(credentials, { dn: entry.dn, isActiveDirectory }, context)
    return refused ?? { outcome: 'accepted', identity: identityOf(entry, subject) }
  }

  const identity = async (subject: string, context: BackendContext): Promise<IdentityAnswer> => {
    const answer = await users.bySubject(subject, context)
    if (answer.found === 'none') return { state: 'gone' }
    if (answer.found === 'several') throw new LdapFailure('protocol', 'several entries have the same subject')
    return { state: 'present', identity: identityOf(answer.entry, subject) }
  }

  const accountBy = async (request: PermissionRequest, context: BackendContext): Promise<LdapAccount | undefined> => {
    if (request.subject === null) return undefined
    const known = accountOf(request.identity)
    if (known) return known
    const answer = await identity(request.subject, context)
    return answer.state === 'present' ? accountOf(answer.identity) : undefined
  }

  const permissions = async (request: PermissionRequest, context: BackendContext): Promise<PermissionAnswer> => {
    const account = groupsOf && (await accountBy(request, context))
    if (groupsOf === undefined || account === undefined) return { grants: [] }
    const groups = await groupsOf(account, context)
    return { grants: grantsOf(groups), groups: groups.flatMap(({ name }) => name ?? []) }
  }

  /** What the directory could not tell becomes the word that the chain knows; all else passes. */
  const answered =
    <Arguments extends unknown[], T>(ask: (...args: Arguments) => Promise<T>) =>
    async (...args: Arguments): Promise<T> => {
      try {
        return await ask(...args)
      } catch (error) {
        throw error instanceof LdapFailure ? new BackendUnavailable(id, { reason: error.reason, cause: error }) : error
      }
    }

  return {
    takes: ['password'],
    authenticate: answered(async (credentials: Credentials, context: AuthenticateContext) =>
      credentials.kind === 'password' ? authenticate(credentials, context) : { outcome: 'unknown' }
    ),
    identity: answered(identity),
    permissions: answered(permissions),
    probe: answered((context: BackendContext) => directory.probe(context)),
    availability: () => directory.status(),
    close: async () => directory.close()
  }
}
