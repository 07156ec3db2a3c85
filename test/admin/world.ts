import type { Test } from 'tap'
import { type Actor, atConsole } from '../../src/admin/actor.ts'
import type { AdminTools } from '../../src/admin/tools.ts'
import { createUser, type UserDraft } from '../../src/admin/users.ts'
import type { User } from '../../src/auth/user-store.ts'
import type { Store } from '../../src/store/index.ts'
import { at, open } from '../store/world.ts'

/** Tools of administration over a store, with a chain of `corp` before `local`; `more` goes before all. */
export const toolsOver = (store: Store, more: Partial<AdminTools> = {}): AdminTools => ({
  administration: store.administration,
  users: store.users,
  chain: [
    { id: 'corp', type: 'ldap', updateAttributes: 'always' },
    { id: 'local', type: 'local', updateAttributes: 'always' }
  ],
  attributes: {
    department: { type: 'string', maxLength: 10, required: false },
    level: { type: 'number', maxLength: 255, required: false }
  },
  passwordPolicy: { demand: async () => {} },
  hashPassword: async (password) => `hash of ${password}`,
  permissionsOf: async (user: User) =>
    (await store.users.storedPermissions(user.id)).grants.map((one) => one.permission),
  now: () => at,
  ...more
})

/** An empty database on SQLite with tools over it. */
export const openWorld = async (t: Test, more: Partial<AdminTools> = {}) => {
  const url = `file:${t.testdir({})}/latchkey.db`
  const store = await open(url)
  t.teardown(() => store.close())
  const tools = toolsOver(store, more)
  const create = (email: string, draft: Omit<UserDraft, 'email'> = {}) =>
    createUser(atConsole, { email, ...draft }, tools)
  return { url, store, tools, create }
}

/** Somebody who acts with some permissions. */
export const actorOf = ({ id }: Pick<User, 'id'>, permissions: readonly string[] = []): Actor => ({
  kind: 'user',
  id,
  isSuperuser: false,
  permissions: new Set(permissions)
})

/** A superuser who acts. */
export const superuserOf = ({ id }: Pick<User, 'id'>): Actor => ({
  kind: 'user',
  id,
  isSuperuser: true,
  permissions: new Set()
})
