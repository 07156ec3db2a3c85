import type { AdministrationTransaction } from '../auth/administration-store.ts'
import { AlreadyExists } from '../errors.ts'
import { besideReading } from './beside-reading.ts'
import type { ImportRecord } from './import-record.ts'
import type { AdminTools } from './tools.ts'

/** What an import did, or with `dryRun` would do. */
export interface ImportReport {
  readonly read: number
  readonly created: number
  /** Who was there already, and stayed as they were. */
  readonly present: number
  readonly refused: number
}

/** How an import goes. */
export interface ImportOptions {
  readonly dryRun: boolean
  /** Called for each line that is refused, with why. */
  onRefused(line: number, reason: string): void
  onProgress(read: number): void
}

/** What became of a batch. */
export interface ImportedBatch {
  readonly created: number
  readonly present: number
}

/** One kind of import. */
export interface ImportKind<Entry> {
  /** So much is written in one turn, and kept in memory until then. A record that is refused is one. */
  readonly batchSize: number
  /** How much of it an entry takes. */
  sizeOf(entry: Entry): number
  /** What a record says, or why it is refused. */
  entryOf(record: ImportRecord): Entry | string
  /** @param refuse for a line that can't be written as it is */
  write(batch: readonly Entry[], refuse: (line: number, reason: string) => void): Promise<ImportedBatch>
}

/** So many records as they were read. */
interface Batch<Entry> {
  readonly read: number
  readonly entries: readonly Entry[]
  readonly mistakes: ReadonlyArray<readonly [line: number, reason: string]>
}

/** Reads records and writes them in batches, each whole or not there; whatever is refused is told with its line. */
export async function importInBatches<Entry>(
  records: AsyncIterable<ImportRecord>,
  kind: ImportKind<Entry>,
  { onRefused, onProgress }: ImportOptions
): Promise<ImportReport> {
  const report = { read: 0, created: 0, present: 0, refused: 0 }
  const refuse = (line: number, reason: string): void => {
    report.refused++
    onRefused(line, reason)
  }
  await besideReading(batchesOf(records, kind), async ({ read, entries, mistakes }) => {
    report.read += read
    for (const [line, reason] of mistakes) refuse(line, reason)
    const { created, present } = entries.length > 0 ? await kind.write(entries, refuse) : nothing
    report.created += created
    report.present += present
    onProgress(report.read)
  })
  return report
}

const nothing: ImportedBatch = { created: 0, present: 0 }

async function* batchesOf<Entry>(
  records: AsyncIterable<ImportRecord>,
  { batchSize, sizeOf, entryOf }: ImportKind<Entry>
): AsyncGenerator<Batch<Entry>> {
  const empty = () => ({ read: 0, entries: [] as Entry[], mistakes: [] as Array<readonly [number, string]> })
  let batch = empty()
  let size = 0
  for await (const record of records) {
    const entry = entryOf(record)
    if (typeof entry === 'string') batch.mistakes.push([record.line, entry])
    else batch.entries.push(entry)
    batch.read++
    size += typeof entry === 'string' ? 1 : sizeOf(entry)
    if (size < batchSize) continue
    yield batch
    batch = empty()
    size = 0
  }
  if (batch.read > 0) yield batch
}

const attempts = 5

/** Looks and writes in one transaction, again where somebody else made one of them in between: the next look finds it. */
export async function changeAgain<Result>(
  { administration }: AdminTools,
  work: (tx: AdministrationTransaction) => Promise<Result>
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await administration.change(work)
    } catch (error) {
      if (!(error instanceof AlreadyExists) || attempt === attempts) throw error
    }
  }
}

/** Grants on objects, which one record may have very many of, fill a batch by the hundred. */
export const sizeWith = (objectGrants: readonly unknown[] = []): number => 1 + Math.floor(objectGrants.length / 100)
