import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from './free-port.ts'
import { isListening, watchOver } from './lifetime.ts'

/** A real Redis for one test. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  /** Takes connections and answers nothing, until `resume`. */
  pause(): void
  resume(): void
  kill(): Promise<void>
  /** Starts it anew, empty, where it was. */
  restart(): Promise<void>
}

/** @param options.args such as `--requirepass` and a password */
export const startRedis = async (
  t: Pick<Test, 'teardown'>,
  options: { args?: readonly string[]; isTls?: boolean } = {}
): Promise<RedisServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  const port = await freePort()
  const ports = options.isTls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]
  const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  let server: ChildProcess | undefined
  let watch: ChildProcess | undefined
  const start = async (): Promise<void> => {
    server = spawn('redis-server', [...ports, ...settings, ...(options.args ?? [])], { stdio: 'ignore' })
    if (server.pid !== undefined) watch = watchOver(server.pid, folder)
    for (let tries = 0; !(await isListening(port)); tries++) {
      if (tries > 100 || server.exitCode !== null) throw new Error('redis-server does not start')
      await sleep(20)
    }
  }
  const kill = async (): Promise<void> => {
    watch?.kill('SIGKILL')
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
  await start()
  t.teardown(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    url: `${options.isTls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    port,
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    kill,
    restart: start
  }
}
