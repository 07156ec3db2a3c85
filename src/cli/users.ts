import { type Command, Option } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { createGroup } from '../admin/groups.ts'
import { linkIdentity, unlinkIdentity } from '../admin/identities.ts'
import type { AdminTools } from '../admin/tools.ts'
import { changePermissions, createUser, deleteUser, patchUser, setPassword } from '../admin/users.ts'
import type { Holdings } from '../auth/group-store.ts'
import { type User, userOrders } from '../auth/user-store.ts'
import type { Store } from '../store/index.ts'
import { asLine, attributesOf, collect, find, withAdministration, write } from './administration.ts'
import { readPassword } from './passwords.ts'
import { Refused } from './refused.ts'
import { type ListOptions, list } from './user-list.ts'
import { describeUser, userAsJson, userLine } from './user-text.ts'

interface Json {
  readonly json?: boolean
}

interface OnObject extends Json {
  readonly object?: string
}

interface CreateOptions extends Json {
  readonly passwordStdin?: boolean
  readonly superuser?: boolean
  readonly permission: readonly string[]
  readonly group: readonly string[]
  readonly attribute: readonly string[]
  readonly loginName: readonly string[]
}

const json = ['--json', 'print JSON'] as const
const attribute = ['--attribute <name=value>', 'a field of the user (again and again)', collect, []] as const
const onObject = ['--object <type:id>', 'on this object alone'] as const
const loginName = ['--login-name <name>', 'a login name beside the e-mail (again and again)', collect, []] as const
const passwordStdin = ['--password-stdin', 'read the password from standard input'] as const

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
    .option(...passwordStdin)
    .option('--superuser', 'holds every permission')
    .option('--permission <name>', 'grant a permission (again and again)', collect, [])
    .option('--group <name>', 'put into a group, which is made where it is missing (again and again)', collect, [])
    .option(...loginName)
    .option(...attribute)
    .option(...json)
    .action((email: string, options: CreateOptions, command: Command) => create(email, options, command))
  users
    .command('create-superuser')
    .description('create somebody who may do everything; asks for what is not given')
    .option('--email <email>', 'the e-mail')
    .option(...passwordStdin)
    .option(...attribute)
    .option(...json)
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
    .option(...json)
    .action((name: string, options: Json, command: Command) =>
      withAdministration(command, async (_tools, store) => {
        const user = await find(name, store)
        const stored = await store.users.storedPermissions(user.id)
        const held = await heldBy(user, store)
        write(options.json ? asLine(userAsJson(user, stored, held)) : describeUser(user, stored, held))
      })
    )
}

function addChanges(users: Command): void {
  users
    .command('change <user>')
    .description(
      'change the e-mail, login names and fields of a user; an empty value takes a field away, or all login names'
    )
    .option('--email <email>', 'the new e-mail, which ends all sessions')
    .option(...loginName)
    .option(...attribute)
    .option(...json)
    .action((name: string, { email, attribute: pairs, loginName: names, ...rest }: ChangeOptions, command: Command) =>
      change(name, rest, command, 'changed', (user, tools) => {
        const attributes = attributesOf(pairs)
        const loginNames = names.length === 0 ? {} : { loginNames: names.filter((one) => one !== '') }
        const patch = { attributes, ...loginNames, ...(email === undefined ? {} : { email }) }
        return patchUser(atConsole, user.id, patch, tools)
      })
    )
  users
    .command('set-password <user>')
    .description('set the password of a user, by e-mail or id')
    .option(...passwordStdin)
    .option('--unset', 'take it away: nobody logs in locally any more')
    .option(...json)
    .action(async (name: string, options: PasswordOptions, command: Command) => {
      const password = options.unset ? null : await readPassword(options)
      if (password === undefined) throw new Refused('there is no password: use --password-stdin')
      const done = password === null ? 'password taken from' : 'password set for'
      await change(name, options, command, done, (user, tools) => setPassword(atConsole, user.id, password, tools))
    })
  flag(users, 'deactivate', 'let a user in no longer, by e-mail or id', 'deactivated', { isActive: false })
  flag(users, 'activate', 'let a user in again, by e-mail or id', 'activated', { isActive: true })
  users
    .command('superuser <user>')
    .description('let a user do everything, by e-mail or id')
    .option('--off', 'no longer')
    .option(...json)
    .action((name: string, options: Json & { off?: boolean }, command: Command) =>
      change(name, options, command, options.off ? 'no superuser any more:' : 'superuser:', (user, tools) =>
        patchUser(atConsole, user.id, { isSuperuser: options.off !== true }, tools)
      )
    )
  users
    .command('delete <user>')
    .description('delete a user with everything of theirs, by e-mail or id')
    .option(...json)
    .action((name: string, options: Json, command: Command) =>
      change(name, options, command, 'deleted', async (user, tools) => {
        await deleteUser(atConsole, user.id, tools)
        return user
      })
    )
}

