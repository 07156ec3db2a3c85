import {
  AndFilter,
  ApproximateFilter,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  FilterParser,
  GreaterThanEqualsFilter,
  LessThanEqualsFilter,
  NotFilter,
  OrFilter,
  PresenceFilter,
  SubstringFilter
} from 'ldapts'

const placeholder = '{username}'

/** What is wrong where the login name is written as django-auth-ldap has it. */
export const foreignPlaceholder = (text: string): string | undefined =>
  text.includes('%(user)s') ? `write ${placeholder} instead of %(user)s` : undefined

/** A search filter with `{username}` in it, parsed once. */
export interface FilterTemplate {
  /** The filter for a login name. The name becomes a value of the filter object; it never meets filter syntax. */
  forUsername(username: string): Filter
  /** The filter for any login name: what it demands besides. */
  readonly forAnybody: Filter
  /** The attributes that the login name is compared with, in order. */
  readonly loginAttributes: readonly string[]
}

/** Without the space between parts, which people write and RFC 4515 does not know; a parenthesis within a value is escaped. */
const withoutLayout = (text: string): string =>
  text
    .trim()
    .replace(/\)\s+(?=[()])/g, ')')
    .replace(/\(([&|!])\s+(?=\()/g, '($1')

/** Parses a filter (RFC 4515). @throws {Error} whose message says what is wrong */
export const parseFilter = (text: string): Filter => {
  if (/\\[89a-f][0-9a-f]/i.test(text)) throw new Error('write a character beyond ASCII as itself, not by escapes')
  const filter = withoutLayout(text)
  if (!filter.startsWith('(')) throw new Error('a filter stands in parentheses')
  // The parser takes (&(uid=x) for whole.
  const open = filter.split('(').length - filter.split(')').length
  if (open !== 0) throw new Error(`${open > 0 ? 'a closing' : 'an opening'} parenthesis is missing`)
  return FilterParser.parseString(filter)
}

type Assertion =
  | ApproximateFilter
  | EqualityFilter
  | GreaterThanEqualsFilter
  | LessThanEqualsFilter
  | ExtensibleFilter
  | SubstringFilter

const hasPlaceholder = (value: string | Buffer): boolean => typeof value === 'string' && value.includes(placeholder)

const valuesOf = (filter: Assertion): readonly (string | Buffer)[] =>
  filter instanceof SubstringFilter ? [filter.initial, ...filter.any, filter.final] : [filter.value]

const attributeOf = (filter: Assertion): string =>
  filter instanceof ExtensibleFilter ? filter.matchType : filter.attribute

/** The same assertion with another way to its values. */
const withValues = (filter: Assertion, fill: (value: string) => string): Filter => {
  if (filter instanceof SubstringFilter) {
    const { attribute, initial, any, final } = filter
    return new SubstringFilter({ attribute, initial: fill(initial), any: any.map(fill), final: fill(final) })
  }
  const value = fill(String(filter.value))
  if (filter instanceof ExtensibleFilter) {
    const { matchType, rule, dnAttributes } = filter
    return new ExtensibleFilter({ matchType, rule, dnAttributes, value })
  }
  const { attribute } = filter
  if (filter instanceof EqualityFilter) return new EqualityFilter({ attribute, value })
  if (filter instanceof GreaterThanEqualsFilter) return new GreaterThanEqualsFilter({ attribute, value })
  if (filter instanceof LessThanEqualsFilter) return new LessThanEqualsFilter({ attribute, value })
  return new ApproximateFilter({ attribute, value })
}

const isSet = (filter: Filter): filter is AndFilter | OrFilter =>
  filter instanceof AndFilter || filter instanceof OrFilter

/** Rebuilds the filter with its placeholders replaced; parts without one are shared. */
const replaceIn = (filter: Filter, replace: (assertion: Assertion) => Filter): Filter => {
  if (filter instanceof NotFilter || filter instanceof PresenceFilter) return filter
  if (filter instanceof AndFilter)
    return new AndFilter({ filters: filter.filters.map((part) => replaceIn(part, replace)) })
  if (filter instanceof OrFilter)
    return new OrFilter({ filters: filter.filters.map((part) => replaceIn(part, replace)) })
  const assertion = filter as Assertion
  return valuesOf(assertion).some(hasPlaceholder) ? replace(assertion) : assertion
}

const placeholdersIn = (filter: Filter, negated = false): { attribute: string; negated: boolean }[] => {
  if (isSet(filter)) return filter.filters.flatMap((part) => placeholdersIn(part, negated))
  if (filter instanceof NotFilter) return placeholdersIn(filter.filter, true)
  if (filter instanceof PresenceFilter) return []
  const assertion = filter as Assertion
  return valuesOf(assertion).some(hasPlaceholder) ? [{ attribute: attributeOf(assertion), negated }] : []
}

/** Parses a filter that a login name goes into. @throws {Error} whose message says what is wrong */
export const parseFilterTemplate = (text: string): FilterTemplate => {
  const foreign = foreignPlaceholder(text)
  if (foreign !== undefined) throw new Error(foreign)
  const filter = parseFilter(text)
  const found = placeholdersIn(filter)
  if (found.length === 0) throw new Error('{username} stands nowhere in the filter, as a value: (uid={username})')
  if (found.some(({ negated }) => negated)) throw new Error('{username} cannot stand inside a negation')
  const anybody = (assertion: Assertion) => new PresenceFilter({ attribute: attributeOf(assertion) || 'objectClass' })
  return {
    forUsername: (username) =>
      replaceIn(filter, (assertion) => withValues(assertion, (value) => value.replaceAll(placeholder, () => username))),
    forAnybody: replaceIn(filter, anybody),
    loginAttributes: [...new Set(found.map(({ attribute }) => attribute).filter((attribute) => attribute !== ''))]
  }
}
