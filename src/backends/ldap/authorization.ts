import type { BackendContext, IdentityAnswer, PermissionAnswer, PermissionRequest } from '../../auth/backend.ts'
import { createCache } from './cache.ts'
import { accountOf, type LdapAccount } from './identity.ts'
import { type LdapOptions, rememberMsOf } from './options.ts'
import { groupGrants } from './permissions.ts'
import type { Standing } from './standing.ts'

/** How accounts are found whose permissions are asked for; past any cache. */
export interface AccountSource {
  readonly standing: Standing
  bySubject(subject: string, context: BackendContext): Promise<IdentityAnswer>
  /** Absent where the backend speaks of its own accounts only. @param email canonical */
  readonly byEmail?: (email: string, context: BackendContext) => Promise<IdentityAnswer>
}

const stranger: PermissionAnswer = { grants: [], known: false }

/** The permissions of accounts, from their groups. What is remembered is keyed by the subject, never by a typed name. */
export const createAuthorization = (options: LdapOptions, source: AccountSource) => {
  const { groups, permissions = {} } = options
  const remembered = createCache<LdapAccount | undefined>({ ttlMs: rememberMsOf(options) })
  const grantsOf = groupGrants(permissions)

  const admitted = (answer: IdentityAnswer): LdapAccount | undefined =>
    answer.state === 'present' ? accountOf(answer.identity) : undefined

  const accountBy = async (request: PermissionRequest, context: BackendContext): Promise<LdapAccount | undefined> => {
    const { subject, email } = request
    const given = accountOf(request.identity)
    if (subject === null) {
      return email === undefined || source.byEmail === undefined
        ? undefined
        : admitted(await source.byEmail(email, context))
    }
    if (given !== undefined) {
      remembered.set(subject, given)
      return given
    }
    return remembered.get(subject, async () => admitted(await source.bySubject(subject, context)))
  }

  return async (request: PermissionRequest, context: BackendContext): Promise<PermissionAnswer> => {
    const isAnonymous = request.subject === null && request.email === undefined
    if (isAnonymous) return { grants: [] }
    const account = await accountBy(request, context)
    if (account === undefined) return stranger
    // The account keeps its groups: who remembers the one remembers the other.
    const found = await source.standing.groupsOf(account, context)
    if (found === undefined) return { grants: [] }
    const names = [...new Set(found.flatMap(({ name }) => name ?? []))]
    const grants = grantsOf(found)
    for (const { permission, origin } of grants)
      context.trace?.({ step: 'permissions', outcome: 'ok', text: `${permission} by ${origin}` })
    return { grants, groups: names, ...(groups?.groupPermissions ? { localGroups: names } : {}) }
  }
}
