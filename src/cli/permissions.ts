import type { Command } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { declarePermission, deletePermission, describePermission } from '../admin/permissions.ts'
import { everyPage } from '../auth/every-page.ts'
import type { RegisteredPermission } from '../auth/group-store.ts'
import { asLine, withAdministration, write } from './administration.ts'

interface Json {
  readonly json?: boolean
}

const json = ['--json', 'print JSON'] as const

/** `latchkey permissions …`: the registry, which is what a superuser holds. */
export function addPermissions(program: Command): void {
  const permissions = program.command('permissions').description('what there is to be allowed')
  permissions
    .command('list')
    .description('list the permissions that are known, and who named them')
    .option('--search <prefix>', 'whose name begins so')
    .option('--json', 'print JSON lines')
    .action((options: Json & { search?: string }, command: Command) => list(options, command))
  permissions
    .command('create <name> <description>')
    .description('declare a permission, as the configuration may, too')
    .option(...json)
    .action((name: string, description: string, options: Json, command: Command) =>
      withAdministration(command, async (tools) =>
        print(await declarePermission(atConsole, { name, description }, tools), options, 'created ')
      )
    )
  permissions
    .command('describe <name> <description>')
    .description('describe a permission')
    .option(...json)
    .action((name: string, description: string, options: Json, command: Command) =>
      withAdministration(command, async (tools) =>
        print(await describePermission(atConsole, name, description, tools), options, 'described ')
      )
    )
  permissions
    .command('delete <name>')
    .description('delete a permission that the configuration does not declare, and all grants of it')
    .option(...json)
    .action((name: string, options: Json, command: Command) =>
      withAdministration(command, async (tools) => {
        await deletePermission(atConsole, name, tools)
        write(options.json ? asLine({ name }) : `deleted ${name}\n`)
      })
    )
  permissions
    .command('grants')
    .description('list permissions on objects: of users, then of groups')
    .option('--user <user>', 'of this user alone, by e-mail, id or login name')
    .option('--group <group>', 'of this group alone')
    .option('--permission <name>', 'of this permission alone')
    .option('--search <prefix>', 'whose permission begins so')
    .option('--object <type:id>', 'on this object, or on those of a type alone')
    .option('--json', 'print JSON lines')
    .action(async (options: object, command: Command) =>
      (await import('./object-grants.ts')).listGrants(options, command)
    )
}

async function list({ search, json: asJson }: Json & { search?: string }, command: Command): Promise<void> {
  await withAdministration(command, async (_tools, { permissions }) => {
    const where = { ...(search === undefined ? {} : { search }), limit: 500 }
    for await (const page of everyPage((from) => permissions.list({ ...where, ...from })))
      for (const one of page) print(one, { ...(asJson ? { json: true } : {}) }, '')
  })
}

function print(permission: RegisteredPermission, options: Json, done: string): void {
  const { name, description } = permission
  const source = sourceOf(permission)
  write(options.json ? asLine({ name, description, source }) : `${done}${name}  ${source}  ${description}\n`)
}

/** Who names it: `vanished` from the configuration, or `undeclared`, where only a grant does. */
function sourceOf({ declared, origin }: RegisteredPermission): string {
  if (declared) return 'configuration'
  return { configuration: 'vanished', administration: 'administration', grant: 'undeclared' }[origin]
}
