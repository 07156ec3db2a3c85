import type { Grant } from '../../auth/backend.ts'
import { dnKey } from './dn.ts'
import type { Group } from './groups.ts'

/**
 * What groups give, by the configured map from a group's DN to permissions. DNs compare as DNs, so that neither case
 * nor spaces nor escapes in the configuration or the directory matter.
 */
export const groupGrants = (
  configured: Readonly<Record<string, readonly string[]>>
): ((groups: readonly Group[]) => Grant[]) => {
  const permissionsByGroup = new Map(Object.entries(configured).map(([dn, permissions]) => [dnKey(dn), permissions]))
  return (groups) =>
    groups.flatMap(({ dn, key }) =>
      (permissionsByGroup.get(key) ?? []).map((permission) => ({ permission, origin: `group ${dn}` }))
    )
}
