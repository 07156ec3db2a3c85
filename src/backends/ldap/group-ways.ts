import { LdapFailure } from './connections/failure.ts'
import type { DnKey } from './dn.ts'
import type { FoundGroup } from './group-search.ts'

/** Beyond this nobody reads which group brings which. */
const mostTold = 50

/** The groups that somebody or something of this DN is in itself. */
export type ParentsOf = (of: { readonly dn: string; readonly entry: FoundGroup['entry'] }) => Promise<readonly DnKey[]>

/** Finds out by which other group an account is in a group that it is no member of itself: of several the nearest. */
export const withWays = async (
  account: Parameters<ParentsOf>[0],
  groups: readonly FoundGroup[],
  parentsOf: ParentsOf
): Promise<readonly FoundGroup[]> => {
  if (groups.length > mostTold) return groups
  try {
    const ways = await waysTo(account, new Map(groups.map((group) => [group.key, group])), parentsOf)
    return groups.map((group) => {
      const through = ways.get(group.key)
      return through === undefined ? group : { ...group, through }
    })
  } catch (error) {
    // What is told beside the answer must not take its place.
    if (error instanceof LdapFailure) return groups
    throw error
  }
}

const waysTo = async (
  account: Parameters<ParentsOf>[0],
  groups: ReadonlyMap<DnKey, FoundGroup>,
  parentsOf: ParentsOf
): Promise<ReadonlyMap<DnKey, string | undefined>> => {
  const ways = new Map<DnKey, string | undefined>((await parentsOf(account)).map((key) => [key, undefined]))
  // A map goes on over what is added on the way.
  for (const [key] of ways) {
    const group = groups.get(key)
    for (const parent of group ? await parentsOf(group) : []) if (!ways.has(parent)) ways.set(parent, group?.dn)
  }
  return ways
}
