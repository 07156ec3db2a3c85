import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { Command } from 'commander'
import { createApp } from '../app.ts'
import { createFirstAdministrator } from '../first-administrator.ts'
import { closeServer } from '../http/closing.ts'
import { createDispatcher } from '../http/dispatch.ts'
import type { App } from '../http/server.ts'
import { type Latchkey, openLatchkey } from '../latchkey.ts'
import { openLog } from '../log.ts'
import { runningModule } from '../own-backends/containment.ts'
import { collectInQuietMoments } from '../quiet-memory.ts'
import { reserveThreads } from '../threads.ts'
import { beginYoung } from '../young-memory.ts'
import { configOf } from './configuration.ts'
import { endSignals, onEndSignal } from './end-signals.ts'
import { listen } from './listen.ts'
import { bearSignal, reloadOnSignal } from './reload-on-signal.ts'
import { welcome } from './welcome.ts'

/** Callers that keep connections open learn by their next answer that this process ends; so long it is still heard. */
const drainMs = 500
/** Beyond `login.timeout`: who is not answered by then has not even sent its request, and is cut off. */
const patienceMs = 2_000
/** Beyond `login.timeout`: for all of the ending. */
const closeTimeoutMs = 10_000

/** `latchkey serve`: the service, until SIGTERM or SIGINT. */
export async function serve(command: Command): Promise<void> {
  beginYoung()
  const bore = bearSignal()
  const config = await configOf(command)
  reserveThreads(config.passwords.concurrency)
  const log = await openLog(config.log.level)
  const latchkey = await openLatchkey(config, log)
  try {
    const dispatcher = createDispatcher()
    const app = await createApp(latchkey.parts, { handle: dispatcher.handle })
    await dispatcher.switchTo(app, 0)
    await listen(app, config)
    const stopReloading = reloadOnSignal({ latchkey, dispatcher, read: () => configOf(command), log }, bore)
    collectInQuietMoments()
    if (config.firstAdministrator) await greet(latchkey)
    await ended(app, latchkey, stopReloading)
  } catch (error) {
    await latchkey.close()
    throw error
  }
}

/** Only once it listens: the password of an administrator who was made before a start that failed would be lost. */
async function greet({ config, store, passwords, parts }: Latchkey): Promise<void> {
  const administrator = await createFirstAdministrator(store.users, passwords)
  if (administrator) {
    const act = { kind: 'administration', outcome: 'success', actor: 'service', action: 'users.create' } as const
    await parts.audit.record({ ...act, user: administrator.id }, parts.log)
  }
  process.stdout.write(welcome(`http://localhost:${config.listen.port}`, administrator))
}

/** What nobody awaited: of a backend of one's own it is logged, anything else ends the process. */
const unawaited = ['uncaughtException', 'unhandledRejection'] as const

/** Resolves when a signal has come and everything that was under way is answered. */
function ended(app: App, latchkey: Latchkey, stopReloading: () => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let failure: { readonly err: unknown } | undefined
    let asked: string | undefined
    const { timeoutMs } = latchkey.config.login
    const closing = closeWithGrace(
      { delay: timeoutMs + closeTimeoutMs, logger: app.log, skip: [...unawaited, ...endSignals, 'SIGHUP'] },
      async ({ signal = asked }) => {
        if (failure) app.log.fatal(failure, 'the process fails')
        else app.log.info({ signal }, 'ending')
        latchkey.drain()
        if (!failure) await sleep(drainMs)
        const patience = setTimeout(() => app.server.closeAllConnections(), timeoutMs + patienceMs)
        await closeServer(app.server)
        clearTimeout(patience)
        await app.close()
        await stopReloading()
        await latchkey.close()
        if (failure) process.exit(1)
        resolve()
      }
    )
    const end = (signal: string): void => {
      asked = signal
      void closing.close()
    }
    onEndSignal(end, { log: app.log, isFailing: () => failure !== undefined })
    for (const event of unawaited) {
      process.on(event, (err: unknown) => {
        const file = runningModule()
        if (file !== undefined)
          return app.log.error({ event: 'backend_failed', file, err }, 'a backend of one’s own fails')
        if (failure) process.exit(1)
        failure = { err }
        void closing.close()
      })
    }
  })
}
