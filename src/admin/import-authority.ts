import type { AdministrationTransaction } from '../auth/administration-store.ts'
import { groupName, isPermissionName } from '../auth/names.ts'
import { isOwnPermission } from '../auth/permissions.ts'
import type { ForeignGroup, ForeignPermission, ForeignSource, ImportProblem } from './foreign-source.ts'
import { changeAgain } from './import-batches.ts'
import type { AdminTools } from './tools.ts'

/** What accounts of another program may hold here, by the names that they have there. */
export interface Authority {
  readonly permissions: ReadonlySet<string>
  /** Groups that their members are put into, by the names that they have there. */
  readonly groups: ReadonlyMap<string, string>
  /** Groups that were made. */
  readonly made: number
}

interface Options {
  readonly dryRun: boolean
  onProblem(problem: ImportProblem): void
}

const groupsAtOnce = 100

/**
 * Brings permissions and groups along. A group that is here stays as it is, and takes nobody in where it carries what it does
 * not carry there.
 */
export async function importAuthority(source: ForeignSource, tools: AdminTools, options: Options): Promise<Authority> {
  const usable = new Map<string, ForeignPermission>()
  for (const permission of source.permissions) {
    const mistake = permissionMistake(permission.name)
    if (mistake !== undefined) options.onProblem(problemOf('invalid-permission', permission.name, mistake))
    else if (!usable.has(permission.name)) usable.set(permission.name, permission)
  }
  if (!options.dryRun) await tools.administration.change((tx) => tx.imports.register([...usable.values()]))
  const permissions = new Set(usable.keys())
  const wanted = groupsOf(source.groups, permissions, options)
  const groups = new Map(wanted.map(({ there, name }) => [there, name]))
  let made = 0
  for (let at = 0; at < wanted.length; at += groupsAtOnce) {
    const portion = wanted.slice(at, at + groupsAtOnce)
    const { created, differing } = await changeAgain(tools, (tx) => write(portion, tx, tools, options))
    made += created
    for (const { there, extra } of differing) {
      if (extra !== undefined) groups.delete(there)
      const detail =
        extra === undefined
          ? 'it is here already and carries less; it stays as it is, and its members were put in'
          : `it is here already and carries ${extra}, which it does not there; nobody was put in`
      options.onProblem(problemOf('differing-group', there, detail))
    }
  }
  return { permissions, groups, made }
}

interface WantedGroup {
  readonly there: string
  readonly name: string
  readonly permissions: readonly string[]
}

function groupsOf(groups: readonly ForeignGroup[], known: ReadonlySet<string>, { onProblem }: Options): WantedGroup[] {
  const byName = Map.groupBy(groups, ({ name }) => groupName(name))
  return groups.flatMap(({ name: there, permissions }) => {
    const name = groupName(there)
    const alike = byName.get(name) ?? []
    if (name === undefined) onProblem(problemOf('invalid-group', there, 'that is no name for a group here'))
    else if (alike.length > 1) onProblem(problemOf('shared-group', there, 'another group has the same name after NFC'))
    else return [{ there, name, permissions: permissions.filter((one) => known.has(one)) }]
    return []
  })
}

/** What was made, and which that are here carry something else; `extra`: what one carries here alone. */
async function write(
  groups: readonly WantedGroup[],
  tx: AdministrationTransaction,
  { now }: AdminTools,
  { dryRun }: Options
) {
  const here = new Map((await tx.groups.byNames(groups.map(({ name }) => name))).map((group) => [group.name, group]))
  const missing = groups.filter(({ name }) => !here.has(name))
  for (const { name, permissions } of dryRun ? [] : missing) {
    const { id } = await tx.groups.create(name, now())
    if (permissions.length > 0) await tx.groups.setPermissions(id, permissions, now())
  }
  const differing: Array<{ there: string; extra: string | undefined }> = []
  for (const { there, name, permissions } of groups) {
    const group = here.get(name)
    if (group === undefined) continue
    const [onObject] = await tx.groups.grantedOnObjects(group.id)
    const general = group.permissions.find((one) => !permissions.includes(one))
    const extra = general ?? (onObject === undefined ? undefined : `${onObject} on some object`)
    if (extra !== undefined || group.permissions.length < permissions.length) differing.push({ there, extra })
  }
  return { created: missing.length, differing }
}

function permissionMistake(name: string): string | undefined {
  if (!isPermissionName(name)) return 'that is no name for a permission here'
  return isOwnPermission(name) ? 'permissions latchkey.* open the administration here: grant them by hand' : undefined
}

const problemOf = (problem: ImportProblem['problem'], of: string, detail: string): ImportProblem => ({
  ...{ problem, of, detail, imported: false }
})
