import type { Command } from 'commander'
import type { ImportReport } from '../admin/import-batches.ts'
import { importGroups } from '../admin/import-groups.ts'
import { keepMemorySteady } from '../steady-memory.ts'
import { asLine, withAdministration, write } from './administration.ts'
import { wholeRecords } from './parts.ts'
import { createProgress } from './progress.ts'
import { jsonRecords, openFile } from './records.ts'
import { Refused } from './refused.ts'
import { printable } from './steps.ts'

interface Options {
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `latchkey groups import`. Lines that are refused are told on standard error, and make the exit code 1. */
export async function importGroupsFile(file: string, options: Options, command: Command): Promise<void> {
  keepMemorySteady()
  const opened = await openFile(file)
  const progress = createProgress(process.stderr)
  const report = await withAdministration(command, (tools) =>
    importGroups(wholeRecords(jsonRecords(opened, file), 'name'), tools, {
      dryRun: options.dryRun === true,
      onRefused(line, reason) {
        progress.end()
        process.stderr.write(`line ${line}: ${printable(reason)}\n`)
      },
      // how many there will be is guessed from how far the file was read
      onProgress: (read) => progress.show(read, Math.round((read * opened.size) / Math.max(1, opened.readSoFar())))
    })
  ).finally(progress.end)
  tellReport(report, options)
}

/** What an import did. @throws {Refused} lines were refused */
export function tellReport(report: ImportReport, options: Options): void {
  const { read, created, present, refused } = report
  const done = options.dryRun ? 'would be created' : 'created'
  write(
    options.json ? asLine(report) : `${read} read: ${created} ${done}, ${present} there already, ${refused} refused\n`
  )
  if (refused > 0) throw new Refused(`${refused} of ${read} were refused`)
}
