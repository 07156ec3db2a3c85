import { AndFilter, EqualityFilter, type Filter, PresenceFilter } from 'ldapts'
import type { BackendContext } from '../../auth/backend.ts'
import { untraced } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import { questionOf } from './connections/search-trace.ts'
import type { SearchQuery } from './connections/session.ts'
import { tracedSubject } from './entry-trace.ts'
import { parseExpression } from './expression.ts'
import { parseFilter } from './filter.ts'
import { objectClassOf } from './groups.ts'
import { namedGroups } from './named-groups.ts'
import type { LdapOptions } from './options.ts'
import { subjectRule } from './subject.ts'
import type { UserSearch } from './users.ts'

/** What a configuration says that the directory alone can confirm: that its places are there, and what it looks for in them. */
export const createExamination = (
  directory: Directory,
  options: LdapOptions,
  {
    searches,
    subject,
    attributes
  }: {
    readonly searches: readonly UserSearch[]
    readonly subject: string | undefined
    readonly attributes: readonly string[]
  }
) => {
  const { groups, bind, dnTemplate } = options
  const conditions = [options.require, options.deny, options.flags?.isSuperuser].filter((one) => one !== undefined)
  const named = [
    ...conditions.flatMap((one) => parseExpression(one).texts.map(({ text }) => text)),
    ...Object.keys(options.permissions ?? {})
  ]

  /** Whether there is anything; not every server minds a size limit, and any limit is none to who looks for one account. */
  const look = async (
    query: Pick<SearchQuery, 'base' | 'scope' | 'filter' | 'attributes'>,
    context: BackendContext
  ) => {
    const began = performance.now()
    const first = await directory.search({ ...query, sizeLimit: 1, pageSize: 2 }, untraced(context))
    const [entry] = first.entries
    if (entry && [codes.success, codes.sizeLimitExceeded].some((code) => code === first.result.code)) {
      const text = `${questionOf(query)}: ${entry.dn}${first.entries.length > 1 ? ' and others' : ''}`
      context.trace?.({ step: 'search', outcome: 'ok', text, ms: performance.now() - began })
      return first
    }
    // Once more, to be told why.
    const answer = await directory.search({ ...query, sizeLimit: 2 }, context)
    if (answer.result.code !== codes.success) throw failedResult('search', answer.result)
    return answer
  }

  const kind = async (context: BackendContext): Promise<void> => {
    const found = (await directory.rootDse(context)).preset
    const { preset } = options
    if (preset === undefined || found === undefined || preset === found) return
    note(context, 'root-dse', `the directory is of another kind than preset: ${preset}`, `set preset: ${found}`)
  }

  const accounts = async (context: BackendContext): Promise<void> => {
    // Without a service account the entries are read as the person who logs in.
    if (dnTemplate !== undefined && bind === undefined) return
    for (const { base, scope, filter } of searches) {
      const { entries, rootDse } = await look({ base, scope, filter: filter.forAnybody, attributes }, context)
      const [entry] = entries
      if (entry) tracedSubject(subjectRule(subject, rootDse), entry, context)
      else note(context, 'search', 'nobody there could log in by this search', 'correct its base or its filter')
    }
  }

  const groupPlace = async (context: BackendContext): Promise<void> => {
    if (groups === undefined) return
    const { base, scope = 'sub', filter } = groups
    const objectClass = objectClassOf(groups, (await directory.rootDse(context)).isActiveDirectory)
    const ofKind: Filter =
      objectClass === undefined
        ? new PresenceFilter({ attribute: 'objectClass' })
        : new EqualityFilter({ attribute: 'objectClass', value: objectClass })
    const demanded = filter === undefined ? ofKind : new AndFilter({ filters: [ofKind, parseFilter(filter)] })
    const { entries } = await look({ base, scope, filter: demanded, attributes: ['1.1'] }, context)
    if (entries.length > 0) return
    const text = `no groups there${objectClass === undefined ? '' : ` of the class ${objectClass}`}`
    note(context, 'groups', text, 'correct `groups.base`, `groups.type` or `groups.filter`')
  }

  const groupNames = async (context: BackendContext): Promise<void> => {
    const found = await namedGroups(directory, named, context)
    const { isActiveDirectory } = await directory.rootDse(context)
    const isByToken = isActiveDirectory && groups?.nested === true && groups.type === undefined
    for (const [text, entry] of found) {
      if (entry === undefined)
        note(
          context,
          'groups',
          `there is no group ${text} that could be seen: nobody is in it`,
          'correct its DN, where it is configured'
        )
      else if (isByToken && isDistributionGroup(entry.values.get('grouptype')?.[0]))
        note(
          context,
          'groups',
          `${text} is a distribution group, and these are not in tokenGroups: nobody is in it`,
          'set `groups.type: active-directory`, or make it a security group'
        )
    }
  }

  /** @throws {LdapFailure} the first part that no login could get past; the others are looked at all the same */
  return async (context: BackendContext): Promise<void> => {
    const failures: LdapFailure[] = []
    for (const part of [kind, accounts, groupPlace, groupNames]) {
      try {
        await part(context)
      } catch (error) {
        if (!(error instanceof LdapFailure)) throw error
        failures.push(error)
      }
    }
    if (failures[0]) throw failures[0]
  }
}

const note = ({ trace }: BackendContext, step: string, text: string, remedy: string): void =>
  trace?.({ step, outcome: 'note', text, remedy })

/** MS-ADTS 2.2.12: the highest bit of groupType, a signed number, says that a group is one for security. */
const isDistributionGroup = (groupType: Buffer | undefined): boolean => Number(groupType?.toString('latin1') ?? -1) > 0
