import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import type { Passwords } from '../auth/ports.ts'
import { isAffordable, parseArgon2 } from './phc.ts'
import { createQueue, type QueueStatus } from './queue.ts'

/** The cost of a hash that we make (RFC 9106; the default is OWASP's second choice, 19 MiB). */
export interface HashCost {
  /** KiB. */
  readonly memoryCost: number
  readonly timeCost: number
  readonly parallelism: number
}

/** Options of `openPasswords`; all have defaults. */
export interface PasswordOptions {
  readonly cost?: HashCost
  /** Hashes at once; the processor's cores by default. */
  readonly permits?: number
  readonly maxWaiting?: number
  readonly maxWaitMs?: number
}

/** Passwords with a look at their queue. */
export interface HashQueue extends Passwords {
  queue(): QueueStatus
}

const owasp: HashCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** argon2id in libuv's threads, no more at once than there are cores. The decoy is hashed here, before the first stranger. */
export async function openPasswords(options: PasswordOptions = {}): Promise<HashQueue> {
  const { cost = owasp, permits = availableParallelism(), maxWaiting = 1000, maxWaitMs = 1300 } = options
  const queue = createQueue({ permits, maxWaiting, maxWaitMs })
  const hash = (password: string): Promise<string> =>
    queue.run(() => argon2Hash(password, { ...cost, algorithm: argon2id }))
  const decoy = await hash(randomBytes(32).toString('base64'))

  const verify = async (stored: string, password: string): Promise<boolean> => {
    const parameters = parseArgon2(stored)
    const usable = parameters !== undefined && isAffordable(parameters)
    const matches = await queue.run(() => argon2Verify(usable ? stored : decoy, password))
    return usable && matches
  }

  return {
    hash,
    verify,
    async verifyDecoy(password) {
      await verify(decoy, password)
    },
    needsRehash: (stored) => isWeaker(stored, cost),
    queue: queue.status
  }
}

/** Algorithm.Argon2id, which the package declares as a `const enum`. */
const argon2id = 2

function isWeaker(stored: string, cost: HashCost): boolean {
  const parameters = parseArgon2(stored)
  if (parameters === undefined) return true
  const { algorithm, memoryCost, timeCost } = parameters
  return algorithm !== 'argon2id' || memoryCost < cost.memoryCost || timeCost < cost.timeCost
}
