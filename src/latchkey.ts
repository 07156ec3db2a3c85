import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { checkedAttributes } from './auth/attribute-checks.ts'
import type { LoginTools } from './auth/login.ts'
import { closeChain, openChain } from './auth/open-chain.ts'
import { createCidrMatcher } from './config/cidr.ts'
import type { Config } from './config/config.ts'
import type { AppParts } from './http/parts.ts'
import { createInProcessLimits } from './limits/in-process.ts'
import { createMetrics } from './metrics.ts'
import { openStoreOf } from './open-store.ts'
import { type HashQueue, openPasswords } from './passwords/argon2.ts'
import { keptSecret } from './secret.ts'
import type { Store } from './store/index.ts'
import type { TokenTools } from './tokens/access-token.ts'
import { openKeyRing } from './tokens/key-ring.ts'
import { createSeal } from './tokens/seal.ts'
import { version } from './version.ts'

/** Everything that the configuration asks for, opened: what the server serves with and the command line works on. */
export interface Latchkey {
  readonly config: Config
  readonly store: Store
  readonly passwords: HashQueue
  readonly login: LoginTools
  readonly tokens: TokenTools
  readonly parts: AppParts
  /** From now on new work belongs elsewhere. */
  drain(): void
  close(): Promise<void>
}

/**
 * Opens the database, the password queue, the backends and the signing keys, in this order. A backend's directory or
 * database that is down is no reason to fail; our own database is.
 */
export async function openLatchkey(config: Config, log: Logger): Promise<Latchkey> {
  const store = await openStoreOf(config, log)
  try {
    const secrets = await secretsOf(config, store)
    await store.permissions.declare(config.permissions.declare)
    const passwords = await openPasswords(config.passwords)
    const metrics = createMetrics(passwords.queue)
    const chain = openChain(config.backends, {
      log,
      metrics,
      accounts: store.accounts,
      hashPassword: passwords.hash,
      needsRehash: passwords.needsRehash,
      baseFolder: config.baseFolder
    })
    metrics.watch(chain)
    const login: LoginTools = {
      chain,
      passwords,
      metrics,
      store: store.users,
      limits: createInProcessLimits(config.limits.account),
      permissions: { users: store.users, registry: store.permissions, anonymous: config.permissions.anonymous },
      checked: (identity, backend) => checkedAttributes(identity, backend, config.users.attributes, log),
      timeoutMs: config.login.timeoutMs,
      failureFloorMs: config.login.failureFloorMs,
      now: Date.now
    }
    const tokens: TokenTools = {
      issuer: config.issuer,
      keys: await openKeyRing({
        store: store.keys,
        seal: createSeal(secrets, 'signing keys'),
        algorithms: [...new Set(config.audiences.map(({ algorithm }) => algorithm))],
        now: Date.now
      }),
      accessTtlSeconds: config.tokens.accessTtlSeconds,
      maxBytes: config.tokens.maxBytes,
      claims: claimsOf(config),
      now: Date.now
    }
    let draining = false
    const parts: AppParts = {
      log,
      version,
      trustedProxies: config.listen.trustedProxies,
      isOperator: createCidrMatcher(config.ops.from),
      ipLimit: config.limits.ip,
      publicClient: config.publicClient,
      clients: config.clients,
      login,
      tokens,
      audiences: config.audiences,
      metrics,
      pingDatabase: store.ping,
      isDraining: () => draining
    }
    const drain = (): void => {
      draining = true
    }
    const close = async (): Promise<void> => {
      await closeChain(chain)
      await store.close()
    }
    return { config, store, passwords, login, tokens, parts, drain, close }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function secretsOf({ secrets, database }: Config, { keys }: Store): Promise<readonly string[]> {
  if (secrets.length > 0 || database.dialect !== 'sqlite') return secrets
  return [await keptSecret(dirname(database.file), (await keys.all()).length === 0)]
}

const claimsOf = ({ users }: Config): Record<string, string> =>
  Object.fromEntries(Object.entries(users.attributes).flatMap(([name, { claim }]) => (claim ? [[claim, name]] : [])))
