import type { Command } from 'commander'
import type { AdminTools } from '../admin/tools.ts'
import { consoleAdministration } from '../administration.ts'
import type { AttributeValue } from '../auth/backend.ts'
import { canonicalEmail } from '../auth/email.ts'
import type { Group } from '../auth/group-store.ts'
import { loginName } from '../auth/names.ts'
import type { User } from '../auth/user-store.ts'
import type { Config } from '../config/config.ts'
import type { HashQueue } from '../passwords/argon2.ts'
import type { Store } from '../store/index.ts'
import { withStore } from './configuration.ts'
import { Misused, Refused } from './refused.ts'

/** Works by the rules of administration on the database alone; hashing is loaded when somebody sets a password. */
export function withAdministration<Result>(
  command: Command,
  work: (tools: AdminTools, store: Store, config: Config) => Promise<Result>
): Promise<Result> {
  return withStore(command, (store, config) => {
    let opened: Promise<HashQueue> | undefined
    const open = async (): Promise<HashQueue> =>
      (await import('../passwords/argon2.ts')).openPasswords(config.passwords)
    const hashPassword = async (password: string): Promise<string> => {
      opened ??= open()
      return (await opened).hash(password)
    }
    return work(consoleAdministration(config, store, hashPassword), store, config)
  })
}

/** The user of an e-mail, id or login name, in this order. @throws {Refused} there is none */
export async function find(text: string, store: Pick<Store, 'users' | 'accounts'>): Promise<User> {
  const found = await lookUp(text, store)
  if (!found) throw new Refused(`there is no user ${JSON.stringify(text)}`)
  return found
}

/** The user of an e-mail, id or login name, if there is one. */
export async function lookUp(
  text: string,
  { users, accounts }: Pick<Store, 'users' | 'accounts'>
): Promise<User | undefined> {
  const email = canonicalEmail(text)
  const user = email === undefined ? await users.byId(text.toLowerCase()) : await users.byEmail(email)
  const name = user ? undefined : loginName(text)
  const account = name === undefined ? undefined : await accounts.byLoginName(name)
  return user ?? (account && (await users.byId(account.id)))
}

/** The group of a name or id. @throws {Refused} there is none */
export async function findGroup(name: string, { groups }: Pick<Store, 'groups'>): Promise<Group> {
  const group = (await groups.byName(name.normalize('NFC'))) ?? (await groups.byId(name.toLowerCase()))
  if (!group) throw new Refused(`there is no group ${JSON.stringify(name)}`)
  return group
}

/** Fields from `name=value`; an empty value is null, which takes the field away. @throws {Misused} */
export function attributesOf(pairs: readonly string[]): Record<string, AttributeValue | null> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new Misused(`--attribute ${JSON.stringify(pair)}: expected name=value`)
      const value = pair.slice(at + 1)
      return [pair.slice(0, at), value === '' ? null : value]
    })
  )
}

/** For options that come again and again. */
export const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value]

/** A value on a line of its own. */
export const asLine = (value: unknown): string => `${JSON.stringify(value)}\n`

/** Writes to standard output. */
export const write = (text: string): void => {
  process.stdout.write(text)
}
