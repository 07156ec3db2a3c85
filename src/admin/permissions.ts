import type { AdministrationTransaction } from '../auth/administration-store.ts'
import type { RegisteredPermission } from '../auth/group-store.ts'
import { isOwnPermission } from '../auth/permissions.ts'
import { AlreadyExists, NotFound, SetByConfiguration } from '../errors.ts'
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

/** Describes a permission. @throws {SetByConfiguration} {NotFound} {InvalidRequest} {InsufficientScope} */
export async function describePermission(
  actor: Actor,
  name: string,
  description: string,
  tools: AdminTools
): Promise<RegisteredPermission> {
  demand(actor, 'latchkey.change_permission')
  const text = descriptionOf(description)
  return turn(actor, tools, async (tx) => {
    refuseDeclared(await there(name, tx))
    await tx.permissions.describe(name, text)
    return there(name, tx)
  })
}

/**
 * Deletes a permission and all grants of it. One that the configuration declares is taken out there first.
 * @throws {SetByConfiguration} {NotFound} {InsufficientScope} {GrantRefused} the actor does not hold it
 */
export async function deletePermission(actor: Actor, name: string, tools: AdminTools): Promise<void> {
  demand(actor, 'latchkey.delete_permission')
  await turn(actor, tools, async (tx) => {
    refuseDeclared(await there(name, tx))
    refuseGrantBeyond(actor, [name])
    await tx.permissions.delete(name)
  })
}

async function there(name: string, tx: AdministrationTransaction): Promise<RegisteredPermission> {
  const known = await tx.permissions.byName(name)
  if (!known) throw new NotFound('There is no such permission')
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
