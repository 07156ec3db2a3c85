import { EqualityFilter, ExtensibleFilter, type Filter, PresenceFilter } from 'ldapts'
import { createCache } from './cache.ts'
import { type Deadline, untraced } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import { dnKey } from './dn.ts'
import { valuesOf } from './entry.ts'
import { createGroupSearch, equals, type FoundGroup, type GroupPlace, maxGroups } from './group-search.ts'
import type { Group } from './group-selector.ts'
import { type ParentsOf, withWays } from './group-ways.ts'
import type { LdapAccount } from './identity.ts'
import { primaryGroupAttributes, primaryGroupSid } from './security-id.ts'
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

/** One look for the groups of an account. */
export interface Look {
  readonly deadline: Deadline
  /** Whatever is remembered counts for nothing. */
  readonly past: boolean
}

type SearchedType = Exclude<GroupType, 'memberOf'>

const searched: Readonly<Record<SearchedType, { objectClass: string; member: string }>> = {
  groupOfNames: { objectClass: 'groupOfNames', member: 'member' },
  groupOfUniqueNames: { objectClass: 'groupOfUniqueNames', member: 'uniqueMember' },
  posixGroup: { objectClass: 'posixGroup', member: '' },
  organizationalRole: { objectClass: 'organizationalRole', member: 'roleOccupant' },
  'active-directory': { objectClass: 'group', member: 'member' }
}

const typeAt = (type: SearchedType | undefined, isActiveDirectory: boolean): SearchedType =>
  type ?? (isActiveDirectory ? 'active-directory' : 'groupOfNames')

/** The object class by which groups of a kind are found; with `memberOf` any entry may be one. */
export const objectClassOf = ({ type }: GroupOptions, isActiveDirectory: boolean): string | undefined =>
  type === 'memberOf' ? undefined : searched[typeAt(type, isActiveDirectory)].objectClass

/** What of an account's entry its groups are found by. */
export const accountAttributes = ({ type }: GroupOptions): readonly string[] => {
  if (type === 'posixGroup') return ['uid', 'gidNumber']
  if (type === 'memberOf') return ['memberOf', ...primaryGroupAttributes]
  return type === undefined || type === 'active-directory' ? primaryGroupAttributes : []
}

type Onward = (groups: readonly FoundGroup[]) => Promise<FoundGroup[]>

/** Goes from groups to the groups that these are in until nothing new comes; loops end by themselves. */
const closureOf = async (first: readonly FoundGroup[], onwardFrom: Onward): Promise<FoundGroup[]> => {
  const found = new Map<string, FoundGroup>()
  let groups = first
  for (let depth = 0; groups.length > 0; depth += 1) {
    if (depth > maxDepth) throw new LdapFailure('size-limit', `groups nest deeper than ${maxDepth}`)
    const fresh = groups.filter(({ key }) => !found.has(key))
    for (const group of fresh) found.set(group.key, group)
    if (found.size > maxGroups) throw new LdapFailure('size-limit', `the account is in more than ${maxGroups} groups`)
    groups = fresh.length > 0 ? await onwardFrom(fresh) : []
  }
  return [...found.values()]
}

/** Many people are in the same groups: which groups these are in is asked once for all of them, for a short time. */
const maxRemembered = 2000
/** What more groups than these are in is not remembered: their names alone would take the memory. */
const mostTogether = 100

/**
 * Finds an account's groups. An error, a limit of the server and a limit of ours refuse; nothing is ever cut.
 * @param given.rememberMs how long it is remembered which groups are in which; 0: never
 */
