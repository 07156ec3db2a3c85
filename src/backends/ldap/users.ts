import { AndFilter, type Filter, OrFilter } from 'ldapts'
import { stateAttributes } from './account-state.ts'
import type { Deadline } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import type { RootDse } from './connections/root-dse.ts'
import type { SearchQuery } from './connections/session.ts'
import type { Entry } from './entry.ts'
import { type FilterTemplate, parseFilterTemplate } from './filter.ts'
import type { LdapOptions } from './options.ts'
import { habitsOf } from './preset.ts'
import { subjectRule } from './subject.ts'

/** Where and how an account is looked for. */
export interface UserSearch {
  readonly base: string
  readonly scope: 'base' | 'one' | 'sub'
  readonly filter: FilterTemplate
  /** What may stand before a backslash in the login name; it is not searched for. */
  readonly domain?: string | undefined
}

/** What a look-up gave: an entry and the kind of server that it came from, or why there is none. */
export type Lookup =
  | { readonly found: 'one'; readonly entry: Entry; readonly rootDse: RootDse }
  | { readonly found: 'none' }
  | { readonly found: 'several' }

/** Looks accounts up by login name and by subject. An error in one search is an error: no later one hides it. */
export interface Users {
  byUsername(username: string, deadline: Deadline): Promise<Lookup>
  bySubject(subject: string, deadline: Deadline): Promise<Lookup>
}

type Place = Pick<SearchQuery, 'base' | 'scope' | 'filter'> & Partial<Pick<SearchQuery, 'attributes'>>

interface Options {
  readonly searches: readonly UserSearch[]
  readonly subject: string | undefined
  readonly attributes: readonly string[]
}

/** The searches as configured, with their filters parsed; the preset's, where one has no filter. */
export const userSearches = ({ users = [], preset = 'openldap' }: Pick<LdapOptions, 'users' | 'preset'>) =>
  users.flatMap(({ base, filter, scope = 'sub', domain }): UserSearch[] =>
    (filter === undefined ? habitsOf[preset].filters : [filter]).map((text, at) => ({
      base,
      scope,
      filter: parseFilterTemplate(text),
      // Of the preset's filters the first is for the short name.
      domain: at === 0 ? domain : undefined
    }))
  )

/** What a search compares of a login name: of `CORP\alice` the search with the domain CORP takes `alice`. */
const nameWithin = (domain: string | undefined, username: string): string | undefined => {
  const at = username.indexOf('\\')
  if (at < 0 || domain === undefined) return username
  const isMine = username.slice(0, at).toLowerCase() === domain.toLowerCase()
  return isMine && at + 1 < username.length ? username.slice(at + 1) : undefined
}

/** Each place that is searched once, with the filter for whomever one of its searches could find. */
export const placesOf = (searches: readonly UserSearch[]) => {
  const places = Map.groupBy(searches, ({ base, scope }) => JSON.stringify([base, scope]))
  return [...places.values()].map((group) => {
    const filters = group.map(({ filter }) => filter.forAnybody)
    return { base: group[0]?.base ?? '', scope: group[0]?.scope ?? 'sub', anybody: new OrFilter({ filters }) }
  })
}

/** Finds accounts by the configured searches. */
export const createUsers = (
  directory: Pick<Directory, 'search' | 'rootDse'>,
  { searches, subject, attributes }: Options
): Users => {
  const lookup = async (query: Place, deadline: Deadline): Promise<Lookup> => {
    const answer = await directory.search({ attributes, ...query, sizeLimit: 2 }, deadline)
    const { result, entries, rootDse } = answer
    if (result.code === codes.sizeLimitExceeded) return { found: 'several' }
    if (result.code !== codes.success) throw failedResult('search', result)
    const [entry] = entries
    if (entry === undefined) return { found: 'none' }
    return entries.length > 1 ? { found: 'several' } : { found: 'one', entry, rootDse }
  }

  const anybodyAt = placesOf(searches)

  const firstFound = async (queries: Iterable<Place>, deadline: Deadline): Promise<Lookup> => {
    for (const query of queries) {
      const answer = await lookup(query, deadline)
      if (answer.found !== 'none') return answer
    }
    return { found: 'none' }
  }

  /** A name such as `CORP\alice` is searched for as it stands, by whoever was not told of the domain. */
  const traceDomain = (username: string, { trace }: Deadline): void => {
    const domain = username.slice(0, Math.max(0, username.indexOf('\\')))
    const isKnown = searches.some((search) => search.domain?.toLowerCase() === domain.toLowerCase())
    if (domain === '' || isKnown) return
    const text = `no search takes the domain ${domain}`
    trace?.({ step: 'search', outcome: 'note', text, remedy: 'set `users[].domain`, or log in without it' })
  }

  return {
    byUsername(username, deadline) {
      traceDomain(username, deadline)
      return firstFound(
        searches.flatMap(({ base, scope, filter, domain }) => {
          const name = nameWithin(domain, username)
          return name === undefined ? [] : [{ base, scope, filter: filter.forUsername(name) }]
        }),
        deadline
      )
    },
    async bySubject(value, deadline) {
      const rule = subjectRule(subject, await directory.rootDse(deadline))
      const bySubject: Filter | undefined = rule.filter(value)
      if (bySubject === undefined) return { found: 'none' }
      const answer = await firstFound(
        anybodyAt.map(({ base, scope, anybody }) => ({
          base,
          scope,
          filter: new AndFilter({ filters: [bySubject, anybody] }),
          attributes: [...attributes, ...stateAttributes]
        })),
        deadline
      )
      // A directory compares without case, we compare bytes: `ALICE` is not the subject `alice`.
      return answer.found === 'one' && rule.read(answer.entry) !== value ? { found: 'none' } : answer
    }
  }
}
