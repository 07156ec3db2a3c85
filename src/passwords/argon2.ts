import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import type { Passwords, VerifyOptions } from '../auth/ports.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import { type Reading, readHash } from './formats/index.ts'
import { type Argon2Parameters, parseArgon2 } from './phc.ts'
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
  const limits = { permits: concurrency, maxWaiting: queueLength, maxWaitMs: queueTimeoutMs }
  const queue = createQueue({ ...limits, group: { most: 24, patienceMs: 200 } })
  const hash = (password: string): Promise<string> =>
    queue.run(() => argon2Hash(composed(password), { ...cost, algorithm: argon2id }))
  const decoy = await hash(randomBytes(32).toString('base64'))

  /** What one of our own hashes costs on this machine at its best: nothing that is verified costs less. */
  let ownMs = Number.POSITIVE_INFINITY
  const timed = async (password: string): Promise<void> => {
    const began = performance.now()
    await argon2Verify(decoy, password)
    ownMs = Math.min(ownMs, performance.now() - began)
  }

  const verifyOther = async (reading: Reading, password: string): Promise<boolean> => {
    const began = performance.now()
    const matches = 'verify' in reading && (await reading.verify(password))
    if (performance.now() - began < ownMs) await timed(password)
    return matches
  }

  const verifyAny = async (password: string, verify: (spelling: string) => Promise<boolean>): Promise<boolean> => {
    for (const spelling of spellingsOf(password)) if (await verify(spelling)) return true
    return false
  }

  const turn = <Result>(work: () => Promise<Result>, options: Pick<VerifyOptions, 'isGone' | 'span'>) =>
    queue.run(() => {
      if (options.isGone?.()) throw new TemporarilyUnavailable('the caller is gone')
      return work()
    }, options)

  return {
    hash,
    verify(stored, password, options = {}) {
      const { weak, onUnusable } = options
      const reading = readHash(stored, { weak: weak === true })
      if ('unusable' in reading) onUnusable?.(reading.unusable)
      const isOwn = 'verify' in reading && !isWeaker(stored, cost)
      const verify = isOwn ? reading.verify : (spelling: string) => verifyOther(reading, spelling)
      return turn(() => verifyAny(password, verify), options)
    },
    async verifyDecoy(password, options = {}) {
      await turn(() => verifyAny(password, (spelling) => timed(spelling).then(() => false)), options)
    },
    needsRehash: (stored) => isWeaker(stored, cost),
    queue: queue.status
  }
}

/** NIST SP 800-63B-4 3.1.1.2: one text, however a keyboard puts its accents together. */
const composed = (password: string): string => password.normalize('NFC')

/** Also as it was typed: so hash those who normalise nothing, as we did once. */
const spellingsOf = (password: string): ReadonlySet<string> => new Set([composed(password), password])

/** Algorithm.Argon2id, which the package declares as a `const enum`. */
const argon2id = 2

type Cost = Omit<Argon2Parameters, 'algorithm'>

function isWeaker(stored: string, cost: Cost): boolean {
  const parameters = parseArgon2(stored)
  if (parameters === undefined) return true
  const { algorithm, memoryCost, timeCost } = parameters
  return algorithm !== 'argon2id' || memoryCost < cost.memoryCost || timeCost < cost.timeCost
}
