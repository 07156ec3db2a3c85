import type { AdministrationTransaction } from '../auth/administration-store.ts'
import type { Group } from '../auth/group-store.ts'
import { originOf } from '../auth/mirroring.ts'
import { NotFound } from '../errors.ts'
import { type Actor, demand, mayEverything, refuseGrantBeyond } from './actor.ts'
import type { AdminTools } from './tools.ts'

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
  for (const group of await groupsNamed(names, tx)) {
    await refuseGroupBeyond(actor, group, tx)
    await tx.groups.addMembers(group.id, [userId], at)
  }
}

/**
 * Makes the groups that are not there yet, which carry nothing.
 * @throws {InsufficientScope} some are not, and the actor may make none
 */
export async function makeMissing(
  actor: Actor,
  names: readonly string[],
  tx: AdministrationTransaction,
  at: number
): Promise<void> {
  const found = await tx.groups.byNames(names)
  const missing = missingAmong(names, found)
  if (missing.length > 0) demand(actor, 'latchkey.add_group')
  for (const name of missing) await tx.groups.create(name, at)
}

/** @throws {GrantRefused} the group carries more than the actor holds, in general or on some object */
export async function refuseGroupBeyond(
  actor: Actor,
  { id, permissions }: Pick<Group, 'id' | 'permissions'>,
  tx: AdministrationTransaction
): Promise<void> {
  if (mayEverything(actor)) return
  refuseGrantBeyond(actor, permissions)
  refuseGrantBeyond(actor, await tx.groups.grantedOnObjects(id))
}

/** Takes a user out of groups by name. @throws {NotFound} one is not there */
export async function leaveGroups(
  userId: string,
  names: readonly string[],
  { tx, tools }: { readonly tx: AdministrationTransaction; readonly tools: Pick<AdminTools, 'chain' | 'now'> }
): Promise<void> {
  const staying = mirroredOrigins(tools)
  for (const { id } of await groupsNamed(names, tx)) await tx.groups.removeMembers(id, [userId], staying, tools.now())
}

/**
 * What backends mirror stays, as it would be back with the next login; what one mirrored that is gone, or mirrors no more,
 * would stay for ever.
 */
export const mirroredOrigins = ({ chain }: Pick<AdminTools, 'chain'>): readonly string[] =>
  chain.filter(({ mirrors }) => mirrors !== false).map(originOf)

async function groupsNamed(names: readonly string[], tx: AdministrationTransaction): Promise<readonly Group[]> {
  const found = await tx.groups.byNames(names)
  const [missing] = missingAmong(names, found)
  if (missing !== undefined) throw new NotFound(`There is no group ${JSON.stringify(missing)}`)
  return found
}

const missingAmong = (names: readonly string[], found: readonly Group[]): string[] =>
  names.filter((name) => !found.some((group) => group.name === name))
