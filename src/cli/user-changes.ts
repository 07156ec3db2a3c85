import type { Command } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { linkIdentity, unlinkIdentity } from '../admin/identities.ts'
import { setPassword } from '../admin/passwords.ts'
import { changePermissions, deleteUser, patchUser } from '../admin/users.ts'
import { attributesOf } from './administration.ts'
import { change, type Json, takes } from './one-user.ts'
import { readPassword } from './passwords.ts'
import { Misused, nothingNamed, Refused } from './refused.ts'

interface OnObject extends Json {
  readonly object?: string
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

/** What changes somebody. */
export function addChanges(users: Command): void {
  users
    .command('change <user>')
    .description(
      'change the e-mail, login names and fields of a user; an empty value takes a field away, or all login names'
    )
    .option('--email <email>', 'the new e-mail, which ends all sessions')
    .option(...takes.loginName)
    .option(...takes.attribute)
    .option(...takes.json)
    .action((name: string, { email, attribute: pairs, loginName: names, ...rest }: ChangeOptions, command: Command) => {
      const attributes = attributesOf(pairs)
      if (email === undefined && pairs.length === 0 && names.length === 0) throw new Misused(nothingNamed)
      return change(name, rest, command, 'changed', (user, tools) => {
        const loginNames = names.length === 0 ? {} : { loginNames: names.filter((one) => one !== '') }
        const patch = { attributes, ...loginNames, ...(email === undefined ? {} : { email }) }
        return patchUser(atConsole, user.id, patch, tools)
      })
    })
  users
    .command('set-password <user>')
    .description('set the password of a user, by e-mail, id or login name')
    .option(...takes.passwordStdin)
    .option('--unset', 'take it away: nobody logs in locally any more')
    .option(...takes.json)
    .action(async (name: string, options: PasswordOptions, command: Command) => {
      if (options.unset && options.passwordStdin) throw new Misused('--unset and --password-stdin: one of them')
      const done = options.unset ? 'password taken from' : 'password set for'
      await change(name, options, command, done, async (user, tools) => {
        const demand = (typed: string) => tools.passwordPolicy.demand(typed, user)
        const password = options.unset ? null : await readPassword({ ...options, demand })
        if (password === undefined) throw new Refused('there is no password: use --password-stdin')
        return setPassword(atConsole, user.id, password, tools)
      })
    })
  users
    .command('reset-link <user>')
    .description('print a link by which a user chooses a new password, once')
    .option(...takes.json)
    .action(async (name: string, options: Json, command: Command) =>
      (await import('./reset-link.ts')).printResetLink(name, options, command)
    )
  flag(users, 'deactivate', 'let a user in no longer, by e-mail, id or login name', 'deactivated', { isActive: false })
  flag(users, 'activate', 'let a user in again, by e-mail, id or login name', 'activated', { isActive: true })
  users
    .command('superuser <user>')
    .description('let a user do everything, by e-mail, id or login name')
    .option('--off', 'no longer')
    .option(...takes.json)
    .action((name: string, options: Json & { off?: boolean }, command: Command) =>
      change(name, options, command, options.off ? 'no superuser any more:' : 'superuser:', (user, tools) =>
        patchUser(atConsole, user.id, { isSuperuser: options.off !== true }, tools)
      )
    )
  users
    .command('delete <user>')
    .description('delete a user with everything of theirs, by e-mail, id or login name')
    .option(...takes.json)
    .action((name: string, options: Json, command: Command) =>
      change(name, options, command, 'deleted', async (user, tools) => {
        await deleteUser(atConsole, user.id, tools)
        return user
      })
    )
}

/** Accounts of backends and permissions that somebody has. */
export function addAccess(users: Command): void {
  users
    .command('link <user> <backend> <subject>')
    .description("say that a backend's account is this user's, whatever its e-mail")
    .option('--username <name>', 'the login name there')
    .option(...takes.json)
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
    .option(...takes.json)
    .action((name: string, backend: string, subject: string, options: Json, command: Command) =>
      change(name, options, command, `unlinked ${backend} from`, (user, tools) =>
        unlinkIdentity(atConsole, user.id, { backend, subject }, tools)
      )
    )
  for (const kind of ['grant', 'revoke'] as const) {
    users
      .command(`${kind} <user> <permission...>`)
      .description(kind === 'grant' ? 'grant permissions to a user' : 'take permissions from a user')
      .option('--object <type:id>', 'on this object alone')
      .option(...takes.json)
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

function flag(users: Command, name: string, text: string, done: string, patch: { isActive: boolean }): void {
  users
    .command(`${name} <user>`)
    .description(text)
    .option(...takes.json)
    .action((who: string, options: Json, command: Command) =>
      change(who, options, command, done, (user, tools) => patchUser(atConsole, user.id, patch, tools))
    )
}
