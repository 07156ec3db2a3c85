import type { Command } from 'commander'
import { everyPage } from '../auth/every-page.ts'
import type { Group } from '../auth/group-store.ts'
import type { ObjectGrant } from '../auth/object-grant-store.ts'
import { keepMemorySteady } from '../steady-memory.ts'
import type { Store } from '../store/index.ts'
import { asLine, withAdministration } from './administration.ts'
import { grantFields, print } from './export-users.ts'
import { pageOf } from './object-grants.ts'
import { fitting, partsOf } from './parts.ts'

/** `latchkey groups export`: a line a group, with what it carries on objects; no faster than it is read. */
export async function exportGroups(command: Command): Promise<void> {
  keepMemorySteady()
  await withAdministration(command, async (_tools, store) => {
    for await (const page of everyPage((from) => store.groups.list({ limit: 500, ...from })))
      for (const { name, permissions, ...group } of page) {
        const objectGrants = (await onObjects({ name }, store)).map(grantFields)
        const createdAt = new Date(group.createdAt).toISOString()
        const parts = partsOf({ name, permissions, objectGrants, createdAt }, objectGrants, 'name')
        for (const part of parts) await print(fitting(asLine(part), name))
      }
  })
}

async function onObjects({ name }: Pick<Group, 'name'>, { objectGrants }: Store): Promise<readonly ObjectGrant[]> {
  const found: ObjectGrant[] = []
  const holder = { group: name }
  for await (const page of everyPage((from) => objectGrants.list({ holder }, pageOf(1000, from)))) found.push(...page)
  return found
}
