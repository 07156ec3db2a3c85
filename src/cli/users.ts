import type { Command } from 'commander'
import { canonicalEmail } from '../auth/email.ts'
import type { User, UserStore } from '../auth/user-store.ts'
import { openPasswords } from '../passwords/argon2.ts'
import type { Store } from '../store/index.ts'
import { withStore } from './configuration.ts'
import { readPassword } from './passwords.ts'
import { Refused } from './refused.ts'
import { describeUser, userAsJson, userLine } from './user-text.ts'

interface CreateOptions {
  readonly passwordStdin?: boolean
  readonly superuser?: boolean
  readonly permission: readonly string[]
  readonly group: readonly string[]
  readonly json?: boolean
}

/** `latchkey users …`: the people in the database. */
export function addUsers(program: Command): void {
  const users = program.command('users').description('the people in the database')
  users
    .command('create <email>')
    .description('create a user; without a password nobody logs in locally')
    .option('--password-stdin', 'read the password from standard input')
    .option('--superuser', 'holds every permission')
    .option('--permission <name>', 'grant a permission (again and again)', collect, [])
    .option('--group <name>', 'put into a group, which is made where it is missing (again and again)', collect, [])
    .option('--json', 'print JSON')
    .action((email: string, options: CreateOptions, command: Command) => create(email, options, command))
  users
    .command('list')
    .description('list users')
    .option('--search <prefix>', 'whose e-mail begins so')
    .option('--json', 'print JSON lines')
    .action((options: { search?: string; json?: boolean }, command: Command) => list(options, command))
  users
    .command('show <user>')
    .description('show a user, by e-mail or id')
    .option('--json', 'print JSON')
    .action((name: string, { json }: { json?: boolean }, command: Command) =>
      withStore(command, async ({ users: store }) => {
        const user = await find(name, store)
        const stored = await store.storedPermissions(user.id)
        write(json ? asLine(userAsJson(user, stored)) : describeUser(user, stored))
      })
    )
  users
    .command('set-password <user>')
    .description('set the password of a user, by e-mail or id')
    .option('--password-stdin', 'read the password from standard input')
    .action((name: string, options: { passwordStdin?: boolean }, command: Command) =>
      setPassword(name, options, command)
    )
  users
    .command('deactivate <user>')
    .description('let a user in no longer, by e-mail or id')
    .action((name: string, _options: object, command: Command) => setActive(name, false, command))
  users
    .command('activate <user>')
    .description('let a user in again, by e-mail or id')
    .action((name: string, _options: object, command: Command) => setActive(name, true, command))
}

async function create(address: string, options: CreateOptions, command: Command): Promise<void> {
  const email = canonicalEmail(address)
  if (email === undefined) throw new Refused('that is no e-mail address')
  for (const permission of options.permission) checkPermission(permission)
  for (const group of options.group) checkGroup(group)
  const password = await readPassword(options)
  await withStore(command, async (store, config) => {
    const passwordHash = password === undefined ? null : await (await openPasswords(config.passwords)).hash(password)
    const created = await store.users.create({
      email,
      emailVouched: true,
      attributes: {},
      ownAttributes: {},
      isSuperuser: options.superuser === true,
      passwordHash,
      lastLoginAt: null,
      at: Date.now()
    })
    if (created === 'taken') throw new Refused(`there is a user ${email} already`)
    await grant(created, options, store)
    const user = await find(created.id, store.users)
    const stored = await store.users.storedPermissions(user.id)
    write(options.json ? asLine(userAsJson(user, stored)) : `created ${userLine(user)}\n`)
  })
}

async function grant({ id }: User, { permission, group }: CreateOptions, { users }: Store): Promise<void> {
  if (permission.length > 0) await users.grantPermissions(id, permission)
  for (const made of await users.joinGroups(id, group, Date.now())) process.stderr.write(`made the group ${made}\n`)
}

async function list({ search, json }: { search?: string; json?: boolean }, command: Command): Promise<void> {
  await withStore(command, async ({ users }) => {
    let cursor: string | null = null
    do {
      const page = await users.list({
        limit: 500,
        ...(cursor === null ? {} : { cursor }),
        ...(search === undefined ? {} : { search: search.normalize('NFKC').trim().toLowerCase() })
      })
      for (const user of page.items) write(json ? asLine(userAsJson(user)) : `${userLine(user)}\n`)
      cursor = page.next
    } while (cursor !== null)
  })
}

async function setPassword(name: string, options: { passwordStdin?: boolean }, command: Command): Promise<void> {
  const password = await readPassword(options)
  if (password === undefined) throw new Refused('there is no password: use --password-stdin')
  await withStore(command, async ({ users }, config) => {
    const user = await find(name, users)
    const { hash } = await openPasswords(config.passwords)
    await users.setPasswordHash(user.id, await hash(password), Date.now())
    write(`password set for ${user.email}\n`)
  })
}

async function setActive(name: string, isActive: boolean, command: Command): Promise<void> {
  await withStore(command, async ({ users }) => {
    const user = await find(name, users)
    await users.setActive(user.id, isActive, Date.now())
    write(`${isActive ? 'activated' : 'deactivated'} ${user.email}\n`)
  })
}

/** The user of an e-mail or id. @throws {Refused} there is none */
export async function find(name: string, users: Pick<UserStore, 'byId' | 'byEmail'>): Promise<User> {
  const email = canonicalEmail(name)
  const user = email === undefined ? await users.byId(name.toLowerCase()) : await users.byEmail(email)
  if (!user) throw new Refused(`there is no user ${JSON.stringify(name)}`)
  return user
}

function checkPermission(name: string): void {
  if (!/^[\w-]+\.[\w.:-]+$/.test(name) || name.length > 150) {
    throw new Refused(
      `${JSON.stringify(name)} is no permission: it is called app_label.codename, as in blog.change_post`
    )
  }
}

/** Django's bound for a group's name, and nothing that can't be seen. */
function checkGroup(name: string): void {
  if (name.trim() !== name || name === '' || [...name].length > 150 || /[\p{Cc}\p{Cf}\p{Cs}]/u.test(name)) {
    throw new Refused(`${JSON.stringify(name)} is no name for a group`)
  }
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value]

const asLine = (value: unknown): string => `${JSON.stringify(value)}\n`

const write = (text: string): void => {
  process.stdout.write(text)
}
