import type { AdministrationTransaction } from '../auth/administration-store.ts'
import { isOwnPermission, isSuperuser } from '../auth/permissions.ts'
import type { StoredPermissions, User } from '../auth/user-store.ts'
import { GrantRefused, InsufficientScope } from '../errors.ts'
import type { AdminTools } from './tools.ts'

/** Whoever acts: somebody at the console, who may do everything, or a user with what is held now. */
export type Actor =
  | { readonly kind: 'console' }
  | {
      readonly kind: 'user'
      readonly id: string
      /** Active, of course; by our own flag or by an identity. */
      readonly isSuperuser: boolean
      /** Names over all sources, vetoes taken off. */
      readonly permissions: ReadonlySet<string>
    }

/** Somebody who may open the file of the database may do everything. */
export const atConsole: Actor = { kind: 'console' }

/** Whether no rule on who may what binds this actor. */
export const mayEverything = (actor: Actor): boolean => actor.kind === 'console' || actor.isSuperuser

/** Whether the actor holds a permission. */
export const holds = (actor: Actor, permission: string): boolean =>
  mayEverything(actor) || (actor.kind === 'user' && actor.permissions.has(permission))

/** The door of every function of administration. @throws {InsufficientScope} */
export function demand(actor: Actor, permission: string): void {
  if (!holds(actor, permission)) throw new InsufficientScope()
}

/** @throws {GrantRefused} the actor holds not all of what would be given */
export function refuseGrantBeyond(actor: Actor, permissions: readonly string[]): void {
  const lacked = permissions.find((permission) => !holds(actor, permission))
  if (lacked !== undefined) throw new GrantRefused(`Nobody grants what they do not hold: ${lacked}`)
}

/** @throws {GrantRefused} the actor is no superuser */
export function demandSuperuser(actor: Actor): void {
  if (!mayEverything(actor)) throw new GrantRefused('Only a superuser makes or unmakes superusers')
}

/**
 * That the actor is there still, and a superuser still who was one: somebody may have changed that between the question and
 * the turn. @throws {InsufficientScope}
 */
export async function confirmActor(actor: Actor, tx: AdministrationTransaction, tools: AdminTools): Promise<void> {
  if (actor.kind === 'console') return
  const user = await tx.users.byId(actor.id)
  if (!user?.isActive || (actor.isSuperuser && !isSuperuser(tools.chain, user))) throw new InsufficientScope()
}

/**
 * That changing this user gives the actor no more than is held already: not somebody who is a superuser or holds a
 * permission `latchkey.*` that the actor lacks.
 * @param everywhere what the target holds over all sources, asked for before the turn
 * @throws {GrantRefused}
 */
export function refuseTakeOver(
  actor: Actor,
  target: User,
  { grants }: StoredPermissions,
  everywhere: readonly string[],
  tools: AdminTools
): void {
  if (mayEverything(actor)) return
  if (isSuperuser(tools.chain, target)) throw new GrantRefused('Only a superuser changes a superuser')
  const own = [...everywhere, ...grants.map(({ permission }) => permission)].filter(isOwnPermission)
  const lacked = own.find((permission) => !holds(actor, permission))
  if (lacked !== undefined) throw new GrantRefused(`Nobody changes somebody who holds more: ${lacked}`)
}
