import type { PermissionOrigin } from '../../auth/group-store.ts'
import type { Kit } from '../kit.ts'
import { goesWith } from './goes-with.ts'
import type { userTables } from './users.ts'

/** Who may do what: permissions, and groups that carry them, generally and on objects. */
export const permissionTables = (kit: Kit, { users }: ReturnType<typeof userTables>) => {
  const permissions = kit.table('latchkey_permissions', {
    name: kit.key('name', 255).primaryKey(),
    description: kit.text('description').notNull(),
    /** The configuration names it; false where it vanished from there, or where only a grant does. */
    declared: kit.boolean('declared').notNull(),
    /** Who named it first. */
    origin: kit.key('origin', 16).$type<PermissionOrigin>().notNull().default('configuration')
  })

  const userPermissions = kit.table(
    'latchkey_user_permissions',
    { userId: kit.key('user_id', 36).notNull(), permission: kit.key('permission', 255).notNull() },
    (t) => [
      kit.primaryKey({ name: 'latchkey_user_permissions_pk', columns: [t.userId, t.permission] }),
      kit.index('latchkey_user_permissions_holders').on(t.permission, t.userId),
      goesWith(kit, 'latchkey_user_permissions_user_fk', t.userId, users.id),
      goesWith(kit, 'latchkey_user_permissions_permission_fk', t.permission, permissions.name)
    ]
  )

  const groups = kit.table(
    'latchkey_groups',
    {
      id: kit.key('id', 36).primaryKey(),
      name: kit.key('name', 255).notNull(),
      createdAt: kit.integer('created_at').notNull(),
      updatedAt: kit.integer('updated_at').notNull(),
      /** Counts the writes of administration. */
      version: kit.integer('version').notNull().default(0)
    },
    (t) => [kit.uniqueIndex('latchkey_groups_name').on(t.name)]
  )

  const groupPermissions = kit.table(
    'latchkey_group_permissions',
    { groupId: kit.key('group_id', 36).notNull(), permission: kit.key('permission', 255).notNull() },
    (t) => [
      kit.primaryKey({ name: 'latchkey_group_permissions_pk', columns: [t.groupId, t.permission] }),
      kit.index('latchkey_group_permissions_permission').on(t.permission),
      goesWith(kit, 'latchkey_group_permissions_group_fk', t.groupId, groups.id),
      goesWith(kit, 'latchkey_group_permissions_permission_fk', t.permission, permissions.name)
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
      kit.index('latchkey_user_groups_members').on(t.groupId, t.userId),
      goesWith(kit, 'latchkey_user_groups_user_fk', t.userId, users.id),
      goesWith(kit, 'latchkey_user_groups_group_fk', t.groupId, groups.id)
    ]
  )

  /** Permissions of a user on one object. The columns of each index go on in the order in which a search reads them. */
  const userObjectGrants = kit.table(
    'latchkey_user_object_grants',
    {
      userId: kit.key('user_id', 36).notNull(),
      objectType: kit.key('object_type', 128).notNull(),
      objectId: kit.key('object_id', 255).notNull(),
      permission: kit.key('permission', 255).notNull()
    },
    (t) => [
      kit.primaryKey({
        name: 'latchkey_user_object_grants_pk',
        columns: [t.userId, t.objectType, t.objectId, t.permission]
      }),
      kit.index('latchkey_user_object_grants_object').on(t.objectType, t.objectId, t.permission, t.userId),
      kit.index('latchkey_user_object_grants_permission').on(t.permission, t.userId, t.objectType, t.objectId),
      goesWith(kit, 'latchkey_user_object_grants_user_fk', t.userId, users.id),
      goesWith(kit, 'latchkey_user_object_grants_permission_fk', t.permission, permissions.name)
    ]
  )

  const groupObjectGrants = kit.table(
    'latchkey_group_object_grants',
    {
      groupId: kit.key('group_id', 36).notNull(),
      objectType: kit.key('object_type', 128).notNull(),
      objectId: kit.key('object_id', 255).notNull(),
      permission: kit.key('permission', 255).notNull()
    },
    (t) => [
      kit.primaryKey({
        name: 'latchkey_group_object_grants_pk',
        columns: [t.groupId, t.objectType, t.objectId, t.permission]
      }),
      kit.index('latchkey_group_object_grants_object').on(t.objectType, t.objectId, t.permission, t.groupId),
      kit.index('latchkey_group_object_grants_permission').on(t.permission, t.groupId, t.objectType, t.objectId),
      goesWith(kit, 'latchkey_group_object_grants_group_fk', t.groupId, groups.id),
      goesWith(kit, 'latchkey_group_object_grants_permission_fk', t.permission, permissions.name)
    ]
  )

  return { permissions, userPermissions, groups, groupPermissions, userGroups, userObjectGrants, groupObjectGrants }
}
