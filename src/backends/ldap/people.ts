import { AndFilter, EqualityFilter, OrFilter } from 'ldapts'
import { canonicalEmail } from '../../auth/email.ts'
import type { Deadline } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import type { RootDse } from './connections/root-dse.ts'
import { type Entry, firstTextsOf } from './entry.ts'
import { placesOf, type UserSearch } from './users.ts'

/** An entry, and the kind of server that it came from. */
export interface Person {
  readonly entry: Entry
  readonly rootDse: RootDse
}

/** Looks accounts up otherwise than by their names: all of them, or who has an address. */
export interface People {
  /** All accounts that a login could find, place by place; one that is in two places comes twice. */
  everybody(deadline: Deadline): AsyncIterable<Person>
  /** The only account that has this address; none where there are two. @param email canonical */
  byEmail(email: string, deadline: Deadline): Promise<Person | undefined>
}

/** Beyond this an answer is refused: it is kept in memory until it is complete. */
const maxPeople = 1_000_000
const pageSize = 500
/** Several spellings of one address may be several entries: enough to see that they are. */
const maxHolders = 20

/** Of those whom the configured searches can find. */
export const createPeople = (
  directory: Directory,
  options: {
    readonly searches: readonly UserSearch[]
    readonly attributes: readonly string[]
    readonly emailAttributes: readonly string[]
  }
): People => {
  const { attributes, emailAttributes } = options
  const places = placesOf(options.searches)

  const search = async (query: Omit<Parameters<Directory['search']>[0], 'attributes'>, deadline: Deadline) => {
    const { result, entries, rootDse } = await directory.search({ ...query, attributes }, deadline)
    if (result.code !== codes.success) throw failedResult('search', result)
    return entries.map((entry) => ({ entry, rootDse }))
  }

  return {
    async *everybody(deadline) {
      for (const { base, scope, anybody } of places) {
        yield* await search({ base, scope, filter: anybody, sizeLimit: maxPeople, pageSize }, deadline)
      }
    },
    async byEmail(email, deadline) {
      const addresses = new OrFilter({
        filters: emailAttributes.map((attribute) => new EqualityFilter({ attribute, value: email }))
      })
      const found = new Map<string, Person>()
      for (const { base, scope, anybody } of emailAttributes.length > 0 ? places : []) {
        const filter = new AndFilter({ filters: [addresses, anybody] })
        for (const person of await search({ base, scope, filter, sizeLimit: maxHolders, pageSize }, deadline)) {
          // A directory compares more loosely than we do; and an address that does not count for a login opens nothing.
          const emails = firstTextsOf(person.entry, emailAttributes).map(canonicalEmail)
          if (emails.includes(email)) found.set(person.entry.dn, person)
        }
      }
      const [only, ...others] = found.values()
      return others.length === 0 ? only : undefined
    }
  }
}
