import type { AdministrationTransaction } from '../auth/administration-store.ts'
import { isSuperuser } from '../auth/permissions.ts'
import type { User } from '../auth/user-store.ts'
import { LastSuperuser, NotFound, PreconditionFailed } from '../errors.ts'
import { type Actor, confirmActor, mayEverything, refuseTakeOver } from './actor.ts'
import type { AdminTools, ChangeOptions } from './tools.ts'

/** Takes the actor's turn: nobody else's change comes between what is read in it and what is written. */
export function turn<Result>(
  actor: Actor,
  tools: AdminTools,
  work: (tx: AdministrationTransaction) => Promise<Result>
): Promise<Result> {
  return tools.administration.change(async (tx) => {
    await confirmActor(actor, tx, tools)
    return work(tx)
  })
}

/**
 * Changes a user in a turn, where the actor may, and answers the user as written.
 * @throws {NotFound} {PreconditionFailed} {GrantRefused} {LastSuperuser}
 */
export async function changeUser(
  actor: Actor,
  userId: string,
  tools: AdminTools,
  { ifVersion }: ChangeOptions,
  work: (tx: AdministrationTransaction, user: User) => Promise<void>
): Promise<User> {
  const everywhere = await heldEverywhere(actor, userId, tools)
  return turn(actor, tools, async (tx) => {
    const user = await tx.users.byId(userId)
    if (!user) throw noUser()
    if (ifVersion !== undefined && user.version !== ifVersion) throw new PreconditionFailed()
    refuseTakeOver(actor, user, await tx.users.storedPermissions(userId), everywhere, tools)
    await work(tx, user)
    const after = await tx.users.byId(userId)
    await keepSuperuser(user, after, tx, tools)
    return after ?? user
  })
}

/** What a backend says is asked for before the turn: it may hang. */
export async function heldEverywhere(actor: Actor, userId: string, tools: AdminTools): Promise<readonly string[]> {
  if (mayEverything(actor)) return []
  const user = await tools.users.byId(userId)
  return user ? tools.permissionsOf(user) : []
}

async function keepSuperuser(
  before: User,
  after: User | undefined,
  tx: AdministrationTransaction,
  { chain }: AdminTools
): Promise<void> {
  const may = (user: User | undefined): boolean => user?.isActive === true && isSuperuser(chain, user)
  if (!may(before) || may(after)) return
  const backends = chain.map(({ id }) => id)
  if (!(await tx.users.hasOtherSuperuser(before.id, backends))) throw new LastSuperuser()
}

/** Nobody has that id. */
export const noUser = (): NotFound => new NotFound('There is no such user')
