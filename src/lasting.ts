import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { SingleUse } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import { createLater, type Later } from './mail/later.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type HashQueue, openPasswords } from './passwords/argon2.ts'
import { secretsOf } from './secret.ts'
import type { KeyTimes } from './signing-keys.ts'
import { createSingleUse } from './single-use.ts'
import type { Store } from './store/index.ts'

/** What no configuration exchanges: it is there as long as the process. */
export interface Lasting {
  readonly log: Logger
  readonly store: Store
  readonly secrets: readonly string[]
  readonly passwords: HashQueue
  readonly metrics: Metrics
  readonly singleUse: SingleUse
  readonly keyTimes: KeyTimes
  /** Mails that nobody takes for now. */
  readonly later: Later
  readonly isDraining: () => boolean
  /** Tells this process from others of the service. */
  readonly instance: string
}

/** How long a mail waits before it is tried again, after so many tries. */
export type MailDelay = (tries: number) => number

/** What the first configuration says about all that lasts. */
export async function createLasting(
  config: Config,
  given: Pick<Lasting, 'log' | 'store' | 'keyTimes' | 'isDraining'> & { readonly mailDelayMs?: MailDelay }
): Promise<Lasting> {
  const { mailDelayMs, ...lasting } = given
  const { log, store } = lasting
  const secrets = await secretsOf(config, store)
  const passwords = await openPasswords(config.passwords)
  const metrics = createMetrics(passwords.queue)
  const singleUse = createSingleUse({ used: store.usedAssertions, log, now: Date.now })
  const later = createLater(mailDelayMs)
  return { ...lasting, secrets, passwords, metrics, singleUse, later, instance: randomUUID() }
}
