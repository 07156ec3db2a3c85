import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { ownPermissions } from './admin/own-permissions.ts'
import { administrationOf } from './administration.ts'
import { createAudit } from './audit/audit.ts'
import { checkedAttributes } from './auth/attribute-checks.ts'
import type { Audit } from './auth/audit.ts'
import type { Chain } from './auth/link.ts'
import type { LoginTools } from './auth/login.ts'
import { closeChain, openChain } from './auth/open-chain.ts'
import type { SingleUse } from './auth/ports.ts'
import { createAssertions } from './clients/assertions.ts'
import { createClientRegistry } from './clients/registry.ts'
import { createCidrMatcher } from './config/cidr.ts'
import { clientAdministrationOf, readDefinition } from './config/clients.ts'
import type { Config } from './config/config.ts'
import type { ClientTools } from './http/client.ts'
import type { AppParts } from './http/parts.ts'
import { createInProcessLimits } from './limits/in-process.ts'
import { createRates } from './limits/rates.ts'
import { openMailer } from './mail/open-mailer.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { openStoreOf } from './open-store.ts'
import { type HashQueue, openPasswords } from './passwords/argon2.ts'
import { createResets, type Resets, resetToolsOf } from './resets.ts'
import { secretsOf } from './secret.ts'
import { type KeyTimes, openSigningKeys, rotationToolsOf } from './signing-keys.ts'
import { createSingleUse } from './single-use.ts'
import type { Store } from './store/index.ts'
import { sweep } from './sweep.ts'
import type { TokenTools } from './tokens/access-token.ts'
import { createRefreshTokens } from './tokens/refresh-token.ts'
import { createSessions } from './tokens/sessions.ts'
import { version } from './version.ts'
import { lockTeller, openWebhooks } from './webhooks.ts'

/** What one configuration asks for, on what lasts as long as the process. */
export interface Generation {
  readonly config: Config
  readonly login: LoginTools
  readonly tokens: TokenTools
  readonly parts: AppParts
  /** Closes what this one opened, but for what the next one goes on with. */
  retire(next?: Generation): Promise<void>
}

/** Everything that the configuration asks for, opened: what the server serves with and the command line works on. */
export interface Latchkey extends Generation {
  readonly store: Store
  readonly passwords: HashQueue
  /** Opens what another configuration asks for; its database, secret and password settings must be the same. */
  next(config: Config, before: Generation): Promise<Generation>
  /** From now on new work belongs elsewhere. */
  drain(): void
  close(): Promise<void>
}

