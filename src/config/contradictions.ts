import { accessChecks } from './access-checks.ts'
import { backendChecks } from './backend-checks.ts'
import type { Finding } from './config-error.ts'
import type { ConfigFile } from './schema.ts'
import { serviceChecks } from './service-checks.ts'

/** A rule that no schema can say. */
export interface Check {
  /** The sections that it reads: it is left out where one of them is not what its schema says. */
  readonly sections: ReadonlyArray<keyof ConfigFile>
  readonly find: (file: ConfigFile, hasFile: boolean) => readonly Finding[]
}

/**
 * Unsafe and contradictory settings.
 * @param findings what the schema found: sections that it spoiled are not looked at again
 * @param hasFile whether the configuration came from a file
 */
export function contradictions(file: ConfigFile, hasFile: boolean, findings: readonly Finding[]): Finding[] {
  const spoiled = new Set(findings.filter(({ surplus }) => !surplus).map(({ path }) => path[0]))
  return [...serviceChecks, ...backendChecks, ...accessChecks]
    .filter(({ sections }) => !sections.some((section) => spoiled.has(section)))
    .flatMap(({ find }) => find(file, hasFile))
}
