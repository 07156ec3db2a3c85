import type { BackendContext } from '../../auth/backend.ts'
import type { Directory } from './connections/directory.ts'
import { LdapFailure } from './connections/failure.ts'
import { valuesOf } from './entry.ts'
import type { Condition, Facts } from './expression.ts'
import type { Group } from './group-selector.ts'
import type { LdapAccount } from './identity.ts'
import { namedGroups } from './named-groups.ts'
import type { LdapOptions } from './options.ts'

type Trace = Pick<BackendContext, 'trace'>

/** The most that a line for people shows. */
const shownGroups = 20

const describe = (groups: readonly Group[]): string => {
  const shown = groups
    .slice(0, shownGroups)
    .map(({ dn, through }) => (through === undefined ? dn : `${dn} (through ${through})`))
  const more = groups.length > shownGroups ? `; and ${groups.length - shownGroups} more` : ''
  return `in ${groups.length} group${groups.length === 1 ? '' : 's'}: ${shown.join('; ')}${more}`
}

const traceNone = ({ trace }: Trace, account: LdapAccount, groups: NonNullable<LdapOptions['groups']>): void => {
  const isUnread = groups.type === 'memberOf' && valuesOf(account.entry, 'memberOf').length === 0
  trace?.({
    step: 'groups',
    outcome: 'note',
    text: isUnread ? 'in no group: the entry has no memberOf' : 'in no group',
    remedy: isUnread
      ? 'where it should have: let the directory keep memberOf (OpenLDAP: the overlay memberof) and the service account read it, or choose another `groups.type`'
      : 'where that is wrong: `groups.base`, `groups.type` and `groups.nested` say where and how they are found'
  })
}

/** Tells which groups were found, or why none could be. */
export const tracedGroups = async (
  look: Promise<readonly Group[]>,
  account: LdapAccount,
  options: NonNullable<LdapOptions['groups']>,
  { trace }: Trace
): Promise<readonly Group[]> => {
  const began = performance.now()
  try {
    const groups = await look
    if (groups.length === 0) traceNone({ ...(trace && { trace }) }, account, options)
    else trace?.({ step: 'groups', outcome: 'ok', text: describe(groups), ms: performance.now() - began })
    return groups
  } catch (error) {
    if (error instanceof LdapFailure) {
      const remedy = 'narrow `groups.base` and `groups.filter`, or nest them less: a list that is cut is never taken'
      const isOurs = error.reason === 'size-limit' && error.code === undefined
      trace?.({ step: 'groups', outcome: 'failed', text: error.message, ...(isOurs && { remedy }) })
    }
    throw error
  }
}

/** The groups that lead nowhere; none where that can't be told. */
const absentAmong = async (texts: readonly string[], directory: Directory, context: BackendContext) => {
  try {
    const found = await namedGroups(directory, texts, context)
    return [...found].flatMap(([text, entry]) => (entry === undefined ? [text] : []))
  } catch (error) {
    if (error instanceof LdapFailure) return []
    throw error
  }
}

/** Tells why somebody is let in or not; of a group that is missing also whether it exists at all. */
export const traceCondition = async (
  option: 'deny' | 'require',
  condition: Condition,
  facts: Facts,
  directory: Directory,
  context: BackendContext
): Promise<void> => {
  const { trace } = context
  if (trace === undefined) return
  const holds = condition.holds(facts)
  const because = condition.because(facts)
  if (option === 'deny') {
    if (holds)
      trace({
        step: 'require',
        outcome: 'failed',
        text: `\`deny\` holds: ${because}`,
        remedy: 'take the account out of there in the directory, or correct `deny`'
      })
    return
  }
  if (holds) return trace({ step: 'require', outcome: 'ok', text: `\`require\` is met: ${because}` })
  const texts = condition.texts.map(({ text }) => text)
  const absent = await absentAmong(texts, directory, context)
  trace({
    step: 'require',
    outcome: 'failed',
    text: `\`require\` is not met: ${because}`,
    remedy:
      absent.length > 0
        ? `there is no group ${absent.join(', nor ')} that could be seen: correct it in \`require\``
        : 'change the account in the directory, or correct `require`'
  })
}
