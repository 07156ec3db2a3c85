import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { ImportRecord } from '../admin/import-record.ts'
import { importUsers } from '../admin/import-users.ts'
import { readHash } from '../passwords/formats/index.ts'
import { asLine, withAdministration, write } from './administration.ts'
import { createProgress } from './progress.ts'
import { Refused } from './refused.ts'
import { printable } from './steps.ts'

interface Options {
  readonly format?: 'csv' | 'jsonl'
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** Longer lines are no user. */
const maxLine = 1024 * 1024

/** `latchkey users import`. Lines that are refused are told on standard error, and make the exit code 1. */
export async function importFile(file: string, options: Options, command: Command): Promise<void> {
  const format = options.format ?? (file.endsWith('.csv') ? 'csv' : 'jsonl')
  const { size } = file === '-' ? { size: 0 } : await stat(file).catch(refuseFile)
  const input = file === '-' ? process.stdin : createReadStream(file)
  const progress = createProgress(process.stderr)
  const readSoFar = (): number => ('bytesRead' in input ? input.bytesRead : 0)
  const report = await withAdministration(command, (tools) =>
    importUsers(format === 'csv' ? csvRecords(input) : jsonRecords(input), tools, {
      dryRun: options.dryRun === true,
      isUsableHash,
      onRefused(line, reason) {
        progress.end()
        process.stderr.write(`line ${line}: ${printable(reason)}\n`)
      },
      // how many there will be is guessed from how far the file was read
      onProgress: (read) => progress.show(read, Math.round((read * size) / Math.max(1, readSoFar())))
    })
  ).finally(progress.end)
  const { read, created, present, refused } = report
  const done = options.dryRun ? 'would be created' : 'created'
  write(
    options.json ? asLine(report) : `${read} read: ${created} ${done}, ${present} there already, ${refused} refused\n`
  )
  if (refused > 0) throw new Refused(`${refused} of ${read} were refused`)
}

/** Of any kind that a login can verify; longer ones have no place in the table. */
const isUsableHash = (hash: string): boolean => Buffer.byteLength(hash) <= 512 && 'verify' in readHash(hash)

async function* jsonRecords(input: Readable): AsyncGenerator<ImportRecord> {
  let line = 0
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++
    if (text.trim() !== '') yield { line, ...fieldsOf(line === 1 ? text.replace(/^\ufeff/, '') : text) }
  }
}

function fieldsOf(text: string): Pick<ImportRecord, 'fields' | 'mistake'> {
  if (text.length > maxLine) return { fields: {}, mistake: 'the line is too long' }
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) return { fields: { ...fields } }
  } catch {
    return { fields: {}, mistake: 'not JSON' }
  }
  return { fields: {}, mistake: 'expected an object' }
}

async function* csvRecords(input: Readable): AsyncGenerator<ImportRecord> {
  const { parse, CsvError } = await import('csv-parse')
  const parser = input.pipe(
    parse({
      columns: true,
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
    for await (const { record, info } of parser) {
      const mistake =
        info.invalid_field_length > uneven ? { mistake: 'another number of columns than the first line' } : {}
      uneven = info.invalid_field_length
      yield { line: info.lines, fields: record, ...mistake }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new Refused(
      `the file can't be read on: ${printable(error.message)}. Mend it, and run the import again: who is there already stays`
    )
  }
}

function refuseFile(error: Error & { code?: string }): never {
  throw new Refused(`the file can't be read: ${error.code}`)
}
