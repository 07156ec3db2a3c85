import type { AdministrationTransaction } from '../auth/administration-store.ts'
import type { Group } from '../auth/group-store.ts'
import { NotFound } from '../errors.ts'
import { type Actor, refuseGrantBeyond } from './actor.ts'

/**
 * Puts a user into groups by name.
 * @throws {NotFound} one is not there @throws {GrantRefused} one carries more than the actor holds
 */
export async function joinGroups(
  actor: Actor,
  userId: string,
  names: readonly string[],
  tx: AdministrationTransaction,
  at: number
): Promise<void> {
  for (const { id, permissions } of await groupsNamed(names, tx)) {
    refuseGrantBeyond(actor, permissions)
    await tx.groups.addMembers(id, [userId], at)
  }
}

/** Takes a user out of groups by name. @throws {NotFound} one is not there */
export async function leaveGroups(
  userId: string,
  names: readonly string[],
  tx: AdministrationTransaction,
  at: number
): Promise<void> {
  for (const { id } of await groupsNamed(names, tx)) await tx.groups.removeMembers(id, [userId], at)
}

async function groupsNamed(names: readonly string[], tx: AdministrationTransaction): Promise<readonly Group[]> {
  const found = await tx.groups.byNames(names)
  const missing = names.find((name) => !found.some((group) => group.name === name))
  if (missing !== undefined) throw new NotFound(`There is no group ${JSON.stringify(missing)}`)
  return found
}
