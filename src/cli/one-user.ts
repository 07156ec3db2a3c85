import type { Command } from 'commander'
import type { AdminTools } from '../admin/tools.ts'
import type { Holdings } from '../auth/group-store.ts'
import type { User } from '../auth/user-store.ts'
import type { Store } from '../store/index.ts'
import { asLine, collect, find, withAdministration, write } from './administration.ts'
import { asSeen, describeUser, userAsJson, userLine } from './user-text.ts'

/** What every command about one user takes. */
export interface Json {
  readonly json?: boolean
}

/** Options that several commands take. */
export const takes = {
  json: ['--json', 'print JSON'],
  attribute: ['--attribute <name=value>', 'a field of the user (again and again)', collect, []],
  loginName: ['--login-name <name>', 'a login name beside the e-mail (again and again)', collect, []],
  passwordStdin: ['--password-stdin', 'read the password from standard input']
} as const

/** Does something to the user of a name, and says so: `done` and the e-mail. */
export async function change(
  name: string,
  options: Json,
  command: Command,
  done: string,
  work: (user: User, tools: AdminTools) => Promise<User>
): Promise<void> {
  await withAdministration(command, async (tools, store) => {
    const user = await work(await find(name, store), tools)
    if (options.json) await show(user, options, done, { tools, store })
    else write(`${done} ${user.email}\n`)
  })
}

/** `latchkey users show`. */
export async function describe(name: string, { json }: Json, command: Command): Promise<void> {
  await withAdministration(command, async (tools, store) => {
    const user = asSeen(await find(name, store), tools)
    const stored = await store.users.storedPermissions(user.id)
    const held = await heldBy(user, store)
    write(json ? asLine(userAsJson(user, stored, held)) : describeUser(user, stored, held))
  })
}

/** One user, after something was done. */
export async function show(
  changed: User,
  options: Json,
  done: string,
  { tools, store }: { readonly tools: AdminTools; readonly store: Store }
): Promise<void> {
  const user = asSeen(changed, tools)
  const stored = options.json ? await store.users.storedPermissions(user.id) : undefined
  write(stored ? asLine(userAsJson(user, stored, await heldBy(user, store))) : `${done} ${userLine(user)}\n`)
}

async function heldBy({ id }: User, { holdings }: Store): Promise<Pick<Holdings, 'loginNames'>> {
  return (await holdings.of([id])).get(id) ?? { loginNames: [] }
}
