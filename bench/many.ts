import { openStore } from '../src/store/index.ts'
import { runIn, type Words } from './databases.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const prefixes = { user: '01900000-0000-7000-8000-', group: '01900000-0000-7000-9000-' } as const

/** The user of a number, as `seedMany` writes it. */
export const userId = (n: number): string => prefixes.user + n.toString(16).padStart(12, '0')

/** The permissions that `seedMany` gives out. */
export const permissions = ['app.view', 'app.rare', 'app.common', 'app.direct'] as const

/**
 * Writes many users (a thousandth inactive, 10 in a million superusers), each with an identity, in a group of a hundred and in
 * `everybody`, and with so many permissions on objects. All in the order of the primary keys.
 */
export async function seedMany(url: string, users: number, grantsEach = 5): Promise<void> {
  await (await openStore({ url, log: silent })).close()
  await runIn(url, (words) => statements(words, users, grantsEach))
  const tables = 'latchkey_users, latchkey_identities, latchkey_user_groups, latchkey_user_object_grants'
  if (!url.startsWith('file:')) await runIn(url, () => [`analyze table ${tables}`])
}

function statements({ numbers, uuid, text }: Words, users: number, grantsEach: number): string[] {
  const id = (kind: keyof typeof prefixes, n: string): string => uuid(prefixes[kind], n)
  const groups = Math.max(1, Math.round(users / 100))
  const user = id('user', 'n')
  const direct = `select 'app.view' as p union all select 'app.rare' union all select 'app.common' union all select 'app.direct'`
  const everybody = id('group', '0')
  return [
    `insert into latchkey_users (id, email, email_vouched, attributes, own_attributes, is_active, is_superuser, password_hash, created_at, updated_at, last_login_at, tokens_valid_from, version)
     select ${user}, ${text("'user'", 'n', "'@example.com'")}, 1, '{"firstName":"Ann"}', '{"firstName":"Ann"}', n % 1000 <> 0, n % 100000 = 0, case when n % 2 = 0 then 'x' end, n, n, case when n % 3 <> 0 then (n * 7919) % 1000000007 end, 0, 0 from ${numbers(users)}`,
    `insert into latchkey_identities (backend, subject, user_id, username, attributes, is_superuser, last_seen_at)
     select 'ldap', ${text("'s'", 'n')}, ${user}, ${text("'user'", 'n')}, '{}', 0, 1 from ${numbers(users)}`,
    `insert into latchkey_identities (backend, subject, user_id, username, attributes, is_superuser, last_seen_at)
     select 'rare', ${text("'s'", 'n')}, ${user}, ${text("'user'", 'n')}, '{}', n % 2, 1 from ${numbers(users)} where n % 10007 = 0`,
    `insert into latchkey_permissions (name, description, declared, origin) select p, '', 1, 'configuration' from (${direct}) d`,
    `insert into latchkey_groups (id, name, created_at, updated_at, version) values (${everybody}, 'everybody', 1, 1, 0)`,
    `insert into latchkey_groups (id, name, created_at, updated_at, version) select ${id('group', 'n')}, ${text("'group'", 'n')}, 1, 1, 0 from ${numbers(groups)}`,
    `insert into latchkey_group_permissions (group_id, permission) values (${everybody}, 'app.common')`,
    `insert into latchkey_group_permissions (group_id, permission) select ${id('group', 'n')}, 'app.rare' from ${numbers(Math.min(10, groups))}`,
    `insert into latchkey_user_groups (user_id, group_id, origin) select ${user}, ${everybody}, 'ldap' from ${numbers(users)}`,
    `insert into latchkey_user_groups (user_id, group_id, origin) select ${user}, ${id('group', `(n % ${groups} + 1)`)}, 'local' from ${numbers(users)}`,
    `insert into latchkey_user_permissions (user_id, permission) select ${user}, 'app.direct' from ${numbers(users)} where n % 1000 = 1`,
    ...Array.from(
      { length: grantsEach },
      (_, k) =>
        `insert into latchkey_user_object_grants (user_id, object_type, object_id, permission) select ${user}, 'doc${k}', ${text("'d'", 'n')}, 'app.view' from ${numbers(users)}`
    ),
    `insert into latchkey_group_object_grants (group_id, object_type, object_id, permission) select ${id('group', 'n')}, 'doc0', ${text("'g'", 'n')}, 'app.view' from ${numbers(groups)}`
  ]
}
