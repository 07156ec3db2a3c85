import type { AdministrationTransaction } from '../auth/administration-store.ts'
import type { Group } from '../auth/group-store.ts'
import { AlreadyExists, NotFound, PreconditionFailed } from '../errors.ts'
import { type Actor, demand, refuseGrantBeyond, refuseTakeOver } from './actor.ts'
import { mirroredOrigins, refuseGroupBeyond } from './memberships.ts'
import { groupNameOf, permissionNames } from './names.ts'
import type { AdminTools, ChangeOptions } from './tools.ts'
import { heldEverywhere, turn } from './turn.ts'

/** What changes of a group; absent: the same as before. */
export interface GroupPatch {
  readonly name?: string
  /** Exactly these afterwards. */
  readonly permissions?: readonly string[]
  /** Beside what it carries. */
  readonly grant?: readonly string[]
  readonly revoke?: readonly string[]
}

/** Creates a group. @throws {AlreadyExists} {InvalidRequest} {InsufficientScope} {GrantRefused} */
export async function createGroup(
  actor: Actor,
  { name: text, permissions = [] }: { readonly name: string; readonly permissions?: readonly string[] },
  tools: AdminTools
): Promise<Group> {
  demand(actor, 'latchkey.add_group')
  const name = groupNameOf(text)
  const names = permissionNames(permissions)
  refuseGrantBeyond(actor, names)
  return turn(actor, tools, async (tx) => {
    const at = tools.now()
    const created = await tx.groups.create(name, at)
    if (names.length > 0) await tx.groups.setPermissions(created.id, names, at)
    return (await tx.groups.byId(created.id)) ?? created
  }).catch(nameTaken)
}

/**
 * Renames a group, or changes what it carries. A new name may be one that a backend's groups have, so that it takes holding
 * everything that the group carries.
 * @throws {NotFound} {AlreadyExists} {PreconditionFailed} {InvalidRequest} {InsufficientScope} {GrantRefused}
 */
export async function patchGroup(
  actor: Actor,
  groupId: string,
  patch: GroupPatch,
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<Group> {
  demand(actor, 'latchkey.change_group')
  const name = patch.name === undefined ? undefined : groupNameOf(patch.name)
  const granted = permissionNames([...(patch.permissions ?? []), ...(patch.grant ?? [])])
  return changeGroup(actor, groupId, tools, options, async (tx, group) => {
    const at = tools.now()
    const kept = patch.permissions === undefined ? group.permissions : []
    const after = [...new Set([...kept, ...granted])].filter((one) => !patch.revoke?.includes(one))
    refuseGrantBeyond(
      actor,
      after.filter((one) => !group.permissions.includes(one))
    )
    if (name !== undefined && name !== group.name) {
      await refuseGroupBeyond(actor, { id: groupId, permissions: after }, tx)
      await tx.groups.rename(groupId, name, at)
    }
    if (patch.permissions || patch.grant || patch.revoke) await tx.groups.setPermissions(groupId, after, at)
  }).catch(nameTaken)
}

/** Deletes a group; its members hold what it carried no longer. @throws {NotFound} {PreconditionFailed} {InsufficientScope} */
export async function deleteGroup(
  actor: Actor,
  groupId: string,
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<void> {
  demand(actor, 'latchkey.delete_group')
  await changeGroup(actor, groupId, tools, options, (tx) => tx.groups.delete(groupId))
}

/**
 * Puts users into a group and takes others out; memberships that a backend mirrors stay.
 * @returns who was put in, and who was taken out
 * @throws {NotFound} the group or one of those who are to be put in is not there
 * @throws {GrantRefused} it carries more than the actor holds, or one of them does @throws {InsufficientScope}
 */
export async function changeMembers(
  actor: Actor,
  groupId: string,
  { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
  tools: AdminTools
): Promise<{ readonly added: readonly string[]; readonly removed: readonly string[] }> {
  demand(actor, 'latchkey.change_user')
  const moved = [...new Set([...add, ...remove])]
  const everywhere = new Map(
    await Promise.all(moved.map(async (id) => [id, await heldEverywhere(actor, id, tools)] as const))
  )
  return turn(actor, tools, async (tx) => {
    const group = await tx.groups.byId(groupId)
    if (!group) throw noGroup()
    for (const id of moved) {
      const user = await tx.users.byId(id)
      if (user) refuseTakeOver(actor, user, await tx.users.storedPermissions(id), everywhere.get(id) ?? [], tools)
    }
    if (add.length > 0) await refuseGroupBeyond(actor, group, tx)
    const at = tools.now()
    const added = await tx.groups.addMembers(groupId, [...new Set(add)], at)
    if (added.length < new Set(add).size) throw new NotFound('There is no such user')
    const removed = await tx.groups.removeMembers(groupId, [...new Set(remove)], mirroredOrigins(tools), at)
    return { added, removed }
  })
}

async function changeGroup(
  actor: Actor,
  groupId: string,
  tools: AdminTools,
  { ifVersion }: ChangeOptions,
  work: (tx: AdministrationTransaction, group: Group) => Promise<void>
): Promise<Group> {
  return turn(actor, tools, async (tx) => {
    const group = await tx.groups.byId(groupId)
    if (!group) throw noGroup()
    if (ifVersion !== undefined && group.version !== ifVersion) throw new PreconditionFailed()
    await work(tx, group)
    return (await tx.groups.byId(groupId)) ?? group
  })
}

const noGroup = (): NotFound => new NotFound('There is no such group')

function nameTaken(error: unknown): never {
  throw error instanceof AlreadyExists ? new AlreadyExists('A group has this name already', error.cause) : error
}