function addAccess(users: Command): void {
  users
    .command('link <user> <backend> <subject>')
    .description("say that a backend's account is this user's, whatever its e-mail")
    .option('--username <name>', 'the login name there')
    .option(...json)
    .action((name: string, backend: string, subject: string, options: LinkOptions, command: Command) =>
      change(name, options, command, `linked ${backend} to`, (user, tools) => {
        const { username } = options
        return linkIdentity(
          atConsole,
          user.id,
          { backend, subject, ...(username === undefined ? {} : { username }) },
          tools
        )
      })
    )
  users
    .command('unlink <user> <backend> <subject>')
    .description("take a backend's account from a user, which ends all sessions")
    .option(...json)
    .action((name: string, backend: string, subject: string, options: Json, command: Command) =>
      change(name, options, command, `unlinked ${backend} from`, (user, tools) =>
        unlinkIdentity(atConsole, user.id, { backend, subject }, tools)
      )
    )
  for (const kind of ['grant', 'revoke'] as const) {
    users
      .command(`${kind} <user> <permission...>`)
      .description(kind === 'grant' ? 'grant permissions to a user' : 'take permissions from a user')
      .option(...onObject)
      .option(...json)
      .action(async (name: string, permissions: string[], { object, ...options }: OnObject, command: Command) =>
        object !== undefined
          ? (await import('./object-grants.ts')).changeOnObject(
              kind,
              { user: name },
              permissions,
              { ...options, object },
              command
            )
          : change(name, options, command, kind === 'grant' ? 'granted to' : 'revoked from', (user, tools) =>
              changePermissions(atConsole, user.id, { [kind]: permissions }, tools)
            )
      )
  }
}

function addFiles(users: Command): void {
  const format = () => new Option('--format <format>', 'default: by the name of the file').choices(['csv', 'jsonl'])
  users
    .command('import <file>')
    .description('create users from a CSV file or JSON lines (-: standard input); those who are there stay as they are')
    .addOption(format())
    .option('--dry-run', 'tell what would be done, and do nothing')
    .option(...json)
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

interface ChangeOptions extends Json {
  readonly email?: string
  readonly attribute: readonly string[]
  readonly loginName: readonly string[]
}

interface PasswordOptions extends Json {
  readonly passwordStdin?: boolean
  readonly unset?: boolean
}

interface LinkOptions extends Json {
  readonly username?: string
}

function flag(users: Command, name: string, text: string, done: string, patch: { isActive: boolean }): void {
  users
    .command(`${name} <user>`)
    .description(text)
    .option(...json)
    .action((who: string, options: Json, command: Command) =>
      change(who, options, command, done, (user, tools) => patchUser(atConsole, user.id, patch, tools))
    )
}

async function create(email: string, options: CreateOptions, command: Command): Promise<void> {
  const password = await readPassword(options)
  await withAdministration(command, async (tools, store) => {
    const attributes = attributesOf(options.attribute)
    for (const name of options.group) await makeGroup(name, tools, store)
    const user = await createUser(
      atConsole,
      {
        ...{ email, attributes, permissions: options.permission, groups: options.group },
        loginNames: options.loginName,
        isSuperuser: options.superuser === true,
        ...(password === undefined ? {} : { password })
      },
      tools
    )
    await show(user, options, 'created', store)
  })
}

async function makeGroup(name: string, tools: AdminTools, { groups }: Store): Promise<void> {
  if (await groups.byName(name.normalize('NFC'))) return
  await createGroup(atConsole, { name }, tools)
  process.stderr.write(`made the group ${name}\n`)
}

async function change(
  name: string,
  options: Json,
  command: Command,
  done: string,
  work: (user: User, tools: AdminTools) => Promise<User>
): Promise<void> {
  await withAdministration(command, async (tools, store) => {
    const user = await work(await find(name, store), tools)
    if (options.json) await show(user, options, done, store)
    else write(`${done} ${user.email}\n`)
  })
}

/** One user, after something was done. */
export async function show(user: User, options: Json, done: string, store: Store): Promise<void> {
  const stored = options.json ? await store.users.storedPermissions(user.id) : undefined
  write(stored ? asLine(userAsJson(user, stored, await heldBy(user, store))) : `${done} ${userLine(user)}\n`)
}

async function heldBy({ id }: User, { holdings }: Store): Promise<Pick<Holdings, 'loginNames'>> {
  return (await holdings.of([id])).get(id) ?? { loginNames: [] }
}
