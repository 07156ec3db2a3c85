import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { freePort } from './free-port.ts'

/** A real PostgreSQL for one test. */
export interface PostgresServer {
  /** The database `postgres` as a superuser. */
  readonly url: string
  sql(statements: string): Promise<string>
  kill(): Promise<void>
}

const run = promisify(execFile)

/** Debian keeps the server's programs beside its versions, and off the PATH. */
const folderOf = (): string | undefined => globSync('/usr/lib/postgresql/*/bin').sort().at(-1)

/** For a test's `skip`, as `needs`. */
export const needsPostgres = (): string | false =>
  folderOf() === undefined && 'needs postgres, which this machine does not have'

/** PostgreSQL does not want to be root. */
const asUser = (command: string, ...args: string[]): [string, string[]] =>
  process.getuid?.() === 0
    ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]]
    : [command, args]

export const startPostgres = async (t: Test): Promise<PostgresServer> => {
  const programs = folderOf() ?? ''
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-postgres-'))
  if (process.getuid?.() === 0) {
    const { stdout } = await run('id', ['-u', 'postgres'])
    await chown(folder, Number(stdout), -1)
  }
  const data = join(folder, 'data')
  const initialise = ['-D', data, '-U', 'latchkey', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C']
  await run(...asUser(join(programs, 'initdb'), ...initialise), { cwd: '/' })
  const port = await freePort()
  const own = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, '-c', 'fsync=off']
  const server: ChildProcess = spawn(...asUser(join(programs, 'postgres'), ...own), { stdio: 'ignore', cwd: '/' })
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGQUIT')
    await once(server, 'exit')
  }
  t.teardown(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  const url = `postgres://latchkey:secret@127.0.0.1:${port}/postgres`
  const sql = async (statements: string) =>
    (await run('psql', [url, '-v', 'ON_ERROR_STOP=1', '-Atc', statements])).stdout
  for (let tries = 0; ; tries++) {
    const answers = await sql('select 1').catch(() => undefined)
    if (answers) break
    if (tries > 100 || server.exitCode !== null) throw new Error('postgres does not start')
    await sleep(50)
  }
  return { url, sql, kill }
}
