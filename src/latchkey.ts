import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { type Generation, openGeneration } from './generation.ts'
import { createLasting, type MailDelay } from './lasting.ts'
import { openStoreOf } from './open-store.ts'
import type { HashQueue } from './passwords/argon2.ts'
import type { KeyTimes } from './signing-keys.ts'
import type { Store } from './store/index.ts'

/**
 * Of a large SQLite file most is not in its cache, so that a look-up is a system call for each page: a third of an evaluation
 * among a million users. What is mapped counts as memory of the process, hence not of a small one.
 */
const mappedFrom = 64 * 2 ** 20

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

/**
 * Opens the database, the password queue, the backends and the signing keys, in this order. A backend's directory or
 * database that is down is no reason to fail; our own database is.
 * @param options internal: a test's own times
 */
export async function openLatchkey(
  config: Config,
  log: Logger,
  options: { readonly keyTimes?: KeyTimes; readonly mailDelayMs?: MailDelay } = {}
): Promise<Latchkey> {
  const { keyTimes = {}, ...times } = options
  const store = await openStoreOf(config, log, { mapFrom: mappedFrom })
  let draining = false
  try {
    const lasting = await createLasting(config, { ...times, log, store, keyTimes, isDraining: () => draining })
    const generation = await openGeneration(config, lasting)
    return {
      ...generation,
      store,
      passwords: lasting.passwords,
      next: (other, before) => openGeneration(other, lasting, before),
      drain() {
        draining = true
      },
      async close() {
        lasting.later.close()
        await generation.retire()
        await store.close()
      }
    }
  } catch (error) {
    await store.close()
    throw error
  }
}
