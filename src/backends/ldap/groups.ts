import { EqualityFilter, ExtensibleFilter, type Filter, PresenceFilter } from 'ldapts'
import type { Deadline } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/session.ts'
import { valuesOf } from './entry.ts'
import { createGroupSearch, equals, type FoundGroup, type GroupPlace, maxGroups } from './group-search.ts'
import type { Group } from './group-selector.ts'
import type { LdapAccount } from './identity.ts'
import { primaryGroupSid } from './security-id.ts'
import { allTextsOf } from './value-range.ts'

/** Where groups are, and how it is known who is in them. */
export interface GroupOptions extends GroupPlace {
  /** Absent: what the server knows best. */
  readonly type?: GroupType
  readonly nested?: boolean
}

/** Kinds of groups: most are searched by their members, `memberOf` is read from the account. */
export type GroupType = (typeof groupTypes)[number]

/** All kinds of groups. */
export const groupTypes = [
  'groupOfNames',
  'groupOfUniqueNames',
  'posixGroup',
  'organizationalRole',
  'memberOf',
  'active-directory'
] as const

const maxDepth = 32

/** LDAP_MATCHING_RULE_IN_CHAIN: Active Directory follows nesting itself. OpenLDAP would answer with nothing. */
const inChain = '1.2.840.113556.1.4.1941'

type SearchedType = Exclude<GroupType, 'memberOf'>

const searched: Readonly<Record<SearchedType, { objectClass: string; member: string }>> = {
  groupOfNames: { objectClass: 'groupOfNames', member: 'member' },
  groupOfUniqueNames: { objectClass: 'groupOfUniqueNames', member: 'uniqueMember' },
  posixGroup: { objectClass: 'posixGroup', member: '' },
  organizationalRole: { objectClass: 'organizationalRole', member: 'roleOccupant' },
  'active-directory': { objectClass: 'group', member: 'member' }
}

/** What of an account's entry its groups are found by. */
export const accountAttributes = ({ type }: GroupOptions): readonly string[] => {
  if (type === 'memberOf') return ['memberOf']
  if (type === 'posixGroup') return ['uid', 'gidNumber']
  return type === undefined || type === 'active-directory' ? ['objectSid', 'primaryGroupID'] : []
}

/** Goes from groups to the groups that these are in until nothing new comes; loops end by themselves. */
const closureOf = async <T>(
  first: readonly T[],
  groupsOf: (items: readonly T[]) => Promise<FoundGroup[]>,
  onwardFrom: (fresh: readonly FoundGroup[]) => Promise<readonly T[]>
): Promise<FoundGroup[]> => {
  const found = new Map<string, FoundGroup>()
  let items = first
  for (let depth = 0; items.length > 0; depth += 1) {
    if (depth > maxDepth) throw new LdapFailure('size-limit', `groups nest deeper than ${maxDepth}`)
    const fresh = (await groupsOf(items)).filter(({ key }) => !found.has(key))
    for (const group of fresh) found.set(group.key, group)
    if (found.size > maxGroups) throw new LdapFailure('size-limit', `the account is in more than ${maxGroups} groups`)
    items = await onwardFrom(fresh)
  }
  return [...found.values()]
}

/** Finds an account's groups. An error, a limit of the server and a limit of ours refuse; nothing is ever cut. */
export const createGroups = (directory: Directory, options: GroupOptions, withIds = false) => {
  const { type, nested = false } = options
  const attributes = type === 'memberOf' && nested ? ['memberOf'] : []
  const groups = createGroupSearch(directory, { ...options, attributes, withIds })

  const byMember = (kind: SearchedType, account: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    const { objectClass, member } = searched[kind]
    const posix = [...equals('memberUid', account.uids), ...equals('gidNumber', account.gidNumbers)]
    const sid = kind === 'active-directory' ? primaryGroupSid(account.entry) : undefined
    const direct = kind === 'posixGroup' ? posix : equals(member, [account.dn])
    return closureOf<Filter>(
      [...direct, ...(sid ? equals('objectSid', [sid]) : [])],
      (filters) => groups.find(equals('objectClass', [objectClass]), filters, deadline),
      async (fresh) =>
        nested && member !== ''
          ? equals(
              member,
              fresh.map(({ dn }) => dn)
            )
          : []
    )
  }

  const byMemberOf = async (account: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    const parentsOf = (entry: LdapAccount['entry']) => allTextsOf(directory, entry, 'memberOf', maxGroups, deadline)
    return closureOf(
      await parentsOf(account.entry),
      (dns) => groups.read(dns, deadline),
      async (fresh) => (nested ? (await Promise.all(fresh.map(({ entry }) => parentsOf(entry)))).flat() : [])
    )
  }

  const byChain = async (account: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    const isGroup = equals('objectClass', ['group'])
    const sid = primaryGroupSid(account.entry)
    const primary = sid ? await groups.find(isGroup, equals('objectSid', [sid]), deadline) : []
    const members = [account.dn, ...primary.map(({ dn }) => dn)]
    const chains = members.map((value) => new ExtensibleFilter({ matchType: 'member', rule: inChain, value }))
    return [...primary, ...(await groups.find(isGroup, chains, deadline))]
  }

  /** tokenGroups: the security groups that Active Directory itself counts, nested and primary ones among them. */
  const byToken = async (account: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    const filter = new PresenceFilter({ attribute: 'objectClass' })
    const query = { base: account.dn, scope: 'base', filter, attributes: ['tokenGroups'], sizeLimit: 1 } as const
    const { result, entries } = await directory.search(query, deadline)
    const [entry] = entries
    if (result.code !== codes.success || entry === undefined) throw failedResult('tokenGroups', result)
    const sids = valuesOf(entry, 'tokenGroups')
    if (sids.length === 0) return byChain(account, deadline)
    return groups.find(
      [new EqualityFilter({ attribute: 'objectClass', value: 'group' })],
      equals('objectSid', sids),
      deadline
    )
  }

  const find = async (account: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    if (type === 'memberOf') return byMemberOf(account, deadline)
    const { isActiveDirectory } = await directory.rootDse(deadline)
    if (type === undefined) {
      if (!isActiveDirectory) return byMember('groupOfNames', account, deadline)
      return nested ? byToken(account, deadline) : byMember('active-directory', account, deadline)
    }
    const follows = nested && isActiveDirectory && type === 'active-directory'
    return follows ? byChain(account, deadline) : byMember(type, account, deadline)
  }

  return async (account: LdapAccount, deadline: Deadline): Promise<readonly Group[]> => {
    const found = new Map((await find(account, deadline)).map((group) => [group.key, group]))
    if (found.size > maxGroups) throw new LdapFailure('size-limit', `the account is in more than ${maxGroups} groups`)
    return [...found.values()].map(({ entry: _, ...group }) => group)
  }
}
