import { isDeepStrictEqual } from 'node:util'
import type { Limits } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import type { Lasting } from './lasting.ts'
import { createLimits, type Ledger } from './limits/account-limits.ts'
import { createInProcessLedger } from './limits/in-process.ts'
import { createRates, type Rates } from './limits/rates.ts'
import type { SharedCounters } from './limits/redis.ts'
import { lockTeller } from './webhooks.ts'

/** What counts requests and failed logins. */
export interface Counting {
  readonly settings: Config['limits']
  /** Absent: this process counts for itself. */
  readonly shared: SharedCounters | undefined
  readonly accounts: Limits
  /** Of clients, and of the addresses that they hand on. */
  readonly rates: Rates
  /** Of addresses, ahead of everything else. */
  readonly addressRates: Rates
}

/** Opens what a configuration asks for; what stays as it is goes on from where it stands. */
export async function openCounting(
  { limits: settings }: Config,
  lasting: Lasting,
  before: Counting | undefined
): Promise<Counting> {
  const stays = before !== undefined && isDeepStrictEqual(before.settings.redis, settings.redis)
  const shared = stays ? before.shared : await sharedBy(settings, lasting)
  const accountsStay = stays && isDeepStrictEqual(before.settings.account, settings.account)
  return {
    settings,
    shared,
    accounts: accountsStay ? before.accounts : createLimits(await ledgerOf(settings, shared, lasting)),
    rates: stays ? before.rates : createRates({ shared }),
    addressRates: stays ? before.addressRates : createRates({ shared })
  }
}

/** Redis's client is loaded where it is needed. */
async function sharedBy({ redis }: Config['limits'], { secrets, log }: Lasting): Promise<SharedCounters | undefined> {
  if (redis === undefined) return undefined
  const { openSharedCounters } = await import('./limits/redis.ts')
  return openSharedCounters(redis, { secret: secrets[0] ?? '', log })
}

async function ledgerOf(
  { account }: Config['limits'],
  shared: SharedCounters | undefined,
  { store, log }: Lasting
): Promise<Ledger | false> {
  if (account === false) return false
  const onLocked = lockTeller(store, log)
  const local = createInProcessLedger(account, { onLocked })
  if (shared === undefined) return local
  const { createSharedLedger } = await import('./limits/shared.ts')
  return createSharedLedger(account, { counters: shared, local, onLocked })
}
