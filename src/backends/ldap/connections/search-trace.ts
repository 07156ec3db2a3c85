import { AndFilter, EqualityFilter, type Filter, NotFilter, OrFilter, PresenceFilter, SubstringFilter } from 'ldapts'
import { adviceOnExcess, adviceOnSearch, adviceOnSilence } from './answer-advice.ts'
import type { Deadline } from './deadline.ts'
import { codes } from './result-codes.ts'
import type { SearchAnswer, SearchQuery, Session } from './session.ts'

const depth = { base: 'at', one: 'right below', sub: 'below' } as const

const shown = 3
const shownCharacters = 200

/** The attributes that a filter compares with a value. */
const attributesIn = (filter: Filter): string[] => {
  if (filter instanceof AndFilter || filter instanceof OrFilter) return filter.filters.flatMap(attributesIn)
  if (filter instanceof NotFilter) return []
  return filter instanceof EqualityFilter || filter instanceof SubstringFilter || filter instanceof PresenceFilter
    ? [filter.attribute]
    : []
}

/** What a filter demands, each part by itself. */
const partsOf = (filter: Filter): readonly Filter[] => (filter instanceof AndFilter ? filter.filters : [])

/** Of a filter that matched nothing, what no entry there has: an attribute, or else whatever one of its parts demands. */
const noneFound = async (session: Session, { base, scope, filter }: SearchQuery, deadline: Deadline) => {
  const isNowhere = async (alone: Filter): Promise<boolean> => {
    const query = { base, scope, filter: alone, attributes: ['1.1'], sizeLimit: 1 } as const
    const { result, entries } = await session.search(query, deadline)
    return result.code === codes.success && entries.length === 0
  }
  const absent: string[] = []
  for (const attribute of new Set(attributesIn(filter)))
    if (await isNowhere(new PresenceFilter({ attribute }))) absent.push(attribute)
  if (absent.length > 0)
    return {
      text: `no entry; none there has ${absent.join(' or ')}`,
      remedy: 'correct the attribute in the filter or the base, or let the service account read it'
    }
  const unmet: string[] = []
  for (const part of partsOf(filter)) if (await isNowhere(part)) unmet.push(String(part).slice(0, shownCharacters))
  if (unmet.length > 0) return { text: `no entry; none there matches ${unmet.join(' or ')}` }
  return partsOf(filter).length > 1
    ? { text: 'no entry; each part of the filter matches some, and all together none' }
    : { text: 'no entry' }
}

const entriesText = ({ entries }: SearchAnswer): string => {
  const some = entries.slice(0, shown).map(({ dn }) => dn)
  const more = entries.length > shown ? ' …' : ''
  return `${entries.length === 1 ? 'one entry' : `${entries.length} entries`}: ${some.join('; ')}${more}`
}

/** What is asked, and where. */
export const questionOf = ({ filter, scope, base }: Pick<SearchQuery, 'filter' | 'scope' | 'base'>): string =>
  `${filter} ${depth[scope]} ${base === '' ? 'the root' : base}`

/** Searches, and tells what was sent and what came back where somebody wants to know. */
export const tracedSearch = async (session: Session, query: SearchQuery, deadline: Deadline): Promise<SearchAnswer> => {
  const { trace } = deadline
  if (trace === undefined) return session.search(query, deadline)
  const began = performance.now()
  const question = questionOf(query)
  const tell = (outcome: 'ok' | 'failed' | 'note', { text, remedy }: { text: string; remedy?: string }, ms: number) =>
    trace({ step: 'search', outcome, text: `${question}: ${text}`, ms, ...(remedy !== undefined && { remedy }) })
  try {
    const answer = await session.search(query, deadline)
    const ms = performance.now() - began
    if (answer.references > 0) {
      const text = `referrals to other servers, which are not followed: ${answer.references}`
      trace({ step: 'referral', outcome: 'note', text })
    }
    // An account is asked for by no more than two entries, so that a second one is seen; any other cut answer is an error.
    const isSecond =
      answer.result.code === codes.sizeLimitExceeded && answer.entries.length > 1 && query.sizeLimit === 2
    if (isSecond) tell('note', { text: `more than ${answer.entries.length - 1}: ${entriesText(answer)}` }, ms)
    else if (answer.entries.length > query.sizeLimit) tell('failed', adviceOnExcess(query), ms)
    else if (answer.result.code !== codes.success) tell('failed', adviceOnSearch(query, answer.result), ms)
    else if (answer.entries.length === 0) tell('note', await noneFound(session, query, deadline), ms)
    else tell('ok', { text: entriesText(answer) }, ms)
    return answer
  } catch (error) {
    tell('failed', adviceOnSilence(error), performance.now() - began)
    throw error
  }
}
