import { createHmac, hkdfSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import type { Log } from '../auth/ports.ts'
import { createHealth, reasonOf } from './redis-health.ts'
import { pingScript } from './scripts.ts'

/** Where replicas share counters. */
export interface RedisConfig {
  /** `redis://` or `rediss://`, which may name a user and the number of a database. */
  readonly url: string
  readonly password?: string | undefined
  readonly tls?: { readonly ca?: string | undefined; readonly serverName?: string | undefined } | undefined
}

/** Counters in Redis. While it does not answer, nobody waits for it. */
export interface SharedCounters {
  /**
   * The name of a counter there: what a stranger typed and whence is not told to whoever reads along.
   * @param tag what keys of one script have in common
   */
  name(tag: string, rest?: string): string
  /** Runs a script, each of which answers two numbers; undefined: Redis can't be asked now, or did not answer in time. */
  run(script: string, keys: readonly string[], values: ReadonlyArray<string | number>): Promise<Pair | undefined>
  /** Whether `run` would ask now. */
  mayAsk(): boolean
  /** Whether it answers and may be written to, asked anew; the class of its failure where it does not. */
  ping(): Promise<{ readonly answers: true } | { readonly answers: false; readonly reason: string }>
  /** What the last question came to. */
  isUp(): boolean
  close(): Promise<void>
}

type Pair = readonly [number, number]

/** A login's share of time for one question. */
const answerMs = 500
const patienceMs = 2000

/**
 * Connects in the background, and again whenever the connection is lost.
 * @param options.secret the service's own, from which names are made
 * @throws {Error} a certificate file can't be read
 */
export async function openSharedCounters(
  config: RedisConfig,
  { secret, log }: { readonly secret: string; readonly log: Log }
): Promise<SharedCounters> {
  // 5 MiB, for those alone who have a Redis
  const { Redis } = await import('ioredis')
  const redis = new Redis(await optionsOf(config))
  const nameKey = Buffer.from(hkdfSync('sha256', secret, '', 'latchkey limits', 32))
  const digest = (text: string): string => createHmac('sha256', nameKey).update(text).digest('base64url').slice(0, 22)
  const health = createHealth(log)
  let isClosing = false
  // ioredis goes on in database 0 where there is none of the number
  let isElsewhere = false
  const isReady = (): boolean => redis.status === 'ready' && !isElsewhere
  const mayAsk = (): boolean => isReady() && !isClosing && !health.isPaused()

  const ask = async (script: string, keys: readonly string[], values: ReadonlyArray<string | number>) => {
    try {
      const answer = pairOf(await redis.eval(script, keys.length, ...keys, ...values))
      health.succeeded()
      return answer
    } catch (error) {
      if (!isClosing) health.failed(reasonOf(error))
      return undefined
    }
  }
  const ping = inOne(async () => {
    if (redis.status !== 'ready') await connected(redis)
    return isReady() ? ask(pingScript, ['latchkey:{ping}'], []) : undefined
  })

  redis.on('connect', () => {
    isElsewhere = false
  })
  // that it may be written to is seen by asking
  redis.on('ready', () => void ping())
  redis.on('error', (error) => {
    if (isOf(error, 'select')) isElsewhere = true
    health.failed(reasonOf(error))
  })
  redis.on('close', () => isClosing || health.failed('closed'))

  return {
    name: (tag, rest) => `latchkey:{${digest(tag)}}${rest === undefined ? '' : `:${digest(rest)}`}`,
    async run(script, keys, values) {
      if (!mayAsk()) return undefined
      const answer = await ask(script, keys, values)
      // a name may lead to another server by now, while this one keeps its connections
      if (health.reason() === 'READONLY' && isReady()) redis.disconnect(true)
      return answer
    },
    mayAsk,
    async ping() {
      if (isClosing) return { answers: false, reason: 'closed' }
      return (await ping()) ? { answers: true } : { answers: false, reason: health.reason() ?? 'timeout' }
    },
    isUp: health.isUp,
    async close() {
      isClosing = true
      redis.disconnect()
    }
  }
}

/** ioredis itself would wait for a dead server, and send again what may have been counted already. */
async function optionsOf({ url, password, tls }: RedisConfig) {
  const server = new URL(url)
  const ca = tls?.ca === undefined ? undefined : await readFile(tls.ca)
  const username = decodeURIComponent(server.username)
  const presented = password ?? decodeURIComponent(server.password)
  return {
    connectionName: 'latchkey',
    host: server.hostname.replace(/^\[|\]$/g, ''),
    port: Number(server.port || 6379),
    db: Number(server.pathname.slice(1)),
    ...(username !== '' && { username }),
    ...(presented !== '' && { password: presented }),
    ...(server.protocol === 'rediss:' && {
      tls: { ...(ca && { ca }), ...(tls?.serverName !== undefined && { servername: tls.serverName }) }
    }),
    // these ask INFO and CLIENT SETINFO, which a user may need no right to
    enableReadyCheck: false,
    disableClientInfo: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: answerMs,
    connectTimeout: patienceMs,
    socketTimeout: patienceMs,
    // an end does not wait for a server that hangs
    disconnectTimeout: answerMs,
    retryStrategy: (times: number) => Math.min(2000, 50 * 2 ** Math.min(times, 6))
  }
}

/** @throws {Error} something answers that is no Redis */
function pairOf(answer: unknown): Pair {
  const isPair = Array.isArray(answer) && answer.length === 2 && answer.every(Number.isSafeInteger)
  if (!isPair) throw new Error('NOREDIS')
  return [answer[0], answer[1]]
}

/** Whether an error answers a command of this name. */
const isOf = (error: Error, name: string): boolean =>
  'command' in error && (error.command as { readonly name?: string } | undefined)?.name === name

/** Whoever asks for it while it is under way shares it. */
function inOne<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined
  return () => {
    running ??= work().finally(() => {
      running = undefined
    })
    return running
  }
}

/** Waits for what comes of the connection that is being made. */
const connected = (redis: Redis): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, patienceMs)
    const ends = ['ready', 'error', 'close'] as const
    function done(): void {
      clearTimeout(timer)
      for (const end of ends) redis.off(end, done)
      resolve()
    }
    for (const end of ends) redis.on(end, done)
  })
