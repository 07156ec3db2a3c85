import { accessChecks } from './access-checks.ts'
import { backendChecks } from './backend-checks.ts'
import { type Finding, isWithin } from './config-error.ts'
import type { ConfigFile } from './schema.ts'
import { serviceChecks } from './service-checks.ts'
import { telemetryFindings } from './telemetry.ts'
import { webhookChecks } from './webhooks.ts'

/**
 * Unsafe and contradictory settings.
 * @param found what the schemas found: nothing more is said of these places, nor of others for their sake
 */
export function contradictions(file: ConfigFile, hasFile: boolean, found: readonly Finding[]): Finding[] {
  const spoiled = found.filter(({ surplus }) => !surplus).map(({ path }) => path)
  return [...serviceChecks, ...backendChecks, ...accessChecks, ...webhookChecks, telemetryFindings]
    .flatMap((check) => check(file, hasFile))
    .filter(
      ({ path, against = [] }) => ![path, ...against].some((place) => spoiled.some((bad) => isWithin(place, bad)))
    )
}
