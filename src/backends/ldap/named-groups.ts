import { PresenceFilter } from 'ldapts'
import { type Deadline, untraced } from './connections/deadline.ts'
import type { Directory } from './connections/directory.ts'
import { failedResult } from './connections/failure.ts'
import { codes } from './connections/result-codes.ts'
import type { Entry } from './entry.ts'
import { parseGroupSelector } from './group-selector.ts'

const atOnce = 8

/** Of the texts by which a configuration means groups, those that are DNs, with the entries that they lead to. */
export const namedGroups = async (
  directory: Pick<Directory, 'search'>,
  texts: Iterable<string>,
  deadline: Deadline
): Promise<ReadonlyMap<string, Entry | undefined>> => {
  const dns = [...new Set(texts)].filter((text) => parseGroupSelector(text).exact !== undefined)
  const read = async (base: string): Promise<Entry | undefined> => {
    const filter = new PresenceFilter({ attribute: 'objectClass' })
    const query = { base, scope: 'base', filter, attributes: ['groupType'], sizeLimit: 1 } as const
    const { result, entries } = await directory.search(query, untraced(deadline))
    if (result.code === codes.noSuchObject) return undefined
    if (result.code !== codes.success) throw failedResult('group', result)
    return entries[0]
  }
  const found = new Map<string, Entry | undefined>()
  for (let at = 0; at < dns.length; at += atOnce) {
    const some = dns.slice(at, at + atOnce)
    for (const [index, entry] of (await Promise.all(some.map(read))).entries()) found.set(some[index] ?? '', entry)
  }
  return found
}
