import type { Identity } from './backend.ts'
import { ownOrigin } from './group-store.ts'
import type { Link } from './link.ts'
import { localGroupNames } from './names.ts'
import type { PermissionOptions, PermissionTools } from './permissions.ts'
import type { UserStore } from './user-store.ts'

/** What the memberships that a backend mirrors are known by: never as our own, whatever it is called. */
export const originOf = ({ id }: { readonly id: string }): string => (id === ownOrigin ? `${id} (mirrored)` : id)

/** An account that logs in. */
export interface Arriving {
  readonly link: Link
  readonly identity: Identity
}

/** What permissions are gathered with as the login will leave it: the account as it is now, and its groups mirrored. */
export function afterwards(
  { link, identity }: Arriving,
  { permissions, store }: { readonly permissions: PermissionTools; readonly store: UserStore }
): readonly [tools: PermissionTools, options: PermissionOptions] {
  const options = { identity: { backend: link.id, identity } }
  if (identity.mirroredGroups === undefined) return [permissions, options]
  const mirrored = { origin: originOf(link), groups: localGroupNames(identity.mirroredGroups) }
  const users: PermissionTools['users'] = {
    groupPermissions: (names) => store.groupPermissions(names),
    storedPermissions: (id, object) => store.permissionsIfMirrored(id, mirrored, object)
  }
  return [{ ...permissions, users }, options]
}