export const createGroups = (
  directory: Directory,
  options: GroupOptions,
  { withIds, rememberMs }: { readonly withIds: boolean; readonly rememberMs: number }
) => {
  const { type, nested = false } = options
  const attributes = type === 'memberOf' && nested ? ['memberOf'] : []
  const groups = createGroupSearch(directory, { ...options, attributes, withIds })
  const remembered = createCache<FoundGroup[]>({ ttlMs: rememberMs, max: maxRemembered })

  const nesting = (onwardFrom: Onward, { past }: Look): Onward => {
    if (!nested) return async () => []
    return async (from) => {
      if (past || from.length > mostTogether) return onwardFrom(from)
      const key = from.map((group) => group.key).sort()
      return remembered.get(key.join('\n'), () => onwardFrom(from))
    }
  }

  const byMember = async (kind: SearchedType, account: LdapAccount, look: Look): Promise<FoundGroup[]> => {
    const { objectClass, member } = searched[kind]
    const posix = [...equals('memberUid', account.uids), ...equals('gidNumber', account.gidNumbers)]
    const sid = kind === 'active-directory' ? primaryGroupSid(account.entry) : undefined
    const direct = kind === 'posixGroup' ? posix : equals(member, [account.dn])
    const find = (filters: readonly Filter[]) =>
      groups.find(equals('objectClass', [objectClass]), filters, look.deadline)
    const first = await find([...direct, ...(sid ? equals('objectSid', [sid]) : [])])
    const dnsOf = (from: readonly FoundGroup[]) => from.map(({ dn }) => dn)
    const onward: Onward = async (from) => (member === '' ? [] : find(equals(member, dnsOf(from))))
    return closureOf(first, nesting(onward, look))
  }

  const primaryGroupOf = async ({ entry }: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    const sid = primaryGroupSid(entry)
    return sid ? groups.find(equals('objectClass', ['group']), equals('objectSid', [sid]), deadline) : []
  }

  const memberOf = (entry: LdapAccount['entry'], deadline: Deadline): Promise<readonly string[]> =>
    allTextsOf(directory, entry, 'memberOf', maxGroups, deadline)

  const byMemberOf = async (account: LdapAccount, look: Look): Promise<FoundGroup[]> => {
    const { deadline } = look
    const { isActiveDirectory } = await directory.rootDse(deadline)
    const primary = isActiveDirectory ? await primaryGroupOf(account, deadline) : []
    const first = [...(await groups.read(await memberOf(account.entry, deadline), deadline)), ...primary]
    const onward: Onward = async (from) => {
      const parents = await Promise.all(from.map(({ entry }) => memberOf(entry, deadline)))
      return groups.read([...new Set(parents.flat())], deadline)
    }
    return closureOf(first, nesting(onward, look))
  }

  const byChain = async (account: LdapAccount, deadline: Deadline): Promise<FoundGroup[]> => {
    const isGroup = equals('objectClass', ['group'])
    const primary = await primaryGroupOf(account, deadline)
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

  const find = async (account: LdapAccount, look: Look): Promise<FoundGroup[]> => {
    const { deadline } = look
    if (type === 'memberOf') return byMemberOf(account, look)
    const { isActiveDirectory } = await directory.rootDse(deadline)
    const searchedType = typeAt(type, isActiveDirectory)
    const follows = nested && isActiveDirectory && searchedType === 'active-directory'
    if (!follows) return byMember(searchedType, account, look)
    return type === undefined ? byToken(account, deadline) : byChain(account, deadline)
  }

  /** The groups that an account or a group is in itself, by the way that they are found; for people only. */
  const parentsOf =
    (deadline: Deadline): ParentsOf =>
    async ({ dn, entry }) => {
      if (type === 'memberOf') return (await memberOf(entry, deadline)).map(dnKey)
      const { isActiveDirectory } = await directory.rootDse(deadline)
      const { objectClass, member } = searched[typeAt(type, isActiveDirectory)]
      const sid = isActiveDirectory ? primaryGroupSid(entry) : undefined
      const members = [...equals(member, [dn]), ...(sid ? equals('objectSid', [sid]) : [])]
      const found = await groups.find(equals('objectClass', [objectClass]), members, deadline)
      return found.map(({ key }) => key)
    }

  return async (account: LdapAccount, look: Look): Promise<readonly Group[]> => {
    const found = new Map((await find(account, look)).map((group) => [group.key, group]))
    if (found.size > maxGroups) throw new LdapFailure('size-limit', `the account is in more than ${maxGroups} groups`)
    const all = [...found.values()]
    const told = nested && look.deadline.trace ? await withWays(account, all, parentsOf(untraced(look.deadline))) : all
    return told.map(({ entry: _, ...group }) => group)
  }
}
