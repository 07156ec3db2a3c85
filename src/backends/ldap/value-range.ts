import { PresenceFilter } from 'ldapts'
import type { Deadline } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import { type Entry, textsOf } from './entry.ts'

const rangeIn = (entry: Entry, attribute: string): { name: string; end: number | undefined } | undefined => {
  const prefix = `${attribute.toLowerCase()};range=`
  const name = [...entry.values.keys()].find((key) => key.startsWith(prefix))
  if (name === undefined) return undefined
  const [, end] = /^\d+-(\d+|\*)$/.exec(name.slice(prefix.length)) ?? []
  if (end === undefined) throw new LdapFailure('protocol', 'a range of values that is none')
  return { name, end: end === '*' ? undefined : Number(end) }
}

/**
 * All values of an attribute, of which Active Directory sends 1,500 at a time (MS-ADTS 3.1.1.3.1.3.3). More than `max` are
 * refused.
 */
export const allTextsOf = async (
  directory: Directory,
  entry: Entry,
  attribute: string,
  max: number,
  deadline: Deadline
): Promise<string[]> => {
  const texts = textsOf(entry, attribute)
  let range = rangeIn(entry, attribute)
  let from = entry
  for (;;) {
    if (range !== undefined) texts.push(...textsOf(from, range.name))
    if (texts.length > max) throw new LdapFailure('size-limit', `more than ${max} values of ${attribute}`)
    if (range?.end === undefined) return texts
    const next = range.end + 1
    const { result, entries } = await directory.search(
      {
        base: entry.dn,
        scope: 'base',
        filter: new PresenceFilter({ attribute: 'objectClass' }),
        attributes: [`${attribute};range=${next}-*`],
        sizeLimit: 1
      },
      deadline
    )
    const [answer] = entries
    if (result.code !== codes.success || answer === undefined) throw failedResult('range of values', result)
    const found = rangeIn(answer, attribute)
    if (found === undefined || (found.end !== undefined && found.end < next)) {
      throw new LdapFailure('protocol', 'a range of values that does not go on')
    }
    range = found
    from = answer
  }
}
