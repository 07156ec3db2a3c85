import type { Logger } from 'pino'
import { ownPermissions } from './admin/own-permissions.ts'
import { administrationOf } from './administration.ts'
import { createAudit } from './audit/audit.ts'
import { checkedAttributes } from './auth/attribute-checks.ts'
import type { LoginTools } from './auth/login.ts'
import { closeChain, openChain } from './auth/open-chain.ts'
import { createAssertions } from './clients/assertions.ts'
import { createClientRegistry } from './clients/registry.ts'
import { createCidrMatcher } from './config/cidr.ts'
import { clientAdministrationOf, readDefinition } from './config/clients.ts'
import type { Config } from './config/config.ts'
import type { ClientTools } from './http/client.ts'
import type { AppParts } from './http/parts.ts'
import { createInProcessLimits } from './limits/in-process.ts'
import { createRates } from './limits/rates.ts'
import { createMetrics } from './metrics.ts'
import { openStoreOf } from './open-store.ts'
import { type HashQueue, openPasswords } from './passwords/argon2.ts'
import { secretsOf } from './secret.ts'
import { type KeyTimes, openSigningKeys, rotationToolsOf } from './signing-keys.ts'
import type { Store } from './store/index.ts'
import { sweep } from './sweep.ts'
import type { TokenTools } from './tokens/access-token.ts'
import { createRefreshTokens } from './tokens/refresh-token.ts'
import { createSessions } from './tokens/sessions.ts'
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
 * @param options internal: a test's own times
 */
export async function openLatchkey(
  config: Config,
  log: Logger,
  options: { readonly keyTimes?: KeyTimes } = {}
): Promise<Latchkey> {
  const store = await openStoreOf(config, log)
  try {
    const secrets = await secretsOf(config, store)
    await store.permissions.declare({ ...config.permissions.declare, ...ownPermissions })
    const passwords = await openPasswords(config.passwords)
    const metrics = createMetrics(passwords.queue)
    const chain = openChain(config.backends, {
      log,
      metrics,
      accounts: store.accounts,
      hashPassword: passwords.hash,
      needsRehash: passwords.needsRehash,
      baseFolder: config.baseFolder,
      userFields: Object.keys(config.users.attributes)
    })
    metrics.watch(chain)
    const login: LoginTools = {
      chain,
      passwords,
      metrics,
      store: store.users,
      limits: createInProcessLimits(config.limits.account),
      permissions: {
        users: store.users,
        registry: store.permissions,
        objects: store.objectGrants,
        anonymous: config.permissions.anonymous
      },
      checked: (identity, backend) => checkedAttributes(identity, backend, config.users.attributes, log),
      timeoutMs: config.login.timeoutMs,
      failureFloorMs: config.login.failureFloorMs,
      now: Date.now
    }
    const tokens: TokenTools = {
      issuer: config.issuer,
      keys: await openSigningKeys(config, store, { secrets, log, times: options.keyTimes ?? {} }),
      accessTtlSeconds: config.tokens.accessTtlSeconds,
      maxBytes: config.tokens.maxBytes,
      claims: claimsOf(config),
      now: Date.now
    }
    const sessions = createSessions({
      store: store.sessions,
      refreshTokens: createRefreshTokens(secrets),
      refreshTtlMs: config.tokens.refreshTtlSeconds * 1000,
      refreshIdleTtlMs: config.tokens.refreshIdleTtlSeconds * 1000,
      now: Date.now
    })
    const audit = createAudit({ ...config.audit, store: store.audit, metrics })
    const stopSweeping = sweepStore(store, config, log)
    let draining = false
    const parts: AppParts = {
      log,
      version,
      trustedProxies: config.listen.trustedProxies,
      isOperator: createCidrMatcher(config.ops.from),
      ipLimit: config.limits.ip,
      publicClient: config.publicClient,
      clients: clientsOf(config, store, log),
      login,
      permissionSearch: store.permissionSearch,
      admin: administrationOf(config, store, { passwords, login, log }),
      audit,
      tokens,
      sessions,
      audiences: config.audiences,
      metrics,
      administration: {
        clients: clientAdministrationOf(config, store.clients),
        keys: rotationToolsOf(config, store, secrets),
        groups: store.groups,
        permissions: store.permissions,
        objectGrants: store.objectGrants,
        holdings: store.holdings
      },
      pingDatabase: store.ping,
      isDraining: () => draining
    }
    const drain = (): void => {
      draining = true
    }
    const close = async (): Promise<void> => {
      stopSweeping()
      await closeChain(chain)
      await tokens.keys.close()
      await store.close()
    }
    return { config, store, passwords, login, tokens, parts, drain, close }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Removes what has had its time. Answers how to stop it. */
function sweepStore({ sessions, audit }: Store, { audit: { retentionMs } }: Config, log: Logger): () => void {
  const stops = [sweep((limit) => sessions.removeExpired(Date.now(), limit), 'expired sessions', log)]
  if (retentionMs !== false) {
    stops.push(sweep((limit) => audit.removeBefore(Date.now() - retentionMs, limit), 'old audit events', log))
  }
  return () => {
    for (const stop of stops) stop()
  }
}

function clientsOf(
  { clients: configured, issuer }: Config,
  { clients, usedAssertions }: Store,
  log: Logger
): ClientTools {
  const define = (stored: unknown) => readDefinition(stored, issuer)
  return {
    registry: createClientRegistry({
      ...{ configured, store: clients, define, createMatcher: createCidrMatcher, log, now: Date.now }
    }),
    assertions: createAssertions({
      ...{ audiences: [issuer, `${issuer}/token`], used: usedAssertions, log, now: Date.now }
    }),
    rates: createRates()
  }
}

const claimsOf = ({ users }: Config): Record<string, string> =>
  Object.fromEntries(Object.entries(users.attributes).flatMap(([name, { claim }]) => (claim ? [[claim, name]] : [])))
