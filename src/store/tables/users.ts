import type { AttributeValue } from '../../auth/backend.ts'
import type { Kit } from '../kit.ts'
import { goesWith } from './goes-with.ts'

type StoredAttributes = Record<string, AttributeValue>

/** Who there is, and by which accounts and names. */
export const userTables = (kit: Kit) => {
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
      goesWith(kit, 'latchkey_login_names_user_fk', t.userId, users.id)
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
      goesWith(kit, 'latchkey_identities_user_fk', t.userId, users.id)
    ]
  )

  return { users, loginNames, moved, identities }
}
