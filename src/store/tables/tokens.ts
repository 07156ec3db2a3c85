import type { Algorithm, StoredKey } from '../../tokens/key-store.ts'
import type { Kit } from '../kit.ts'
import { goesWith } from './goes-with.ts'
import type { userTables } from './users.ts'

/** What tokens are signed with, what they come from, and who asks for them. */
export const tokenTables = (kit: Kit, { users }: ReturnType<typeof userTables>) => {
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
      goesWith(kit, 'latchkey_sessions_user_fk', t.userId, users.id)
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

  return { signingKeys, sessions, revokedTokens, clients, usedAssertions }
}
