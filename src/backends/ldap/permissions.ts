import type { Grant } from '../../auth/backend.ts'
import { type Group, parseGroupSelector } from './group-selector.ts'

/**
 * What groups give, by the configured map from what means a group to permissions. DNs compare as DNs, so that neither case
 * nor spaces nor escapes in the configuration or the directory matter.
 */
export const groupGrants = (
  configured: Readonly<Record<string, readonly string[]>>
): ((groups: readonly Group[]) => Grant[]) => {
  const rules = Object.entries(configured).map(([text, permissions]) => ({
    ...parseGroupSelector(text),
    permissions
  }))
  return (groups) =>
    groups.flatMap((group) =>
      rules
        .filter(({ matches }) => matches(group))
        .flatMap(({ permissions }) => permissions.map((permission) => ({ permission, origin: `group ${group.dn}` })))
    )
}
