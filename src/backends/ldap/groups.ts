import { AndFilter, EqualityFilter, type Filter, OrFilter } from 'ldapts'
import type { Deadline } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/session.ts'
import { dnKey } from './dn.ts'
import { textsOf } from './entry.ts'
import { parseFilter } from './filter.ts'
import type { LdapAccount } from './identity.ts'

/** The object classes that groups come in. */
export type GroupType = 'groupOfNames' | 'groupOfUniqueNames' | 'posixGroup'

/** A group that an account is in, directly or through others. */
export interface Group {
  readonly dn: string
  readonly key: string
  /** Its `cn`, where it has one. */
  readonly name: string | undefined
}

/** Where groups are looked for, and what their members are. */
export interface GroupOptions {
  readonly base: string
  readonly type: GroupType
  readonly scope?: 'base' | 'one' | 'sub'
  readonly filter?: string
  readonly nested?: boolean
}

// Beyond these the answer is refused, never cut: a missing group may be the one that vetoes.
const maxGroups = 5000
const maxDepth = 32
/** How many groups one search asks about. */
const batchSize = 100
const pageSize = 500

const equals = (attribute: string, values: readonly string[]): Filter[] =>
  values.map((value) => new EqualityFilter({ attribute, value }))

const memberFilters: Readonly<Record<GroupType, (account: LdapAccount) => Filter[]>> = {
  groupOfNames: ({ dn }) => equals('member', [dn]),
  groupOfUniqueNames: ({ dn }) => equals('uniqueMember', [dn]),
  posixGroup: ({ uids, gidNumbers }) => [...equals('memberUid', uids), ...equals('gidNumber', gidNumbers)]
}

const batches = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / batchSize) }, (_, at) =>
    items.slice(at * batchSize, (at + 1) * batchSize)
  )

const keyOf = (dn: string): string => {
  try {
    return dnKey(dn)
  } catch (cause) {
    throw new LdapFailure('protocol', 'a group has a name that is no DN', { cause })
  }
}

/** Finds an account's groups by searching for those that name it as a member, level by level where they nest. */
export const createGroups = (directory: Directory, options: GroupOptions) => {
  const { base, type, scope = 'sub', nested = false } = options
  const demanded = [
    new EqualityFilter({ attribute: 'objectClass', value: type }),
    ...(options.filter === undefined ? [] : [parseFilter(options.filter)])
  ]

  const search = async (members: Filter[], deadline: Deadline): Promise<Group[]> => {
    const filter = new AndFilter({ filters: [...demanded, new OrFilter({ filters: members })] })
    const query = { base, scope, filter, attributes: ['cn'], sizeLimit: maxGroups, pageSize }
    const { result, entries } = await directory.search(query, deadline)
    if (result.code !== codes.success) throw failedResult('group search', result)
    return entries.map((entry) => ({ dn: entry.dn, key: keyOf(entry.dn), name: textsOf(entry, 'cn')[0] }))
  }

  const searchAll = async (members: Filter[], deadline: Deadline): Promise<Group[]> => {
    const found: Group[] = []
    for (const batch of batches(members)) found.push(...(await search(batch, deadline)))
    return found
  }

  return async (account: LdapAccount, deadline: Deadline): Promise<readonly Group[]> => {
    const groups = new Map<string, Group>()
    let members = memberFilters[type](account)
    for (let depth = 0; members.length > 0; depth += 1) {
      if (depth > maxDepth) throw new LdapFailure('size-limit', `groups nest deeper than ${maxDepth}`)
      const fresh = (await searchAll(members, deadline)).filter(({ key }) => !groups.has(key))
      for (const group of fresh) groups.set(group.key, group)
      if (groups.size > maxGroups)
        throw new LdapFailure('size-limit', `the account is in more than ${maxGroups} groups`)
      members = nested ? fresh.flatMap(({ dn }) => memberFilters[type]({ dn, uids: [], gidNumbers: [] })) : []
    }
    return [...groups.values()]
  }
}
