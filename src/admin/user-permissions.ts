import type { Origin, Permissions } from '../auth/permission-decision.ts'

/** A permission that somebody holds, and where it comes from. */
export interface HeldPermission {
  readonly permission: string
  readonly origins: Origin[]
}

/** Permissions by their app_label, sorted. */
export type ByModule = Record<string, HeldPermission[]>

/** Django's three questions: what somebody holds for themselves, by groups, and in all; and what is vetoed. */
export interface UserPermissions {
  readonly user: ByModule
  readonly group: ByModule
  readonly all: ByModule
  readonly vetoed: ByModule
}

/** Somebody's permissions as a page about them shows them. A permission with both kinds of origin is in both. */
export function userPermissions({ decisions }: Pick<Permissions, 'decisions'>): UserPermissions {
  const entries = [...decisions].sort(([a], [b]) => (a < b ? -1 : 1))
  const which = (isHeld: boolean): HeldPermission[] =>
    entries.flatMap(([permission, { granted, origins }]) =>
      granted === isHeld ? [{ permission, origins: [...origins] }] : []
    )
  const held = which(true)
  const from = (isWanted: (origin: Origin) => boolean): ByModule =>
    byModule(
      held
        .map(({ permission, origins }) => ({ permission, origins: origins.filter(isWanted) }))
        .filter(({ origins }) => origins.length > 0)
    )
  return {
    user: from((origin) => !isOfGroup(origin)),
    group: from(isOfGroup),
    all: byModule(held),
    vetoed: byModule(which(false))
  }
}

/** Whatever gives a permission by a group, a backend or our own tables, says so in these words. */
const isOfGroup = ({ because }: Origin): boolean => because.startsWith('group ')

function byModule(held: readonly HeldPermission[]): ByModule {
  const modules = new Map<string, HeldPermission[]>()
  for (const one of held) {
    const [module = ''] = one.permission.split('.', 1)
    modules.set(module, [...(modules.get(module) ?? []), one])
  }
  return Object.fromEntries(modules)
}
