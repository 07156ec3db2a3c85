import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Refused } from './refused.ts'

/** One record of a file as it was read: its values by name, or why it could not be read. */
export interface FileRecord {
  /** Of the file, from 1. */
  readonly line: number
  readonly fields: Readonly<Record<string, unknown>>
  readonly mistake?: string
}

/** A file that is being read, and how far. */
export interface OpenFile {
  readonly input: Readable
  /** Bytes; 0: nobody knows. */
  readonly size: number
  readSoFar(): number
}

/** Longer lines are no record. */
export const maxLine = 8 * 1024 * 1024

/** Opens a file, or standard input for `-`. @throws {Refused} it is a folder, or can't be read */
export async function openFile(file: string): Promise<OpenFile> {
  if (file === '-') return { input: process.stdin, size: 0, readSoFar: () => 0 }
  const handle = await open(file).catch((error) => refuseFile(file, error))
  const about = await handle.stat()
  if (about.isDirectory()) {
    await handle.close()
    refuseFile(file, { code: 'EISDIR' })
  }
  const input = handle.createReadStream()
  return { input, size: about.size, readSoFar: () => input.bytesRead }
}

const words: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it'
}

function refuseFile(file: string, { code = 'unknown' }: { readonly code?: string | undefined }): never {
  const why = words[code]
  throw new Refused(`${file} can't be read: ${why === undefined ? code : `${why} (${code})`}`)
}

/** JSON lines; empty ones are passed over. @throws {Refused} the file can't be read on */
export async function* jsonRecords({ input }: OpenFile, file: string): AsyncGenerator<FileRecord> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  let line = 0
  try {
    for await (const text of lines) {
      line++
      if (text.trim() !== '') yield { line, ...fieldsOf(line === 1 ? text.replace(/^\ufeff/, '') : text) }
    }
  } catch (error) {
    refuseFile(file, Object(error))
  }
}

function fieldsOf(text: string): Pick<FileRecord, 'fields' | 'mistake'> {
  if (text.length > maxLine) return { fields: {}, mistake: 'the line is too long' }
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
      return { fields: {}, mistake: 'expected an object' }
    const doubled = doubledKey(text, fields)
    if (doubled !== undefined) return { fields: {}, mistake: `${doubled}: it is there twice` }
    return { fields: { ...fields } }
  } catch {
    return { fields: {}, mistake: 'not JSON' }
  }
}

/** A key that an object has twice, of which JSON.parse keeps the last: the text has more of them than the value. */
function doubledKey(text: string, value: object): string | undefined {
  // a text holds this at each key at least, and within values seldom: mostly the numbers are the same
  if (countIn(text, endOfKey) === countOfKeys(value)) return undefined
  const inText: string[] = []
  for (const [found, colon] of text.matchAll(stringInJson)) {
    if (colon !== undefined) inText.push(JSON.parse(found.slice(0, found.length - colon.length)))
  }
  const inValue = keysOf(value)
  if (inText.length === inValue.length) return undefined
  const left = new Map<string, number>()
  for (const key of inValue) left.set(key, (left.get(key) ?? 0) + 1)
  return inText.find((key) => {
    const rest = (left.get(key) ?? 0) - 1
    left.set(key, rest)
    return rest < 0
  })
}

const endOfKey = /"\s*:/g
const stringInJson = /"(?:[^"\\]|\\.)*"(\s*:)?/g

function countIn(text: string, pattern: RegExp): number {
  let count = 0
  pattern.lastIndex = 0
  while (pattern.test(text)) count++
  return count
}

function countOfKeys(value: unknown): number {
  let count = 0
  if (typeof value !== 'object' || value === null) return count
  if (Array.isArray(value)) for (const item of value) count += countOfKeys(item)
  else for (const item of Object.values(value)) count += 1 + countOfKeys(item)
  return count
}

function keysOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(keysOf)
  return Object.entries(value).flatMap(([key, item]) => [key, ...keysOf(item)])
}
