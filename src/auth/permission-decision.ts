import type { Grant, PermissionAnswer } from './backend.ts'
import { matchesPattern } from './pattern.ts'

/** Where a permission comes from, or what vetoes it. */
export interface Origin {
  /** A backend's id; `stored` for our own tables, `superuser`, or `configuration` for the anonymous user. */
  readonly source: string
  readonly because: string
}

/** How it was decided on one permission. */
export interface PermissionDecision {
  readonly granted: boolean
  /** All that grant it; where it is vetoed, the veto comes last. */
  readonly origins: readonly Origin[]
}

/** Somebody's permissions over all sources. */
export interface Permissions {
  /** The names that are held, sorted by code unit. */
  readonly names: readonly string[]
  /** Every permission that any source spoke of. */
  readonly decisions: ReadonlyMap<string, PermissionDecision>
  /** Names of groups, sorted. */
  readonly groups: readonly string[]
}

/** What one of those who are asked for permissions answers. */
export interface Source {
  readonly name: string
  readonly answer: PermissionAnswer
}

/** For each permission the first source that grants or vetoes it decides, and within one source the veto wins. */
export function decide(sources: readonly Source[]): Permissions {
  const decisions = new Map<string, { granted: boolean; origins: Origin[] }>()
  const vetoes: Array<{ source: string; veto: Grant }> = []
  const groups = new Set<string>()
  for (const { name, answer } of sources) {
    for (const group of answer.groups ?? []) groups.add(group)
    for (const veto of answer.vetoes ?? []) vetoes.push({ source: name, veto })
    for (const { permission, origin } of answer.grants) {
      const known = decisions.get(permission)
      if (known?.granted) known.origins.push({ source: name, because: origin })
      if (known) continue
      const veto = vetoes.find((entry) => matchesPattern(entry.veto.permission, permission))
      const because = { source: name, because: origin }
      const origins = veto ? [because, { source: veto.source, because: veto.veto.origin }] : [because]
      decisions.set(permission, { granted: veto === undefined, origins })
    }
  }
  const names = [...decisions].filter(([, { granted }]) => granted).map(([name]) => name)
  return { names: names.sort(), decisions, groups: [...groups].sort() }
}

/** Within one backend a veto wins, whichever of the two answers has it. */
export const both = (generally: PermissionAnswer, there: PermissionAnswer): PermissionAnswer => ({
  ...generally,
  grants: unequal([...generally.grants, ...there.grants]),
  vetoes: unequal([...(generally.vetoes ?? []), ...(there.vetoes ?? [])]),
  groups: [...new Set([...(generally.groups ?? []), ...(there.groups ?? [])])],
  localGroups: [...new Set([...(generally.localGroups ?? []), ...(there.localGroups ?? [])])]
})

/** Several accounts at one backend are one source, in which a veto of either wins. */
export const byBackend = (sources: readonly Source[]): Source[] =>
  [...Map.groupBy(sources, ({ name }) => name)].map(([name, same]) => ({
    name,
    answer: same.map(({ answer }) => answer).reduce(both)
  }))

const unequal = (grants: readonly Grant[]): Grant[] => [
  ...new Map(grants.map((grant) => [`${grant.permission}\n${grant.origin}`, grant])).values()
]
