import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'

/** A real MariaDB for one test file. */
export interface MariadbServer {
  readonly port: number
  /** A database of its own: `mysql://latchkey:secret@127.0.0.1:port/name`, made when it is not there. */
  database(name: string): Promise<string>
  /** Runs statements as root. */
  sql(statements: string): Promise<string>
  /** Stops answering, with its connections open. */
  pause(): Promise<void>
  resume(): void
  /** Dies at once, and starts again on the same port and data. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const run = promisify(execFile)

/** Nobody but root may become another user, and mariadbd does not want to be root. */
const asUser = process.getuid?.() === 0 ? ['--user=mysql'] : []

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => resolve(true) ?? socket.destroy())
    socket.once('error', () => resolve(false))
  })

/** Ends the server when this process dies, however it does: its end of the pipe closes then. */
const watch = (server: ChildProcess, folder: string): ChildProcess => {
  const script = 'read _; kill -9 "$0"; rm -rf "$1"'
  const watchdog = spawn('sh', ['-c', script, String(server.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true
  })
  watchdog.unref()
  return watchdog
}

/** @param options more options for mariadbd, such as `--character-set-server=latin1` */
export const startMariadb = async (options: readonly string[] = []): Promise<MariadbServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-mariadb-'))
  await chmod(folder, 0o755)
  const data = join(folder, 'data')
  const socket = join(data, 'socket')
  // in a shared one, each that starts removes the others' tables
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  await chmod(temporary, 0o1777)
  const shared = ['--no-defaults', `--datadir=${data}`, `--tmpdir=${temporary}`, ...asUser]
  await run('mariadb-install-db', [...shared, '--auth-root-authentication-method=normal', '--skip-test-db'])
  const port = await freePort()

  let server: ChildProcess | undefined
  let watchdog: ChildProcess | undefined
  const start = async () => {
    const own = [
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      `--socket=${socket}`,
      '--pid-file=pid',
      '--skip-name-resolve'
    ]
    const quick = ['--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=16M']
    server = spawn('mariadbd', [...shared, ...own, ...quick, ...options], { stdio: 'ignore' })
    watchdog = watch(server, folder)
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries > 600 || server.exitCode !== null) throw new Error('mariadbd does not start')
      await sleep(50)
    }
  }
  const kill = async () => {
    const mine = server
    if (mine === undefined || mine.exitCode !== null || mine.signalCode !== null) return
    watchdog?.kill()
    mine.kill('SIGKILL')
    await once(mine, 'exit')
  }
  await start()

  const sql = async (statements: string) => {
    const { stdout } = await run('mariadb', [
      '--no-defaults',
      '--default-character-set=utf8mb4',
      '-uroot',
      `--socket=${socket}`,
      '-N',
      '-e',
      statements
    ])
    return stdout
  }
  return {
    port,
    sql,
    async database(name) {
      await sql(
        `create database if not exists ${name}; create user if not exists latchkey@'%' identified by 'secret'; ` +
          `grant all on ${name}.* to latchkey@'%'`
      )
      return `mysql://latchkey:secret@127.0.0.1:${port}/${name}`
    },
    async pause() {
      server?.kill('SIGSTOP')
      // its threads stop one after the other
      await sleep(100)
    },
    resume: () => void server?.kill('SIGCONT'),
    kill,
    start,
    async stop() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    }
  }
}
