import type { AuditDetails, AuditEvent } from '../auth/audit.ts'
import type { AttributeValue } from '../auth/backend.ts'
import type { EventType } from '../auth/events.ts'
import type { PermissionOrigin } from '../auth/group-store.ts'
import type { Algorithm, StoredKey } from '../tokens/key-store.ts'
import type { DeliveryState } from '../webhooks/delivery-store.ts'
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
      lastLoginAt: kit.integer('last_login_at'),
      /** Tokens issued before are dead: the password was changed, or the user was logged out everywhere. Whole seconds. */
      tokensValidFrom: kit.integer('tokens_valid_from').notNull().default(0),
      /** The session whose tokens live on whenever they were issued: it is where the password was changed. */
      sparedSession: kit.key('spared_session', 36),
      /** Counts the writes of administration; logins leave it alone. */
      version: kit.integer('version').notNull().default(0)
    },
    (t) => [
      kit.uniqueIndex('latchkey_users_email').on(t.email),
      kit.index('latchkey_users_created').on(t.createdAt, t.id),
      kit.index('latchkey_users_last_login').on(t.lastLoginAt, t.id),
      kit.index('latchkey_users_active_id').on(t.isActive, t.id),
      kit.index('latchkey_users_superuser').on(t.isSuperuser, t.id)
    ]
  )

  /** What somebody logs in with beside the e-mail; an e-mail goes before it. */
  const loginNames = kit.table(
    'latchkey_login_names',
    { name: kit.key('name', 1020).primaryKey(), userId: kit.key('user_id', 36).notNull() },
    (t) => [
      kit.index('latchkey_login_names_user').on(t.userId),
      kit
        .foreignKey({ name: 'latchkey_login_names_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade')
    ]
  )

  /** Accounts of other backends that went over to ours. No row refers to another: they outlive the user. */
  const moved = kit.table(
    'latchkey_moved',
    {
      backend: kit.key('backend', 64).notNull(),
      subject: kit.key('subject', 255).notNull(),
      userId: kit.key('user_id', 36).notNull(),
      movedAt: kit.integer('moved_at').notNull()
    },
    (t) => [kit.primaryKey({ name: 'latchkey_moved_pk', columns: [t.backend, t.subject] })]
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
      /** What the backend wants back when it is asked for permissions. */
      remembered: kit.text('remembered'),
      lastSeenAt: kit.integer('last_seen_at').notNull()
    },
    (t) => [
      kit.primaryKey({ name: 'latchkey_identities_pk', columns: [t.backend, t.subject] }),
      kit.index('latchkey_identities_user').on(t.userId),
      kit.index('latchkey_identities_members').on(t.backend, t.userId),
      kit.index('latchkey_identities_superuser').on(t.isSuperuser, t.userId),
      kit
        .foreignKey({ name: 'latchkey_identities_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade')
    ]
  )

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
      kit.index('latchkey_user_groups_members').on(t.groupId, t.userId),
      kit
        .foreignKey({ name: 'latchkey_user_groups_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade'),
      kit
        .foreignKey({ name: 'latchkey_user_groups_group_fk', columns: [t.groupId], foreignColumns: [groups.id] })
        .onDelete('cascade')
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
      kit
        .foreignKey({ name: 'latchkey_user_object_grants_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade'),
      kit
        .foreignKey({
          name: 'latchkey_user_object_grants_permission_fk',
          columns: [t.permission],
          foreignColumns: [permissions.name]
        })
        .onDelete('cascade')
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
      kit
        .foreignKey({
          name: 'latchkey_group_object_grants_group_fk',
          columns: [t.groupId],
          foreignColumns: [groups.id]
        })
        .onDelete('cascade'),
      kit
        .foreignKey({
          name: 'latchkey_group_object_grants_permission_fk',
          columns: [t.permission],
          foreignColumns: [permissions.name]
        })
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
      createdAt: kit.integer('created_at').notNull(),
      activatedAt: kit.integer('activated_at'),
      retiredAt: kit.integer('retired_at')
    },
    (t) => [kit.uniqueIndex('latchkey_signing_keys_generation').on(t.algorithm, t.generation)]
  )

  const sessions = kit.table(
    'latchkey_sessions',
    {
      id: kit.key('id', 36).primaryKey(),
      userId: kit.key('user_id', 36).notNull(),
      backend: kit.key('backend', 64).notNull(),
      subject: kit.key('subject', 255).notNull(),
      clientId: kit.key('client_id', 128).notNull(),
      audience: kit.text('audience').notNull(),
      scope: kit.text('scope'),
      amr: kit.json<readonly string[]>('amr').notNull(),
      /** How often its refresh token was rotated; the token that holds this number is the live one. */
      counter: kit.integer('counter').notNull(),
      rotatedAt: kit.integer('rotated_at').notNull(),
      authenticatedAt: kit.integer('authenticated_at').notNull(),
      createdAt: kit.integer('created_at').notNull(),
      /** The absolute end. */
      expiresAt: kit.integer('expires_at').notNull(),
      /** The end where nobody refreshes it before; never after the absolute one. */
      idleExpiresAt: kit.integer('idle_expires_at').notNull()
    },
    (t) => [
      kit.index('latchkey_sessions_user').on(t.userId),
      kit.index('latchkey_sessions_client').on(t.clientId, t.id),
      kit.index('latchkey_sessions_idle').on(t.idleExpiresAt),
      kit
        .foreignKey({ name: 'latchkey_sessions_user_fk', columns: [t.userId], foreignColumns: [users.id] })
        .onDelete('cascade')
    ]
  )

  /** Access tokens by `jti`, and ended sessions by `sid`, until the last token that names them has expired. */
  const revokedTokens = kit.table(
    'latchkey_revoked_tokens',
    { id: kit.key('id', 64).primaryKey(), expiresAt: kit.integer('expires_at').notNull() },
    (t) => [kit.index('latchkey_revoked_tokens_expiry').on(t.expiresAt)]
  )

  const clients = kit.table('latchkey_clients', {
    id: kit.key('id', 128).primaryKey(),
    /** Everything but the secrets, as the configuration would have it. */
    definition: kit.json<Record<string, unknown>>('definition').notNull(),
    /** SHA-256 of each secret that is valid; two while one replaces the other. */
    secrets: kit
      .json<ReadonlyArray<{ hash: string; createdAt: number; expiresAt: number | null }>>('secrets')
      .notNull(),
    createdAt: kit.integer('created_at').notNull(),
    updatedAt: kit.integer('updated_at').notNull()
  })

  /** Client assertions (RFC 7523 3): one `jti` of one client counts once. */
  const usedAssertions = kit.table(
    'latchkey_used_assertions',
    { id: kit.key('id', 64).primaryKey(), expiresAt: kit.integer('expires_at').notNull() },
    (t) => [kit.index('latchkey_used_assertions_expiry').on(t.expiresAt)]
  )

  /** Rows that a transaction holds for as long as it works on what they name. */
  const locks = kit.table('latchkey_locks', { name: kit.key('name', 64).primaryKey() })

  /** What was done, by whom; ids are UUIDv7, whose order is that of time. No row refers to another: it outlives them. */
  const audit = kit.table(
    'latchkey_audit',
    {
      id: kit.key('id', 36).primaryKey(),
      at: kit.integer('at').notNull(),
      kind: kit.key('kind', 32).$type<AuditEvent['kind']>().notNull(),
      outcome: kit.key('outcome', 16).$type<AuditEvent['outcome']>().notNull(),
      reason: kit.key('reason', 64),
      actor: kit.key('actor', 64),
      user: kit.key('user_id', 36),
      username: kit.text('username'),
      backend: kit.key('backend', 64),
      subject: kit.key('subject', 255),
      client: kit.key('client_id', 128),
      ip: kit.key('ip', 64),
      audience: kit.text('audience'),
      session: kit.key('session_id', 36),
      jti: kit.key('jti', 64),
      request: kit.key('request_id', 64),
      action: kit.key('action', 64),
      target: kit.key('target', 255),
      details: kit.json<AuditDetails>('details')
    },
    (t) => [
      kit.index('latchkey_audit_user').on(t.user, t.id),
      kit.index('latchkey_audit_client').on(t.client, t.id),
      kit.index('latchkey_audit_kind').on(t.kind, t.id)
    ]
  )

  /** Events on their way to webhooks, one row for each endpoint. */
  const webhookDeliveries = kit.table(
    'latchkey_webhook_deliveries',
    {
      id: kit.key('id', 36).primaryKey(),
      endpoint: kit.key('endpoint', 64).notNull(),
      message: kit.key('message', 64).notNull(),
      type: kit.key('type', 32).$type<EventType>().notNull(),
      payload: kit.text('payload').notNull(),
      state: kit.key('state', 16).$type<DeliveryState>().notNull(),
      attempts: kit.integer('attempts').notNull(),
      /** When it is tried next, taken over, or, at its end, when that was. */
      dueAt: kit.integer('due_at').notNull(),
      claim: kit.key('claim', 36),
      lastStatus: kit.integer('last_status'),
      lastError: kit.key('last_error', 64),
      createdAt: kit.integer('created_at').notNull(),
      lastAttemptAt: kit.integer('last_attempt_at')
    },
    (t) => [
      kit.index('latchkey_webhook_deliveries_due').on(t.endpoint, t.state, t.dueAt),
      kit.index('latchkey_webhook_deliveries_state').on(t.state, t.id)
    ]
  )

  /** Endpoints that asked for no more (410), for as long as their URL stays the same; of that the SHA-256. */
  const disabledWebhooks = kit.table('latchkey_disabled_webhooks', {
    id: kit.key('id', 64).primaryKey(),
    url: kit.key('url', 64).notNull(),
    at: kit.integer('at').notNull()
  })

  return {
    users,
    loginNames,
    moved,
    identities,
    permissions,
    userPermissions,
    groups,
    groupPermissions,
    userGroups,
    userObjectGrants,
    groupObjectGrants,
    signingKeys,
    sessions,
    revokedTokens,
    clients,
    usedAssertions,
    locks,
    audit,
    webhookDeliveries,
    disabledWebhooks
  }
}

/** Our tables as the queries see them. */
export type Tables = ReturnType<typeof createTables>
