import type { Logger } from 'pino'
import { localType } from '../auth/attributes.ts'
import type { TraceStep } from '../auth/backend.ts'
import { causes, lastSteps } from '../auth/explain-chain.ts'
import type { Chain, Link } from '../auth/link.ts'
import { closeChain } from '../auth/open-chain.ts'
import { probe } from '../auth/probing.ts'
import type { Config } from '../config/config.ts'
import { BackendUnavailable, TemporarilyUnavailable } from '../errors.ts'
import { openChainOf } from '../generation.ts'
import { openLatchkey } from '../latchkey.ts'
import { openSharedCounters, type RedisConfig } from '../limits/redis.ts'
import { openLog } from '../log.ts'
import { openPasswords } from '../passwords/argon2.ts'
import { onlyHere } from './configuration.ts'

/** Whether something answers. */
export interface Answer {
  readonly answers: boolean
  /** What went wrong, in a word and in the words of its causes. */
  readonly error?: string
}

/** Whether a backend answers. */
export interface BackendAnswer extends Answer {
  readonly backend: string
  readonly type: string
  /** How the backend was reached, as far as it tells. */
  readonly steps: readonly TraceStep[]
}

/** What each part of the configuration answers. */
export interface Answers {
  readonly database: Answer
  /** Absent where none is configured. */
  readonly redis?: Answer
  readonly backends: readonly BackendAnswer[]
}

/** Asks our own database, Redis and each backend whether it answers; of the first's silence the others are asked all the same. */
export async function answersOf(config: Config): Promise<Answers> {
  const log = await openLog('silent')
  const { redis } = config.limits
  const [shared, others] = await Promise.all([
    redis && redisAnswer(redis, log),
    storeAndBackends(onlyHere(config), log)
  ])
  return { ...others, ...(shared && { redis: shared }) }
}

async function redisAnswer(redis: RedisConfig, log: Logger): Promise<Answer> {
  const counters = await openSharedCounters(redis, { secret: '', log })
  const answer = await counters.ping()
  await counters.close()
  return answer.answers ? answer : { answers: false, error: answer.reason }
}

async function storeAndBackends(config: Config, log: Logger): Promise<Answers> {
  try {
    const latchkey = await openLatchkey(config, log)
    try {
      return { database: { answers: true }, backends: await probeAll(latchkey.login.chain) }
    } finally {
      await latchkey.close()
    }
  } catch (error) {
    if (!(error instanceof TemporarilyUnavailable)) throw error
    const silence = [error.description, ...causes(error.cause)].at(-1)
    return { database: { answers: false, error: `${silence}` }, backends: await answersWithout(error, config, log) }
  }
}

/** Of the backends alone, of which the one over our own table can't answer either. */
async function answersWithout(
  error: TemporarilyUnavailable,
  config: Config,
  log: Logger
): Promise<readonly BackendAnswer[]> {
  const silent = (): Promise<never> => Promise.reject(error)
  const store = {
    accounts: { byEmail: silent, byLoginName: silent, byId: silent, replaceHash: silent },
    moved: { has: silent }
  }
  const passwords = await openPasswords(config.passwords)
  const chain = openChainOf(config, { log, store, passwords, singleUse: { use: silent, wasUsed: silent } })
  try {
    const answers = await probeAll(chain)
    return answers.map((answer) =>
      answer.type === localType ? { ...answer, answers: false, error: 'database' } : answer
    )
  } finally {
    await closeChain(chain)
  }
}

const probeAll = (chain: Chain): Promise<BackendAnswer[]> => Promise.all(chain.map(answerOf))

async function answerOf(link: Link): Promise<BackendAnswer> {
  const steps: TraceStep[] = []
  const answer = { backend: link.id, type: link.type, steps }
  const log = await openLog('silent')
  const deadline = performance.now() + link.timeoutMs
  const trace = (_backend: string, step: TraceStep): void => void steps.push(step)
  const request = { log, clientId: 'check', ip: '127.0.0.1', deadline, trace }
  try {
    await probe(link, request)
    return { ...answer, answers: true }
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    await lastSteps()
    return { ...answer, answers: false, error: [error.reason, ...causes(error.cause)].join(': ') }
  }
}
