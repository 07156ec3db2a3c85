import { isDeepStrictEqual } from 'node:util'
import { ownPermissions } from './admin/own-permissions.ts'
import { appPartsOf } from './app-parts.ts'
import { createAudit } from './audit/audit.ts'
import { checkedAttributes } from './auth/attribute-checks.ts'
import type { Audit } from './auth/audit.ts'
import type { Chain } from './auth/link.ts'
import type { LoginTools } from './auth/login.ts'
import { closeChain, openChain } from './auth/open-chain.ts'
import type { HandedOn, Limits } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import { type Counting, openCounting } from './counting.ts'
import { createLegacy, type Legacy } from './handed-on.ts'
import type { AppParts } from './http/parts.ts'
import type { Lasting } from './lasting.ts'
import { openMailer } from './mail/open-mailer.ts'
import type { Metrics } from './metrics.ts'
import type { HashQueue } from './passwords/argon2.ts'
import { createResets, resetToolsOf } from './resets.ts'
import { openSigningKeys } from './signing-keys.ts'
import type { Store } from './store/index.ts'
import { sweepStore } from './sweep.ts'
import type { Telemetry } from './telemetry/open.ts'
import { telemetryOf } from './telemetry.ts'
import type { TokenTools } from './tokens/access-token.ts'
import { openWebhooks } from './webhooks.ts'

/** What one configuration asks for, on what lasts as long as the process. */
export interface Generation {
  readonly config: Config
  readonly login: LoginTools
  readonly tokens: TokenTools
  readonly parts: AppParts
  readonly telemetry: Telemetry | undefined
  readonly counting: Counting
  readonly legacy: Legacy
  /** Closes what this one opened, but for what the next one goes on with. */
  retire(next?: Generation): Promise<void>
}

/** Closes a part, but for one that another generation goes on with. */
type Close = (other: Generation | undefined) => unknown

/**
 * Opens what a configuration asks for. Counters of failed logins and of requests, the signing keys and telemetry go on from the
 * one before where their settings are the same; all else begins anew.
 */
export async function openGeneration(config: Config, lasting: Lasting, before?: Generation): Promise<Generation> {
  const opened: Close[] = []
  const closeAll = async (other: Generation | undefined): Promise<void> => {
    for (const close of opened.toReversed()) await close(other)
  }
  try {
    const parts = await openParts(config, lasting, { before, opened })
    let retired: Promise<void> | undefined
    return {
      ...parts,
      retire(next) {
        retired ??= closeAll(next)
        return retired
      }
    }
  } catch (error) {
    await closeAll(before)
    throw error
  }
}

/** @param beginning.opened gets how each part is closed, in the order in which they are opened */
async function openParts(
  config: Config,
  lasting: Lasting,
  { before, opened }: { readonly before: Generation | undefined; readonly opened: Close[] }
): Promise<Omit<Generation, 'retire'>> {
  const { log, store, metrics } = lasting
  const legacy = before?.legacy.next() ?? createLegacy()
  const telemetry = await telemetryOf(config, lasting, before)
  opened.push((other) => other?.telemetry !== telemetry && telemetry?.close())
  const chain = openChainOf(config, { ...lasting, handedOn: legacy })
  opened.push(() => closeChain(chain))
  await store.permissions.declare({ ...config.permissions.declare, ...ownPermissions })
  const audit = createAudit({ ...config.audit, store: store.audit, metrics })
  const counting = await openCounting(config, lasting, before?.counting)
  opened.push((other) => other?.counting.shared !== counting.shared && counting.shared?.close())
  const login = loginToolsOf(config, lasting, { chain, audit, limits: counting.accounts })
  const tokens = await tokenToolsOf(config, lasting, { audit, before })
  opened.push((other) => other?.tokens.keys !== tokens.keys && tokens.keys.close())
  const mails = { mailer: await openMailer(config), later: lasting.later, audit: store.audit }
  const resets = createResets(resetToolsOf(config, store, lasting.secrets), mails)
  opened.push(resets.close)
  const parts = appPartsOf(config, lasting, { login, tokens, resets, audit, telemetry, counting })
  opened.push(await openWebhooks(config, store, { log, metrics }), sweepStore(store, config.audit, log))
  metrics.watch(chain, counting.shared)
  return { config, login, tokens, parts, telemetry, counting, legacy }
}

/** What backends need of all that lasts. */
export interface ChainTools extends Pick<Lasting, 'log' | 'singleUse'> {
  readonly metrics?: Metrics
  readonly handedOn?: HandedOn
  readonly store: Pick<Store, 'accounts' | 'moved'>
  readonly passwords: Pick<HashQueue, 'hash' | 'needsRehash'>
}

/** Opens the configured backends; none is asked anything yet. */
export function openChainOf(config: Config, tools: ChainTools): Chain {
  const { log, store, metrics, singleUse, passwords, handedOn } = tools
  return openChain(config.backends, {
    log,
    ...(metrics && { metrics }),
    ...(handedOn && { handedOn }),
    accounts: store.accounts,
    moved: store.moved,
    singleUse,
    hashPassword: passwords.hash,
    needsRehash: passwords.needsRehash,
    baseFolder: config.baseFolder,
    userFields: Object.keys(config.users.attributes)
  })
}

interface Beginning {
  readonly audit: Audit
  readonly before: Generation | undefined
}

function loginToolsOf(
  config: Config,
  lasting: Lasting,
  { chain, audit, limits }: { readonly chain: Chain; readonly audit: Audit; readonly limits: Limits }
): LoginTools {
  const { log, store, passwords, metrics } = lasting
  return {
    chain,
    passwords,
    metrics,
    audit,
    store: store.users,
    limits,
    permissions: {
      users: store.users,
      registry: store.permissions,
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

const claimsOf = ({ users }: Config): Record<string, string> =>
  Object.fromEntries(Object.entries(users.attributes).flatMap(([name, { claim }]) => (claim ? [[claim, name]] : [])))
