import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'

/** What a running server writes down about itself, for `latchkey reload`. */
export interface ServerRecord {
  readonly pid: number
  /** When the process started, in a word of the system's: another process with this number has another one. */
  readonly started: string
  /** Reloads that ended. */
  readonly reloads: number
  /** Whether one is under way. */
  readonly reloading: boolean
  /** Why the last one was refused; absent: it was not. */
  readonly mistakes?: string
}

/** The file of a running server. */
export interface PidFile {
  write(record: Pick<ServerRecord, 'reloads' | 'reloading' | 'mistakes'>): void
  /** Removes it, if it is still this process's. */
  remove(): void
}

/** Beside an embedded database; with MySQL in a folder of the user's own among the temporary ones, by the configuration. */
export function pidFilePath({ database, file, baseFolder }: Config): string {
  if (database.dialect === 'sqlite') return join(dirname(database.file), 'latchkey.pid')
  const name = createHash('sha256')
    .update(file ?? baseFolder)
    .digest('hex')
    .slice(0, 16)
  return join(tmpdir(), `latchkey-${userInfo().uid}`, `${name}.pid`)
}

/** Begins the record of this process. Another server's that still runs is left alone: only by a signal is this one reached then. */
export function openPidFile(path: string): PidFile | undefined {
  const started = startOf(process.pid)
  makeFolder(dirname(path))
  const before = readRecord(path)
  if (before !== undefined && before.pid !== process.pid && isRunning(before)) return undefined
  const own = { pid: process.pid, started: started ?? '' }
  const file: PidFile = {
    write: (record) => writeWhole(path, JSON.stringify({ ...own, ...record })),
    remove() {
      if (readRecord(path)?.pid === process.pid) unlinkSync(path)
    }
  }
  file.write({ reloads: 0, reloading: false })
  return file
}

/** The record in a file; `undefined` where there is none that can be believed. */
export function readRecord(path: string): ServerRecord | undefined {
  try {
    const { uid, mode } = lstatSync(path)
    const isOurs = process.getuid === undefined || process.getuid() === 0 || uid === process.getuid()
    if (!isOurs || (mode & 0o022) !== 0) return undefined
    const record: ServerRecord = JSON.parse(readFileSync(path, 'utf8'))
    return Number.isSafeInteger(record?.pid) && record.pid > 0 ? record : undefined
  } catch {
    return undefined
  }
}

/** Whether the process that wrote a record still runs: a number alone may be another's by now. */
export const isRunning = ({ pid, started }: ServerRecord): boolean => started !== '' && startOf(pid) === started

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return startByPs(pid)
  }
}

function startByPs(pid: number): string | undefined {
  try {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', timeout: 2_000 })
    return stdout.trim() || undefined
  } catch {
    return undefined
  }
}

/** A folder that others could write into would let them choose whom we send a signal to. */
function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(folder)
  if (!folder.startsWith(tmpdir()) || process.getuid === undefined) return
  if (uid !== process.getuid() || (mode & 0o022) !== 0) throw new Error(`${folder} is somebody else's`)
}

function writeWhole(path: string, text: string): void {
  const draft = `${path}.${randomUUID()}`
  writeFileSync(draft, `${text}\n`, { mode: 0o600, flag: 'wx' })
  renameSync(draft, path)
}
