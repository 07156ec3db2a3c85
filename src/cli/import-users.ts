import type { Command } from 'commander'
import { importUsers } from '../admin/import-users.ts'
import { readHash } from '../passwords/formats/index.ts'
import { keepMemorySteady } from '../steady-memory.ts'
import { withAdministration } from './administration.ts'
import { tellReport } from './import-groups.ts'
import { wholeRecords } from './parts.ts'
import { createProgress } from './progress.ts'
import { type FileRecord, jsonRecords, maxLine, type OpenFile, openFile } from './records.ts'
import { Refused } from './refused.ts'
import { printable } from './steps.ts'

interface Options {
  readonly format?: 'csv' | 'jsonl'
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `latchkey users import`. Lines that are refused are told on standard error, and make the exit code 1. */
export async function importFile(file: string, options: Options, command: Command): Promise<void> {
  const format = options.format ?? (file.endsWith('.csv') ? 'csv' : 'jsonl')
  keepMemorySteady()
  const opened = await openFile(file)
  const progress = createProgress(process.stderr)
  const report = await withAdministration(command, (tools) =>
    importUsers(format === 'csv' ? csvRecords(opened) : wholeRecords(jsonRecords(opened, file), 'email'), tools, {
      dryRun: options.dryRun === true,
      isUsableHash,
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

/** Of any kind that a login can verify; longer ones have no place in the table. */
const isUsableHash = (hash: string): boolean => Buffer.byteLength(hash) <= 512 && 'verify' in readHash(hash)

/** By csv-parse's codes: its own words quote the file, which may hold passwords. */
const csvMistakes: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed',
  INVALID_OPENING_QUOTE: 'a quote stands within a value that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: 'something stands behind a closing quote',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'something stands behind a closing quote',
  CSV_MAX_RECORD_SIZE: 'a record is too long'
}

async function* csvRecords({ input }: OpenFile): AsyncGenerator<FileRecord> {
  const { parse, CsvError } = await import('csv-parse')
  const parser = input.pipe(
    parse({
      columns: eachOnce,
      bom: true,
      info: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: maxLine
    })
  )
  input.on('error', (error) => parser.destroy(error))
  try {
    let uneven = 0
    let twice = 0
    for await (const { record, info } of parser) {
      const text = Object.values(record).join('')
      // csv-parse tells the line where a record ends, and takes a CRLF within quotes for two
      twice += countOf(text, /\r\n/g)
      const line = info.lines - twice - countOf(text, /\r\n|\r|\n/g)
      const mistake =
        info.invalid_field_length > uneven ? { mistake: 'another number of columns than the first line' } : {}
      uneven = info.invalid_field_length
      yield { line, fields: record, ...mistake }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const { code, lines } = error as { readonly code: string; readonly lines?: unknown }
    const where = typeof lines === 'number' ? ` (line ${lines})` : ''
    throw new Refused(
      `the file can't be read on: ${csvMistakes[code] ?? 'it is no CSV'}${where}. Mend it, and run the import again: who is there already stays`
    )
  }
}

const countOf = (text: string, pattern: RegExp): number =>
  /[\r\n]/.test(text) ? (text.match(pattern)?.length ?? 0) : 0

/** @throws {Refused} a column is there twice, and nobody knows which is meant */
function eachOnce(names: string[]): string[] {
  const doubled = names.find((name, at) => names.indexOf(name) !== at)
  if (doubled !== undefined) throw new Refused(`line 1: ${printable(doubled)}: it is there twice`)
  return names
}
