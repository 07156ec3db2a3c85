import { type Command, Option } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { createUser } from '../admin/users.ts'
import { userOrders } from '../auth/user-store.ts'
import type { Store } from '../store/index.ts'
import { attributesOf, collect, withAdministration } from './administration.ts'
import { describe, type Json, show, takes } from './one-user.ts'
import { demandFor, readPassword } from './passwords.ts'
import { addAccess, addChanges } from './user-changes.ts'
import { type ListOptions, list } from './user-list.ts'

interface CreateOptions extends Json {
  readonly passwordStdin?: boolean
  readonly superuser?: boolean
  readonly permission: readonly string[]
  readonly group: readonly string[]
  readonly attribute: readonly string[]
  readonly loginName: readonly string[]
}

/** `latchkey users …`: the people in the database. */
export function addUsers(program: Command): void {
  const users = program.command('users').description('the people in the database')
  addCreation(users)
  addReading(users)
  addChanges(users)
  addAccess(users)
  addFiles(users)
}

function addCreation(users: Command): void {
  users
    .command('create <email>')
    .description('create a user; without a password nobody logs in locally')
    .option(...takes.passwordStdin)
    .option('--superuser', 'holds every permission')
    .option('--permission <name>', 'grant a permission (again and again)', collect, [])
    .option('--group <name>', 'put into a group, which is made where it is missing (again and again)', collect, [])
    .option(...takes.loginName)
    .option(...takes.attribute)
    .option(...takes.json)
    .action((email: string, options: CreateOptions, command: Command) => create(email, options, command))
  users
    .command('create-superuser')
    .description('create somebody who may do everything; asks for what is not given')
    .option('--email <email>', 'the e-mail')
    .option(...takes.passwordStdin)
    .option(...takes.attribute)
    .option(...takes.json)
    .action(async (options: object, command: Command) =>
      (await import('./create-superuser.ts')).createSuperuser(options, command)
    )
}

function addReading(users: Command): void {
  users
    .command('list')
    .description('list users')
    .option('--search <prefix>', 'whose e-mail begins so')
    .addOption(new Option('--active', 'who may log in').conflicts('inactive'))
    .option('--inactive', 'who may not')
    .option('--superuser', 'who may do everything')
    .option('--group <name>', 'who is in the group')
    .option('--permission <name>', 'who was granted it here, directly or by a group')
    .option('--backend <id>', 'who has an identity there')
    .addOption(new Option('--order <field>', 'in this order').choices(userOrders))
    .option('--descending', 'the other way round')
    .option('--json', 'print JSON lines')
    .action((options: ListOptions, command: Command) => list(options, command))
  users
    .command('show <user>')
    .description('show a user, by e-mail, id or login name')
    .option(...takes.json)
    .action(describe)
}

function addFiles(users: Command): void {
  const format = () => new Option('--format <format>', 'default: by the name of the file').choices(['csv', 'jsonl'])
  users
    .command('import <file>')
    .description('create users from a CSV file or JSON lines (-: standard input); those who are there stay as they are')
    .addOption(format())
    .option('--dry-run', 'tell what would be done, and do nothing')
    .option(...takes.json)
    .action(async (file: string, options: object, command: Command) =>
      (await import('./import-users.ts')).importFile(file, options, command)
    )
  users
    .command('export')
    .description('write all users to standard output')
    .addOption(format())
    .option('--password-hashes', 'with the hashes of their passwords')
    .action(async (options: object, command: Command) =>
      (await import('./export-users.ts')).exportUsers(options, command)
    )
}

async function create(email: string, options: CreateOptions, command: Command): Promise<void> {
  await withAdministration(command, async (tools, store) => {
    const attributes = attributesOf(options.attribute)
    const demand = demandFor(email, attributes, options.loginName, tools)
    const password = await readPassword({ ...options, optional: true, demand })
    const missing = await missingGroups(options.group, store)
    const user = await createUser(
      atConsole,
      {
        ...{ email, attributes, permissions: options.permission, groups: options.group },
        makesGroups: true,
        loginNames: options.loginName,
        isSuperuser: options.superuser === true,
        ...(password === undefined ? {} : { password })
      },
      tools
    )
    for (const name of missing) process.stderr.write(`made the group ${name}\n`)
    await show(user, options, 'created', { tools, store })
  })
}

async function missingGroups(names: readonly string[], { groups }: Store): Promise<readonly string[]> {
  const each = [...new Set(names.map((name) => name.normalize('NFC')))]
  const found = await Promise.all(each.map((name) => groups.byName(name)))
  return each.filter((_name, at) => found[at] === undefined)
}