/** What no configuration exchanges. */
interface Lasting {
  readonly log: Logger
  readonly store: Store
  readonly secrets: readonly string[]
  readonly passwords: HashQueue
  readonly metrics: Metrics
  readonly singleUse: SingleUse
  readonly keyTimes: KeyTimes
  readonly isDraining: () => boolean
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
  let draining = false
  try {
    const secrets = await secretsOf(config, store)
    const passwords = await openPasswords(config.passwords)
    const metrics = createMetrics(passwords.queue)
    const singleUse = createSingleUse({ used: store.usedAssertions, log, now: Date.now })
    const { keyTimes = {} } = options
    const lasting: Lasting = {
      ...{ log, store, secrets, passwords, metrics, singleUse, keyTimes },
      isDraining: () => draining
    }
    const generation = await openGeneration(config, lasting)
    return {
      ...generation,
      store,
      passwords,
      next: (other, before) => openGeneration(other, lasting, before),
      drain() {
        draining = true
      },
      async close() {
        await generation.retire()
        await store.close()
      }
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/**
 * Opens what a configuration asks for. Counters of failed logins and of requests, and the signing keys, go on from the one
 * before where their settings are the same; all else begins anew.
 */
async function openGeneration(config: Config, lasting: Lasting, before?: Generation): Promise<Generation> {
  const { log, store, passwords, metrics, singleUse } = lasting
  const chain = openChain(config.backends, {
    log,
    metrics,
    accounts: store.accounts,
    moved: store.moved,
    singleUse,
    hashPassword: passwords.hash,
    needsRehash: passwords.needsRehash,
    baseFolder: config.baseFolder,
    userFields: Object.keys(config.users.attributes)
  })
  try {
    await store.permissions.declare({ ...config.permissions.declare, ...ownPermissions })
    const audit = createAudit({ ...config.audit, store: store.audit, metrics })
    const login = loginToolsOf(config, lasting, { chain, audit, before })
    const tokens = await tokenToolsOf(config, lasting, { audit, before })
    const resets = createResets(resetToolsOf(config, store, lasting.secrets), await openMailer(config))
    const parts = partsOf(config, lasting, { login, tokens, before, resets, audit })
    metrics.watch(chain)
    const stopSweeping = sweepStore(store, config, log)
    const closeWebhooks = await openWebhooks(config, store, { log, metrics })
    let retired: Promise<void> | undefined
    const retire = async (next?: Generation): Promise<void> => {
      stopSweeping()
      await resets.close()
      await closeWebhooks()
      await closeChain(chain)
      if (next?.tokens.keys !== tokens.keys) await tokens.keys.close()
    }
    return {
      ...{ config, login, tokens, parts },
      retire(next) {
        retired ??= retire(next)
        return retired
      }
    }
  } catch (error) {
    await closeChain(chain)
    throw error
  }
}

interface Beginning {
  readonly audit: Audit
  readonly before: Generation | undefined
}

function loginToolsOf(
  config: Config,
  lasting: Lasting,
  { chain, audit, before }: Beginning & { readonly chain: Chain }
): LoginTools {
  const { log, store, passwords, metrics } = lasting
  const sameLimits = isDeepStrictEqual(before?.config.limits.account, config.limits.account)
  const known = sameLimits ? before?.login.limits : undefined
  return {
    chain,
    passwords,
    metrics,
    audit,
    store: store.users,
    limits: known ?? createInProcessLimits(config.limits.account, { onLocked: lockTeller(store, log) }),
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
}

async function tokenToolsOf(config: Config, lasting: Lasting, { audit, before }: Beginning): Promise<TokenTools> {
  const { store, secrets, log, keyTimes } = lasting
  const isSame = before !== undefined && isDeepStrictEqual(keySettings(before.config), keySettings(config))
  return {
    issuer: config.issuer,
    keys: isSame ? before.tokens.keys : await openSigningKeys(config, store, { secrets, log, audit, times: keyTimes }),
    accessTtlSeconds: config.tokens.accessTtlSeconds,
    maxBytes: config.tokens.maxBytes,
    claims: claimsOf(config),
    now: Date.now
  }
}

/** What the signing keys depend on. */
const keySettings = ({ tokens, audiences, clients }: Config): unknown => [
  ...[tokens.rotateMs, tokens.keyFiles, tokens.accessTtlSeconds],
  audiences.map(({ algorithm, accessTtlSeconds }) => [algorithm, accessTtlSeconds]),
  clients.map(({ accessTtlSeconds }) => accessTtlSeconds)
]

interface Opened extends Beginning {
  readonly login: LoginTools
  readonly tokens: TokenTools
  readonly resets: Resets
}

function partsOf(config: Config, lasting: Lasting, { login, tokens, before, resets, audit }: Opened): AppParts {
  const { log, store, secrets, passwords, metrics, isDraining } = lasting
  const sessions = createSessions({
    store: store.sessions,
    refreshTokens: createRefreshTokens(secrets),
    refreshTtlMs: config.tokens.refreshTtlSeconds * 1000,
    refreshIdleTtlMs: config.tokens.refreshIdleTtlSeconds * 1000,
    now: Date.now
  })
  return {
    log,
    version,
    trustedProxies: config.listen.trustedProxies,
    isOperator: createCidrMatcher(config.ops.from),
    ipLimit: config.limits.ip,
    publicClient: config.publicClient,
    clients: clientsOf(config, lasting, before?.parts.clients.rates),
    login,
    permissionSearch: store.permissionSearch,
    accounts: store.accounts,
    resets,
    admin: administrationOf(config, store, { passwords, login, log }),
    audit,
    tokens,
    sessions,
    audiences: config.audiences,
    metrics,
    administration: {
      audit: store.audit,
      clients: clientAdministrationOf(config, store.clients),
      webhooks: { endpoints: config.webhooks, deliveries: store.deliveries },
      keys: rotationToolsOf(config, store, secrets),
      groups: store.groups,
      permissions: store.permissions,
      objectGrants: store.objectGrants,
      holdings: store.holdings
    },
    pingDatabase: store.ping,
    isDraining
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
  { store: { clients }, singleUse, log }: Lasting,
  rates = createRates()
): ClientTools {
  const define = (stored: unknown) => readDefinition(stored, issuer)
  return {
    registry: createClientRegistry({
      ...{ configured, store: clients, define, createMatcher: createCidrMatcher, log, now: Date.now }
    }),
    assertions: createAssertions({
      ...{ audiences: [issuer, `${issuer}/token`], singleUse, log, now: Date.now }
    }),
    rates
  }
}

const claimsOf = ({ users }: Config): Record<string, string> =>
  Object.fromEntries(Object.entries(users.attributes).flatMap(([name, { claim }]) => (claim ? [[claim, name]] : [])))
