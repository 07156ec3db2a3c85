import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { createApp } from './app.ts'
import type { EndedAct } from './auth/audit.ts'
import { causeText } from './cause-text.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './config/config-error.ts'
import type { Generation } from './generation.ts'
import type { Dispatcher } from './http/dispatch.ts'
import type { App } from './http/server.ts'
import type { Latchkey } from './latchkey.ts'
import { endSessionsOfLeft } from './left-backends.ts'

/** How a reload ended: `mistakes` says why all stays as it was. */
export type ReloadOutcome = { readonly reloaded: true } | { readonly reloaded: false; readonly mistakes: string }

/** What a reload needs. */
export interface ReloadTools {
  readonly latchkey: Latchkey
  readonly dispatcher: Dispatcher
  /** Reads the configuration as it is now. @throws {ConfigError} */
  readonly read: () => Promise<Config>
  readonly log: Logger
}

/** The configuration of a running server, which can be exchanged. */
export interface Reloader {
  /** One after another. */
  reload(): Promise<ReloadOutcome>
  /** Ends what is being exchanged, and the configuration in force; not what the server began with. */
  close(): Promise<void>
}

/** Longer than any login may take: then what the old configuration opened is closed under the last request. */
const marginMs = 5_000

/** Puts one configuration in another one's place, whole or not at all. */
export function createReloader({ latchkey, dispatcher, read, log }: ReloadTools): Reloader {
  let current: { readonly generation: Generation; readonly app?: App } = { generation: latchkey }
  let last: Promise<unknown> = Promise.resolve()
  const retiring = new Set<Promise<void>>()
  const closing = new AbortController()

  const exchange = async (): Promise<void> => {
    const { generation: before, app: oldApp } = current
    const config = await read()
    refuseRestart(before.config, config)
    const generation = await latchkey.next(config, before)
    const app = await openApp(generation, before)
    current = { generation, app }
    log.level = config.log.level
    const patienceMs = before.config.login.timeoutMs + marginMs
    const retired = dispatcher
      .switchTo(app, patienceMs)
      .then(() => oldApp?.close())
      .then(() => before.retire(generation))
      .then(() => endSessionsOfLeft(before.config, generation, { log, signal: closing.signal }))
      .catch((err) => log.warn({ err }, 'the configuration before could not be closed'))
      .finally(() => retiring.delete(retired))
    retiring.add(retired)
  }

  /** What happened stays so where it can't be written down: the log has it. */
  const record = ({ outcome, reason }: Pick<EndedAct, 'outcome' | 'reason'>): Promise<void> => {
    const { audit } = current.generation.parts
    const act = { kind: 'administration', actor: 'service', action: 'reload', outcome } as const
    return audit.record({ ...act, ...(reason === undefined ? {} : { reason }) }, log).catch(() => {})
  }

  const attempt = async (): Promise<ReloadOutcome> => {
    try {
      await exchange()
      await record({ outcome: 'success' })
      log.info(
        { event: 'reloaded', backends: current.generation.config.backends.map(({ policy }) => policy.id) },
        'reloaded'
      )
      return { reloaded: true }
    } catch (err) {
      const mistakes = err instanceof Error ? `${err.message}${causeText(err)}` : String(err)
      const fields = err instanceof ConfigError ? { mistakes: err.mistakes } : { err }
      log.error({ event: 'reload_refused', ...fields }, 'the configuration stays as it was')
      if (err instanceof ConfigError) await record({ outcome: 'refused', reason: 'invalid-configuration' })
      else await record({ outcome: 'failed', reason: 'server_error' })
      return { reloaded: false, mistakes }
    }
  }

  return {
    reload() {
      const next = last.then(attempt)
      last = next
      return next
    },
    async close() {
      closing.abort()
      await last
      await current.app?.close()
      await Promise.all(retiring)
      if (current.generation !== latchkey) await current.generation.retire()
    }
  }
}

async function openApp(generation: Generation, before: Generation): Promise<App> {
  try {
    const app = await createApp(generation.parts)
    return await app.ready().then(() => app)
  } catch (error) {
    await generation.retire(before)
    throw error
  }
}

/** @throws {ConfigError} settings changed that a running server can't exchange, or the file is gone */
function refuseRestart(before: Config, after: Config): void {
  // what holds without a file is for the first look: nobody asks for that by moving a file away
  if (before.file !== undefined && after.file === undefined)
    throw new ConfigError(before.file, [{ path: '', message: 'there is no such file any more' }])
  const settings = (config: Config): Readonly<Record<string, unknown>> => ({
    issuer: config.issuer,
    'listen.host': config.listen.host,
    'listen.port': config.listen.port,
    secret: config.secrets,
    database: config.database,
    passwords: config.passwords
  })
  const old = settings(before)
  const changed = Object.entries(settings(after)).filter(([path, value]) => !isDeepStrictEqual(value, old[path]))
  if (changed.length === 0) return
  const mistakes = changed.map(([path]) => ({ path, message: 'has changed: this needs a restart' }))
  throw new ConfigError(after.file ?? 'configuration', mistakes)
}
