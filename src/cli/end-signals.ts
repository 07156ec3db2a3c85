import type { FastifyBaseLogger } from 'fastify'

/** The signals that `onEndSignal` takes. */
export const endSignals = ['SIGTERM', 'SIGINT'] as const
/** npm, and whoever signals a whole group, sends one signal twice; a person who is in a hurry comes later. */
const sameSignalMs = 1_000

/** Calls `end` once, at SIGTERM or SIGINT; another one after a while, or while the process ends anyway, exits at once. */
export function onEndSignal(
  end: (signal: string) => void,
  { log, isFailing }: { readonly log: FastifyBaseLogger; readonly isFailing: () => boolean }
): void {
  let askedAt: number | undefined
  const onSignal = (signal: string): void => {
    if (askedAt !== undefined && performance.now() - askedAt < sameSignalMs) return
    if (askedAt !== undefined || isFailing()) {
      log.error({ signal }, 'asked to end again: exiting')
      process.exit(1)
    }
    askedAt = performance.now()
    end(signal)
  }
  for (const signal of endSignals) process.on(signal, onSignal)
}
