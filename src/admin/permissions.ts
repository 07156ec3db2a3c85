import type { AdministrationTransaction } from '../auth/administration-store.ts'
import type { RegisteredPermission } from '../auth/group-store.ts'
import { isOwnPermission } from '../auth/permissions.ts'
import { AlreadyExists, NotFound, PreconditionFailed, SetByConfiguration } from '../errors.ts'
import { type Actor, demand, refuseGrantBeyond } from './actor.ts'
import { invalidField } from './field-errors.ts'
import { permissionNames } from './names.ts'
import { ownPermissions } from './own-permissions.ts'
import type { AdminTools } from './tools.ts'
import { turn } from './turn.ts'

/**
 * Declares a permission; one that somebody granted before is described.
 * @throws {AlreadyExists} {InvalidRequest} {InsufficientScope}
 */
export async function declarePermission(
  actor: Actor,
  { name, description }: { readonly name: string; readonly description: string },
  tools: AdminTools
): Promise<RegisteredPermission> {
  demand(actor, 'latchkey.add_permission')
  permissionNames([name])
  const text = descriptionOf(description)
  return turn(actor, tools, async (tx) => {
    const known = await tx.permissions.byName(name)
    if (known && (known.declared || known.origin === 'administration')) throw exists()
    if (isOwnPermission(name)) throw invalidField('name', 'these are Latchkey’s own')
    if (known) await tx.permissions.describe(name, text)
    else await tx.permissions.create(name, text)
    return there(name, tx)
  })
}

/** What a permission is at the moment, as a change of it may ask for. */
export const stateOf = ({ description, declared, origin }: RegisteredPermission): string =>
  JSON.stringify([description, declared, origin])

/**
 * Describes a permission.
 * @param ifState what it was when it was read; absent: whatever it is now
 * @throws {SetByConfiguration} {NotFound} {PreconditionFailed} {InvalidRequest} {InsufficientScope}
 */
export async function describePermission(
  actor: Actor,
  name: string,
  description: string,
  tools: AdminTools,
  ifState?: string
): Promise<RegisteredPermission> {
  demand(actor, 'latchkey.change_permission')
  const text = descriptionOf(description)
  return turn(actor, tools, async (tx) => {
    refuseDeclared(await there(name, tx, ifState))
    await tx.permissions.describe(name, text)
    return there(name, tx)
  })
}

/**
 * Deletes a permission and all grants of it. One that the configuration declares is taken out there first.
 * @throws {SetByConfiguration} {NotFound} {PreconditionFailed} {InsufficientScope}
 * @throws {GrantRefused} the actor does not hold it
 */
export async function deletePermission(actor: Actor, name: string, tools: AdminTools, ifState?: string): Promise<void> {
  demand(actor, 'latchkey.delete_permission')
  await turn(actor, tools, async (tx) => {
    refuseDeclared(await there(name, tx, ifState))
    refuseGrantBeyond(actor, [name])
    await tx.permissions.delete(name)
  })
}

async function there(name: string, tx: AdministrationTransaction, ifState?: string): Promise<RegisteredPermission> {
  const known = await tx.permissions.byName(name)
  if (!known) throw new NotFound('There is no such permission')
  if (ifState !== undefined && stateOf(known) !== ifState) throw new PreconditionFailed()
  return known
}

function refuseDeclared({ name, declared }: RegisteredPermission): void {
  if (Object.hasOwn(ownPermissions, name)) throw new SetByConfiguration('This permission is one of Latchkey’s own')
  if (declared) throw new SetByConfiguration('The configuration declares this permission: change it there')
}

function descriptionOf(text: string): string {
  if ([...text].length <= 255 && !/[\p{Cc}\p{Cs}\ufffd]/u.test(text)) return text
  throw invalidField('description', 'expected text of 255 characters at most')
}

const exists = (): AlreadyExists => new AlreadyExists('There is such a permission already')
