import type { AttributeValue } from '../auth/backend.ts'
import type { Algorithm, StoredKey } from '../tokens/key-store.ts'
import type { Kit } from './kit.ts'

type StoredAttributes = Record<string, AttributeValue>

/** Our tables, once for both dialects. Lengths are bytes; times are epoch milliseconds. */
export const createTables = (kit: Kit) => {
  const users = kit.table(
    'latchkey_users',
    {
      id: kit.key('id', 36).primaryKey(),
      email: kit.key('email', 254).notNull(),
      emailVouched: kit.boolean('email_vouched').notNull(),
      attributes: kit.json<StoredAttributes>('attributes').notNull(),
      ownAttributes: kit.json<StoredAttributes>('own_attributes').notNull(),
      isActive: kit.boolean('is_active').notNull(),
      isSuperuser: kit.boolean('is_superuser').notNull(),
      passwordHash: kit.key('password_hash', 512),
      createdAt: kit.integer('created_at').notNull(),
      updatedAt: kit.integer('updated_at').notNull(),
      lastLoginAt: kit.integer('last_login_at')
    },
    (t) => [kit.uniqueIndex('latchkey_users_email').on(t.email)]
  )

  const identities = kit.table(
    'latchkey_identities',
    {
      backend: kit.key('backend', 64).notNull(),
      subject: kit.key('subject', 255).notNull(),
      userId: kit.key('user_id', 36).notNull(),
      username: kit.text('username').notNull(),
      attributes: kit.json<StoredAttributes>('attributes').notNull(),
      isSuperuser: kit.boolean('is_superuser').notNull(),
      lastSeenAt: kit.integer('last_seen_at').notNull()
    },
    (t) => [
      kit.primaryKey({ name: 'latchkey_identities_pk', columns: [t.backend, t.subject] }),
      kit.index('latchkey_identities_user').on(t.userId),
      kit
        .foreignKey({ name: 'latchkey_identities_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade')
    ]
  )

  const permissions = kit.table('latchkey_permissions', {
    name: kit.key('name', 255).primaryKey(),
    description: kit.text('description').notNull(),
    /** The configuration names it; false where it vanished from there, or where only a grant does. */
    declared: kit.boolean('declared').notNull()
  })

  const userPermissions = kit.table(
    'latchkey_user_permissions',
    { userId: kit.key('user_id', 36).notNull(), permission: kit.key('permission', 255).notNull() },
    (t) => [
      kit.primaryKey({ name: 'latchkey_user_permissions_pk', columns: [t.userId, t.permission] }),
      kit.index('latchkey_user_permissions_permission').on(t.permission),
      kit
        .foreignKey({ name: 'latchkey_user_permissions_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade'),
      kit
        .foreignKey({
          name: 'latchkey_user_permissions_permission_fk',
          columns: [t.permission],
          foreignColumns: [permissions.name]
        })
        .onDelete('cascade')
    ]
  )

  const groups = kit.table(
    'latchkey_groups',
    {
      id: kit.key('id', 36).primaryKey(),
      name: kit.key('name', 255).notNull(),
      createdAt: kit.integer('created_at').notNull(),
      updatedAt: kit.integer('updated_at').notNull()
    },
    (t) => [kit.uniqueIndex('latchkey_groups_name').on(t.name)]
  )

  const groupPermissions = kit.table(
    'latchkey_group_permissions',
    { groupId: kit.key('group_id', 36).notNull(), permission: kit.key('permission', 255).notNull() },
    (t) => [
      kit.primaryKey({ name: 'latchkey_group_permissions_pk', columns: [t.groupId, t.permission] }),
      kit.index('latchkey_group_permissions_permission').on(t.permission),
      kit
        .foreignKey({ name: 'latchkey_group_permissions_group_fk', columns: [t.groupId], foreignColumns: [groups.id] })
        .onDelete('cascade'),
      kit
        .foreignKey({
          name: 'latchkey_group_permissions_permission_fk',
          columns: [t.permission],
          foreignColumns: [permissions.name]
        })
        .onDelete('cascade')
    ]
  )

  const userGroups = kit.table(
    'latchkey_user_groups',
    {
      userId: kit.key('user_id', 36).notNull(),
      groupId: kit.key('group_id', 36).notNull(),
      /** Who put the user there: `local`, or the id of the backend that mirrors its groups. */
      origin: kit.key('origin', 64).notNull()
    },
    (t) => [
      kit.primaryKey({ name: 'latchkey_user_groups_pk', columns: [t.userId, t.groupId, t.origin] }),
      kit.index('latchkey_user_groups_group').on(t.groupId),
      kit
        .foreignKey({ name: 'latchkey_user_groups_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade'),
      kit
        .foreignKey({ name: 'latchkey_user_groups_group_fk', columns: [t.groupId], foreignColumns: [groups.id] })
        .onDelete('cascade')
    ]
  )

  const signingKeys = kit.table(
    'latchkey_signing_keys',
    {
      kid: kit.key('kid', 64).primaryKey(),
      algorithm: kit.key('algorithm', 16).$type<Algorithm>().notNull(),
      generation: kit.integer('generation').notNull(),
      state: kit.key('state', 16).$type<StoredKey['state']>().notNull(),
      publicJwk: kit.text('public_jwk').notNull(),
      sealed: kit.text('sealed').notNull(),
      createdAt: kit.integer('created_at').notNull()
    },
    (t) => [kit.uniqueIndex('latchkey_signing_keys_generation').on(t.algorithm, t.generation)]
  )

  return { users, identities, permissions, userPermissions, groups, groupPermissions, userGroups, signingKeys }
}

/** Our tables as the queries see them. */
export type Tables = ReturnType<typeof createTables>
