import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { type AccountLimits, createLimits, type Lock } from '../../src/limits/account-limits.ts'
import { createInProcessLedger } from '../../src/limits/in-process.ts'
import { openSharedCounters, type RedisConfig, type SharedCounters } from '../../src/limits/redis.ts'
import { createSharedLedger } from '../../src/limits/shared.ts'

/** Of all replicas of a test. */
export const secret = 'a secret of the service, long enough'

interface Line {
  readonly level: 'info' | 'warn'
  readonly event: string
  readonly reason?: string
}

/** Counters of one replica, which are ready where Redis is there. */
export async function openCounters(t: Test, config: RedisConfig) {
  const lines: Line[] = []
  const log = {
    debug() {},
    info: (fields: object) => void lines.push({ level: 'info', ...(fields as Omit<Line, 'level'>) }),
    warn: (fields: object) => void lines.push({ level: 'warn', ...(fields as Omit<Line, 'level'>) }),
    error() {}
  }
  const counters = await openSharedCounters(config, { secret, log })
  t.teardown(() => counters.close())
  await counters.ping()
  return { counters, lines }
}

export const replicaOf = (limits: AccountLimits, counters: SharedCounters, locks: Lock[] = []) => {
  const onLocked = (lock: Lock): void => void locks.push(lock)
  const local = createInProcessLedger(limits, { onLocked })
  return createLimits(createSharedLedger(limits, { counters, local, onLocked }))
}

export type Replica = ReturnType<typeof replicaOf>

export const tryOf = async (
  replica: Replica,
  ip: string,
  account: string,
  how: 'failed' | 'succeeded' | 'released'
) => {
  const attempt = replica.begin(ip)
  await attempt.claim(account)
  attempt[how]()
}

/** Waits until Redis has what was told without waiting: it answers one connection's questions in turn. */
export const told = (...all: readonly SharedCounters[]) => Promise.all(all.map((counters) => counters.ping()))

export const comesBack = async (counters: SharedCounters): Promise<void> => {
  for (let tries = 0; !(await counters.ping()).answers; tries++) {
    if (tries > 100) throw new Error('it stays away')
    await sleep(50)
  }
}
