import { administrationOf } from './administration.ts'
import type { Audit } from './auth/audit.ts'
import type { LoginTools } from './auth/login.ts'
import { createAssertions } from './clients/assertions.ts'
import { createClientRegistry } from './clients/registry.ts'
import { createCidrMatcher } from './config/cidr.ts'
import { clientAdministrationOf, readDefinition } from './config/clients.ts'
import type { Config } from './config/config.ts'
import type { Counting } from './counting.ts'
import type { AppParts, ClientTools } from './http/parts.ts'
import { createVerifiedTokens } from './http/verified-tokens.ts'
import type { Lasting } from './lasting.ts'
import type { Resets } from './resets.ts'
import { rotationToolsOf } from './signing-keys.ts'
import type { Telemetry } from './telemetry/open.ts'
import type { TokenTools } from './tokens/access-token.ts'
import { createRefreshTokens } from './tokens/refresh-token.ts'
import { createSessions, type Sessions } from './tokens/sessions.ts'
import { version } from './version.ts'

interface Opened {
  readonly login: LoginTools
  readonly tokens: TokenTools
  readonly resets: Resets
  readonly audit: Audit
  readonly counting: Counting
  readonly telemetry: Telemetry | undefined
}

/** What the routes work with. */
export function appPartsOf(config: Config, lasting: Lasting, opened: Opened): AppParts {
  const { login, tokens, resets, audit, counting, telemetry } = opened
  const { log, store, secrets, passwords, metrics, isDraining } = lasting
  return {
    log,
    tracer: telemetry?.tracer,
    version,
    trustedProxies: config.listen.trustedProxies,
    isOperator: createCidrMatcher(config.ops.from),
    ipLimit: config.limits.ip,
    addressRates: counting.addressRates,
    publicClient: config.publicClient,
    clients: clientsOf(config, lasting, counting),
    login,
    permissionSearch: store.permissionSearch,
    accounts: store.accounts,
    resets,
    admin: administrationOf(config, store, { passwords, login, log }),
    audit,
    tokens,
    verifiedTokens: createVerifiedTokens(tokens.keys),
    sessions: sessionsOf(config, lasting),
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
    sharedCounters: counting.shared,
    isDraining
  }
}

function sessionsOf({ tokens }: Config, { store, secrets }: Lasting): Sessions {
  return createSessions({
    store: store.sessions,
    refreshTokens: createRefreshTokens(secrets),
    refreshTtlMs: tokens.refreshTtlSeconds * 1000,
    refreshIdleTtlMs: tokens.refreshIdleTtlSeconds * 1000,
    now: Date.now
  })
}

function clientsOf(
  { clients: configured, issuer }: Config,
  { store: { clients }, singleUse, log }: Lasting,
  { rates }: Counting
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
