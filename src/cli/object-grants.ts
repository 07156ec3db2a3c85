import type { Command } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { permissionNames } from '../admin/names.ts'
import { grantOnObject, revokeOnObject } from '../admin/object-grants.ts'
import type { PermissionObject } from '../auth/backend.ts'
import { everyPage, type From } from '../auth/every-page.ts'
import type { GrantFilter, GrantHolder, ObjectGrant, Page } from '../auth/object-grant-store.ts'
import { asLine, find, findGroup, withAdministration, write } from './administration.ts'
import { Misused } from './refused.ts'

interface Json {
  readonly json?: boolean
}

/** Which grants `latchkey permissions grants` lists. */
export interface GrantsOptions extends Json {
  readonly user?: string
  readonly group?: string
  readonly permission?: string
  readonly search?: string
  /** `T` or `T:ID` */
  readonly object?: string
}

/** An object from `TYPE:ID`; the type ends at the first colon. @throws {Misused} there is none, or a part is empty */
export function objectIn(text: string): PermissionObject {
  const colon = text.indexOf(':')
  if (colon < 1 || colon === text.length - 1) throw new Misused('--object takes TYPE:ID')
  return { type: text.slice(0, colon), id: text.slice(colon + 1) }
}

/** `users grant|revoke … --object` and `groups grant|revoke … --object`: permissions on one object. */
export async function changeOnObject(
  kind: 'grant' | 'revoke',
  holder: { readonly user: string } | { readonly group: string },
  permissions: readonly string[],
  { object: text, json }: Json & { readonly object: string },
  command: Command
): Promise<void> {
  const object = objectIn(text)
  // before the first is granted, since each is a change of its own
  permissionNames(permissions)
  await withAdministration(command, async (_tools, store) => {
    const who: GrantHolder =
      'user' in holder
        ? { user: (await find(holder.user, store)).id }
        : { group: (await findGroup(holder.group, store)).name }
    for (const permission of permissions) {
      const grant = { holder: who, permission, object }
      if (kind === 'revoke') await revokeOnObject(atConsole, grant, store.objectGrants)
      else await grantOnObject(atConsole, grant, store.objectGrants)
      write(json ? asLine(asJson(grant)) : `${kind === 'grant' ? 'granted' : 'revoked'} ${line(grant)}`)
    }
  })
}

/** `latchkey permissions grants`: who holds what on which object. */
export async function listGrants({ json, ...options }: GrantsOptions, command: Command): Promise<void> {
  await withAdministration(command, async (_tools, store) => {
    const { user, group, permission, search, object } = options
    if (user !== undefined && group !== undefined) throw new Misused('--user and --group: a grant has one of them')
    const holder: GrantHolder | undefined =
      user !== undefined
        ? { user: (await find(user, store)).id }
        : group === undefined
          ? undefined
          : { group: (await findGroup(group, store)).name }
    const named = { ...(permission !== undefined && { permission }), ...(search !== undefined && { search }) }
    const filter = { ...(holder && { holder }), ...named, ...on(object) }
    for await (const page of everyPage((from) => store.objectGrants.list(filter, pageOf(500, from))))
      for (const grant of page) write(json ? asLine(asJson(grant)) : line(grant))
  })
}

/** A page of grants on objects. */
export const pageOf = (limit: number, { cursor }: From): Page => ({
  limit,
  ...(cursor === undefined ? {} : { after: cursor })
})

function on(text: string | undefined): Pick<GrantFilter, 'objectType' | 'objectId'> {
  if (text === undefined) return {}
  if (!text.includes(':')) return { objectType: text }
  const { type, id } = objectIn(text)
  return { objectType: type, objectId: id }
}

const asJson = ({ holder, permission, object }: ObjectGrant): object => ({
  ...holder,
  permission,
  objectType: object.type,
  objectId: object.id
})

const line = ({ holder, permission, object }: ObjectGrant): string =>
  `${permission}  on ${object.type}:${object.id}  ${'user' in holder ? `user ${holder.user}` : `group ${holder.group}`}\n`
