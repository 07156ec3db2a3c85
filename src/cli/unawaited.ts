import { runningModule } from '../own-backends/containment.ts'
import { thrownText } from '../own-backends/mistake.ts'

/**
 * What a backend of one's own leaves to nobody, a rejection or a throw in a timer, is told and ends no command: it may come up
 * while the configuration is read. A server that runs has a log for it, and listens itself; anything else ends the process.
 */
export function bearUnawaited(): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    const listener = (err: unknown): void => {
      if (process.listenerCount(event) > 1) return
      const file = runningModule()
      if (file !== undefined) {
        process.stderr.write(`${file}: nobody awaited this: ${thrownText(err)}\n`)
        return
      }
      process.off(event, listener)
      setImmediate(() => {
        throw err
      })
    }
    process.on(event, listener)
  }
}
