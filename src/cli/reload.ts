import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { configOf } from './configuration.ts'
import { isRunning, pidFilePath, readRecord, type ServerRecord } from './pid-file.ts'
import { Refused } from './refused.ts'

const timeoutMs = 60_000
const lookEveryMs = 50

/** `latchkey reload`: lets the server that runs with this configuration read it again. */
export async function reload(command: Command): Promise<void> {
  if (process.platform === 'win32') throw new Refused('Windows has no SIGHUP: restart the service')
  const path = pidFilePath(await configOf(command))
  const before = recordIn(path)
  // One that is under way may have read the configuration before it was changed.
  const wanted = before.reloads + (before.reloading ? 2 : 1)
  process.kill(before.pid, 'SIGHUP')
  const after = await afterReload(path, wanted)
  if (after.mistakes !== undefined) throw new Refused(`the configuration stays as it was\n${after.mistakes}`)
  process.stdout.write('reloaded\n')
}

function recordIn(path: string): ServerRecord {
  const record = readRecord(path)
  if (record === undefined)
    throw new Refused(`no server of this configuration runs: ${path} is not there, or not to be believed`)
  if (!isRunning(record)) throw new Refused(`no server of this configuration runs: ${path} is left from one that ended`)
  return record
}

async function afterReload(path: string, wanted: number): Promise<ServerRecord> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += lookEveryMs) {
    await sleep(lookEveryMs)
    const record = recordIn(path)
    if (record.reloads >= wanted) return record
  }
  throw new Refused(`the server did not answer within ${timeoutMs / 1000} s: see its log`)
}
