import { AndFilter, EqualityFilter, type Filter, OrFilter, PresenceFilter } from 'ldapts'
import type { Deadline } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import { dnKey, firstValueOf, isWithin } from './dn.ts'
import { type Entry, reducedTo, textsOf } from './entry.ts'
import { parseFilter } from './filter.ts'
import type { Group } from './group-selector.ts'
import { subjectAttributes, subjectRule } from './subject.ts'

/** A group beside what else was asked for of the entry that it was read from. */
export interface FoundGroup extends Group {
  readonly entry: Entry
}

/** Where groups are looked for. */
export interface GroupPlace {
  readonly base: string
  readonly scope?: 'base' | 'one' | 'sub'
  readonly filter?: string
}

/** Finds groups; an answer that is cut is an error. */
export interface GroupSearch {
  /** Those below the base that fit one of the filters and all that is demanded of every group. */
  find(demanded: Filter[], oneOf: readonly Filter[], deadline: Deadline): Promise<FoundGroup[]>
  /** Those of these names that are below the base and fit the configured filter, in no order. */
  read(dns: readonly string[], deadline: Deadline): Promise<FoundGroup[]>
}

/** Beyond this the answer is refused, never cut: a missing group may be the one that vetoes. */
export const maxGroups = 5000
/** How many groups one search asks about. */
const batchSize = 100
const pageSize = 500
const readsAtOnce = 8

const maxKnownNames = 20_000

/** Parsing the same names at each login would cost more than the search. */
const createNames = () => {
  const known = new Map<string, { key: string; name: string | undefined }>()
  return (dn: string) => {
    const seen = known.get(dn)
    if (seen !== undefined) return seen
    if (known.size >= maxKnownNames) known.clear()
    try {
      const [type, value] = firstValueOf(dn) ?? []
      const parsed = { key: dnKey(dn), name: type === 'cn' ? value : undefined }
      known.set(dn, parsed)
      return parsed
    } catch (cause) {
      throw new LdapFailure('protocol', 'a group has a name that is no DN', { cause })
    }
  }
}

const inBatches = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size))

/** @param options.attributes what is read of each group beside its name; @param options.withIds whether its id is */
export const createGroupSearch = (
  directory: Directory,
  options: GroupPlace & { readonly attributes: readonly string[]; readonly withIds: boolean }
): GroupSearch => {
  const { base, scope = 'sub', withIds } = options
  const place = dnKey(base)
  const configured = options.filter === undefined ? [] : [parseFilter(options.filter)]
  const attributes = ['cn', ...options.attributes, ...(withIds ? subjectAttributes(undefined) : [])]
  const namesOf = createNames()
  const kept = new Set(options.attributes.map((name) => name.toLowerCase()))

  const search = async (
    query: Pick<Parameters<Directory['search']>[0], 'base' | 'scope' | 'filter'>,
    deadline: Deadline
  ) => {
    const pages = query.scope === 'base' ? {} : { pageSize }
    const answer = await directory.search({ ...query, attributes, sizeLimit: maxGroups, ...pages }, deadline)
    const { result, entries, rootDse } = answer
    const groups = (): FoundGroup[] =>
      entries.map((entry) => {
        const { key, name } = namesOf(entry.dn)
        const [cn, ...others] = textsOf(entry, 'cn')
        const id = withIds ? { id: subjectRule(undefined, rootDse).read(entry) } : {}
        const counted = name ?? (others.length === 0 ? cn : undefined)
        return { dn: entry.dn, key, name: counted, entry: reducedTo(entry, kept), ...id }
      })
    return { result, groups }
  }

  const find: GroupSearch['find'] = async (demanded, oneOf, deadline) => {
    const found: FoundGroup[] = []
    for (const filters of inBatches(oneOf, batchSize)) {
      const filter = new AndFilter({ filters: [...demanded, ...configured, new OrFilter({ filters })] })
      const { result, groups } = await search({ base, scope, filter }, deadline)
      if (result.code !== codes.success) throw failedResult('group search', result)
      found.push(...groups())
    }
    return found
  }

  const readOne = async (dn: string, deadline: Deadline): Promise<FoundGroup[]> => {
    if (!isWithin(namesOf(dn).key, place)) return []
    const filter = new AndFilter({ filters: [new PresenceFilter({ attribute: 'objectClass' }), ...configured] })
    const { result, groups } = await search({ base: dn, scope: 'base', filter }, deadline)
    // A name that leads nowhere, or to what we may not see, is no group of anybody.
    if (result.code === codes.noSuchObject) return []
    if (result.code !== codes.success) throw failedResult('group', result)
    return groups()
  }

  return {
    find,
    async read(dns, deadline) {
      const found: FoundGroup[] = []
      for (const some of inBatches(dns, readsAtOnce)) {
        found.push(...(await Promise.all(some.map((dn) => readOne(dn, deadline)))).flat())
      }
      return found
    }
  }
}

/** Filters for values of one attribute. */
export const equals = (attribute: string, values: readonly (string | Buffer)[]): Filter[] =>
  values.map((value) => new EqualityFilter({ attribute, value }))
