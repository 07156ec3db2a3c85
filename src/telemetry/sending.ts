import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { Log } from '../auth/ports.ts'
import type { Signal } from '../config/telemetry-environment.ts'

/** How often the log tells that nothing arrives. */
const tellEveryMs = 60_000

/** Told how each sending ended. */
export type Outcome = (signal: Signal, error: Error | undefined) => void

/** Says in the log that nothing arrives, once a minute at most: why in a word, since texts of others may quote anything. */
export function createOutcomes(log: Log, now: () => number = () => performance.now()): Outcome {
  const untold = { traces: 0, metrics: 0 }
  const toldAt = { traces: Number.NEGATIVE_INFINITY, metrics: Number.NEGATIVE_INFINITY }
  return (signal, error) => {
    if (error === undefined) return
    untold[signal]++
    if (now() - toldAt[signal] < tellEveryMs) return
    const fields = { event: 'telemetry_unsent', signal, error: wordOf(error), count: untold[signal] }
    log.warn(fields, 'telemetry could not be sent')
    untold[signal] = 0
    toldAt[signal] = now()
  }
}

/** The exporter, whose failures are ours to tell: to the SDK, everything arrives. */
export function telling<Items, Exporter extends { export(items: Items, done: (result: ExportResult) => void): void }>(
  exporter: Exporter,
  signal: Signal,
  outcome: Outcome
): Exporter {
  const inner = exporter.export.bind(exporter)
  exporter.export = (items, done) =>
    inner(items, ({ code, error }) => {
      outcome(signal, code === ExportResultCode.SUCCESS ? undefined : (error ?? new Error('unknown')))
      done({ code: ExportResultCode.SUCCESS })
    })
  return exporter
}

function wordOf(error: Error): string {
  const code = 'code' in error ? error.code : undefined
  if (typeof code === 'number') return `status-${code}`
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,49}$/.test(code)) return code
  if (/timed out|timeout/i.test(error.message)) return 'timeout'
  return /retryable/.test(error.message) ? 'busy' : 'failed'
}
