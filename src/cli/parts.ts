import { isDeepStrictEqual } from 'node:util'
import { type FileRecord, maxLine } from './records.ts'
import { Refused } from './refused.ts'

type Fields = Readonly<Record<string, unknown>>

/** What names a record. */
type Key = 'email' | 'name'

/** With the longest names and ids they leave room for the rest of a record in what an import takes as a line. */
const grantsInLine = 5000

/** A record as it stands in lines: many grants on objects go on in further ones, which name the record and are counted. */
export function partsOf(record: Fields, objectGrants: readonly unknown[], key: Key): readonly Fields[] {
  const count = Math.ceil(objectGrants.length / grantsInLine)
  if (count <= 1) return [record]
  return Array.from({ length: count }, (_, at) => ({
    ...(at === 0 ? record : { [key]: record[key] }),
    objectGrants: objectGrants.slice(at * grantsInLine, (at + 1) * grantsInLine),
    objectGrantsPart: `${at + 1}/${count}`
  }))
}

/** A line of an export. @throws {Refused} no import would take it */
export function fitting(line: string, whose: unknown, remedy = ''): string {
  if (Buffer.byteLength(line) <= maxLine) return line
  throw new Refused(
    `${whose} has more than the 8 MiB that an import takes as a line${remedy}. The export ends before that`
  )
}

/** A record of which not all parts are read. */
interface Open {
  readonly first: FileRecord
  readonly count: number
  readonly grants: unknown[]
  read: number
}

/** The records of lines, where what was written in parts is one again. A record that misses a part is refused. */
export async function* wholeRecords(lines: AsyncIterable<FileRecord>, key: Key): AsyncGenerator<FileRecord> {
  let open: Open | undefined
  for await (const line of lines) {
    const { objectGrants, objectGrantsPart, ...rest } = line.fields
    const isNext = open !== undefined && objectGrantsPart === `${open.read + 1}/${open.count}`
    const goesOn = isNext && isDeepStrictEqual(rest, { [key]: open?.first.fields[key] })
    if (open && !goesOn) yield incomplete(open)
    if (!goesOn) open = begun(line)
    if (open === undefined) {
      yield objectGrantsPart === undefined
        ? line
        : { ...line, fields: {}, mistake: 'objectGrantsPart: it begins nothing' }
      continue
    }
    for (const grant of Array.isArray(objectGrants) ? objectGrants : [objectGrants]) open.grants.push(grant)
    open.read++
    if (open.read < open.count) continue
    yield complete(open)
    open = undefined
  }
  if (open) yield incomplete(open)
}

function begun(first: FileRecord): Open | undefined {
  const [, count] = /^1\/([1-9]\d{0,3})$/.exec(String(first.fields.objectGrantsPart)) ?? []
  return count === undefined ? undefined : { first, count: Number(count), grants: [], read: 0 }
}

function complete({ first, grants }: Open): FileRecord {
  const { objectGrantsPart: _part, ...fields } = first.fields
  return { ...first, fields: { ...fields, objectGrants: grants } }
}

const incomplete = ({ first, read, count }: Open): FileRecord => ({
  ...{ ...first, fields: {}, mistake: `objectGrantsPart: part ${read + 1} of ${count} does not follow` }
})
