import { objectOf } from '../auth/evaluation.ts'
import type { GrantOnObject, ObjectGrant, ObjectGrantStore } from '../auth/object-grant-store.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { type Actor, demand, refuseGrantBeyond } from './actor.ts'
import { isPlainText, permissionNames } from './names.ts'

/**
 * Grants a permission on one object to a user or a group.
 * @returns whether it was not there before
 * @throws {GrantRefused} the actor does not hold the permission generally @throws {NotFound} nobody to grant it to
 * @throws {InvalidRequest} {InsufficientScope}
 */
export async function grantOnObject(actor: Actor, grant: ObjectGrant, store: ObjectGrantStore): Promise<boolean> {
  demand(actor, 'latchkey.add_object_grant')
  permissionNames([grant.permission])
  checkObject(grant.object)
  refuseGrantBeyond(actor, [grant.permission])
  const granted = await store.grant(grant)
  if (granted === 'no-holder') throw new NotFound('There is no such user or group')
  return granted === 'granted'
}

/** Takes it away. @throws {NotFound} it is not there @throws {InsufficientScope} */
export async function revokeOnObject(actor: Actor, grant: ObjectGrant, store: ObjectGrantStore): Promise<void> {
  demand(actor, 'latchkey.delete_object_grant')
  if (!(await store.revoke(grant))) throw new NotFound('There is no such grant')
}

const limits = { type: 128, id: 255 } as const

/**
 * Grants as a file has them, each once: a list of `permission`, `objectType` and `objectId`.
 * @throws {InvalidRequest} one is none
 */
export function grantsOnObjects(items: readonly unknown[]): readonly GrantOnObject[] {
  const found = new Map<string, GrantOnObject>()
  for (const item of items) {
    const { permission, objectType: type, objectId: id, ...more } = Object(item)
    const isWhole = [permission, type, id].every((part) => typeof part === 'string') && Object.keys(more).length === 0
    if (!isWhole) throw new InvalidRequest('objectGrants: expected a list of permission, objectType and objectId')
    permissionNames([permission])
    checkObject({ type, id })
    found.set(JSON.stringify([permission, type, id]), { permission, object: { type, id } })
  }
  return [...found.values()]
}

/** @throws {InvalidRequest} a type or id that the columns can't hold, that nobody can see, or that means no object at all */
function checkObject(object: ObjectGrant['object']): void {
  if (objectOf(object) === undefined) {
    const detail = 'any with * means no object: grant the permission itself'
    throw new InvalidRequest(`objectType: ${detail}`, undefined, [{ pointer: '/objectType', detail }])
  }
  for (const part of ['type', 'id'] as const) {
    if (isPlainText(object[part], limits[part])) continue
    const name = part === 'type' ? 'objectType' : 'objectId'
    const detail = `expected text of ${limits[part]} bytes at most`
    throw new InvalidRequest(`${name}: ${detail}`, undefined, [{ pointer: `/${name}`, detail }])
  }
}
