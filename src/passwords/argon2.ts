import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import type { Passwords } from '../auth/ports.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import { type Argon2Parameters, isAffordable, parseArgon2 } from './phc.ts'
import { createQueue, type QueueStatus } from './queue.ts'

/** How hashes are made and how many at once; all have defaults, the cost OWASP's second choice (RFC 9106). */
export interface PasswordOptions {
  readonly memoryKiB?: number
  readonly iterations?: number
  readonly parallelism?: number
  /** Hashes at once; the processor's cores by default. */
  readonly concurrency?: number
  /** Hashes that may wait, and for how long. */
  readonly queueLength?: number
  readonly queueTimeoutMs?: number
}

/** Passwords with a look at their queue. */
export interface HashQueue extends Passwords {
  queue(): QueueStatus
}

/** argon2id in libuv's threads, no more at once than there are cores. The decoy is hashed here, before the first stranger. */
export async function openPasswords(options: PasswordOptions = {}): Promise<HashQueue> {
  const { memoryKiB = 19_456, iterations = 2, parallelism = 1 } = options
  const { concurrency = availableParallelism(), queueLength = 1000, queueTimeoutMs = 1300 } = options
  const cost: Cost = { memoryCost: memoryKiB, timeCost: iterations, parallelism }
  const queue = createQueue({ permits: concurrency, maxWaiting: queueLength, maxWaitMs: queueTimeoutMs })
  const hash = (password: string): Promise<string> =>
    queue.run(() => argon2Hash(password, { ...cost, algorithm: argon2id }))
  const decoy = await hash(randomBytes(32).toString('base64'))

  const verify = async (stored: string, password: string, isGone = () => false): Promise<boolean> => {
    const parameters = parseArgon2(stored)
    const usable = parameters !== undefined && isAffordable(parameters)
    const matches = await queue.run(() => {
      if (isGone()) throw new TemporarilyUnavailable('the caller is gone')
      return argon2Verify(usable ? stored : decoy, password)
    })
    return usable && matches
  }

  return {
    hash,
    verify,
    async verifyDecoy(password, isGone) {
      await verify(decoy, password, isGone)
    },
    needsRehash: (stored) => isWeaker(stored, cost),
    queue: queue.status
  }
}

/** Algorithm.Argon2id, which the package declares as a `const enum`. */
const argon2id = 2

type Cost = Omit<Argon2Parameters, 'algorithm'>

function isWeaker(stored: string, cost: Cost): boolean {
  const parameters = parseArgon2(stored)
  if (parameters === undefined) return true
  const { algorithm, memoryCost, timeCost } = parameters
  return algorithm !== 'argon2id' || memoryCost < cost.memoryCost || timeCost < cost.timeCost
}
