import type { Command } from 'commander'
import type { Group } from '../auth/group-store.ts'
import type { ObjectGrant } from '../auth/object-grant-store.ts'
import { keepMemorySteady } from '../steady-memory.ts'
import type { Store } from '../store/index.ts'
import { asLine, withAdministration } from './administration.ts'
import { grantFields, print } from './export-users.ts'
import { fitting, partsOf } from './parts.ts'

/** `latchkey groups export`: a line a group, with what it carries on objects; no faster than it is read. */
export async function exportGroups(command: Command): Promise<void> {
  keepMemorySteady()
  await withAdministration(command, async (_tools, store) => {
    let cursor: string | null = null
    do {
      const page = await store.groups.list({ limit: 500, ...(cursor === null ? {} : { cursor }) })
      for (const { name, permissions, ...group } of page.items) {
        const objectGrants = (await onObjects({ name }, store)).map(grantFields)
        const createdAt = new Date(group.createdAt).toISOString()
        const parts = partsOf({ name, permissions, objectGrants, createdAt }, objectGrants, 'name')
        for (const part of parts) await print(fitting(asLine(part), name))
      }
      cursor = page.next
    } while (cursor !== null)
  })
}

async function onObjects({ name }: Pick<Group, 'name'>, { objectGrants }: Store): Promise<readonly ObjectGrant[]> {
  const found: ObjectGrant[] = []
  let after: string | null = null
  do {
    const page = await objectGrants.list(
      { holder: { group: name } },
      { limit: 1000, ...(after === null ? {} : { after }) }
    )
    found.push(...page.items)
    after = page.next
  } while (after !== null)
  return found
}
