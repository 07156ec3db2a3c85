import type { AdministrationTransaction } from '../auth/administration-store.ts'
import type { Group } from '../auth/group-store.ts'
import type { GrantOnObject } from '../auth/object-grant-store.ts'
import { Refusal } from '../errors.ts'
import { changeAgain, type ImportOptions, type ImportReport, importInBatches, sizeWith } from './import-batches.ts'
import type { ImportRecord } from './import-record.ts'
import { groupNameOf, permissionNames } from './names.ts'
import { grantsOnObjects } from './object-grants.ts'
import type { AdminTools } from './tools.ts'

interface Entry {
  readonly line: number
  readonly name: string
  readonly permissions: readonly string[]
  readonly onObjects: readonly GrantOnObject[]
}

const batchSize = 100

/**
 * Creates groups from records, in batches that are each whole or not there. A group that is here stays as it is: nobody who is
 * in it comes to more by an import. One that carries something else than its record is refused.
 */
export const importGroups = (
  records: AsyncIterable<ImportRecord>,
  tools: AdminTools,
  options: ImportOptions
): Promise<ImportReport> =>
  importInBatches(
    records,
    {
      batchSize,
      sizeOf: ({ onObjects }: Entry) => sizeWith(onObjects),
      entryOf: groupOf,
      async write(batch, refuse) {
        const at = tools.now()
        const { differing, ...done } = await changeAgain(tools, (tx) => write(batch, at, tx, options.dryRun))
        for (const { line } of differing)
          refuse(line, 'the group is here, and carries something else: it stays as it is')
        return done
      }
    },
    options
  )

const known = ['name', 'permissions', 'objectGrants', 'id', 'createdAt', 'updatedAt']

function groupOf({ line, fields, mistake }: ImportRecord): Entry | string {
  if (mistake !== undefined) return mistake
  const { name, permissions = [], objectGrants = [] } = fields
  const unknown = Object.keys(fields).find((key) => !known.includes(key))
  if (unknown !== undefined) return `${unknown}: there is no such field`
  if (typeof name !== 'string') return 'name: expected text'
  if (!isListOfText(permissions)) return 'permissions: expected a list of names'
  if (!Array.isArray(objectGrants)) return 'objectGrants: expected a list'
  try {
    const carried = { permissions: permissionNames(permissions), onObjects: grantsOnObjects(objectGrants) }
    return { line, name: groupNameOf(name), ...carried }
  } catch (error) {
    if (error instanceof Refusal) return error.description
    throw error
  }
}

const isListOfText = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

async function write(batch: readonly Entry[], at: number, { groups }: AdministrationTransaction, dryRun: boolean) {
  const here = new Map((await groups.byNames(batch.map(({ name }) => name))).map((group) => [group.name, group]))
  const made = new Map<string, Entry>()
  const differing: Entry[] = []
  let present = 0
  for (const entry of batch) {
    const group = here.get(entry.name)
    const twin = made.get(entry.name)
    if (group || twin) {
      const isSame = group ? await carries(group, entry, groups) : twin !== undefined && keysOf(twin) === keysOf(entry)
      if (isSame) present++
      else differing.push(entry)
      continue
    }
    made.set(entry.name, entry)
    if (dryRun) continue
    const { id } = await groups.create(entry.name, at)
    if (entry.permissions.length > 0) await groups.setPermissions(id, entry.permissions, at)
    if (entry.onObjects.length > 0) await groups.grantOnObjects(id, entry.onObjects)
  }
  return { created: made.size, present, differing }
}

/** Whether a group carries exactly this. */
async function carries(
  { id, permissions }: Group,
  entry: Entry,
  groups: AdministrationTransaction['groups']
): Promise<boolean> {
  const onObjects = await groups.objectGrants(id, entry.onObjects.length + 1)
  return keysOf({ permissions, onObjects }) === keysOf(entry)
}

const keysOf = ({ permissions, onObjects }: Pick<Entry, 'permissions' | 'onObjects'>): string =>
  JSON.stringify([
    [...permissions].sort(),
    onObjects.map(({ permission, object: { type, id } }) => JSON.stringify([permission, type, id])).sort()
  ])
