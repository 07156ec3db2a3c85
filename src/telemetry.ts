import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config/config.ts'
import type { Lasting } from './lasting.ts'
import type { Telemetry } from './telemetry/open.ts'
import { version } from './version.ts'

/** A configuration with what it tells of the service. */
export interface Told {
  readonly config: Config
  readonly telemetry: Telemetry | undefined
}

/**
 * Tells of the service what the configuration wants, or goes on as before where it wants the same. Where it wants nothing,
 * nothing of OpenTelemetry is loaded.
 */
export async function telemetryOf(
  { telemetry: wanted, issuer }: Config,
  { log, metrics, instance }: Lasting,
  before?: Told
): Promise<Telemetry | undefined> {
  if (wanted === undefined) return undefined
  // files may be others under their old names
  const isSame = wanted.tls === undefined && isDeepStrictEqual(before?.config.telemetry, wanted)
  if (isSame && before?.telemetry) return before.telemetry
  const { openTelemetry } = await import('./telemetry/open.ts')
  return openTelemetry(wanted, { log, metrics, issuer, version, instance })
}
