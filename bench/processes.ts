import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../test/servers/free-port.ts'
import type { Load, Measured } from './load.ts'

const root = new URL('../', import.meta.url).pathname

/** Things to be ended when a row is done, the last first. */
export interface Scope {
  teardown(end: () => unknown): void
}

/** Runs a row with its scope, and ends what it started whatever happens. */
export async function withScope<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result> {
  const ends: Array<() => unknown> = []
  try {
    return await work({ teardown: (end) => void ends.push(end) })
  } finally {
    for (const end of ends.reverse()) {
      try {
        await end()
      } catch (error) {
        process.stderr.write(`something did not end: ${error}\n`)
      }
    }
  }
}

/** Longer than a service takes to end by itself. */
const endPatienceMs = 30_000
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A temporary folder that goes with the scope. */
export async function folderOf(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  scope.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A server of its own process. */
export interface Served {
  readonly url: string
  readonly child: ChildProcess
  readonly folder: string
  /** Milliseconds from its start to the first 200. */
  readonly readyMs: number
  end(): Promise<void>
}

/** Starts the service as an operator would, its log in a file. */
export async function startLatchkey(
  scope: Scope,
  yaml: string | undefined,
  options: { env?: Record<string, string>; folder?: string } = {}
): Promise<Served> {
  const folder = options.folder ?? (await folderOf(scope))
  const port = await freePort()
  if (yaml !== undefined) await writeFile(join(folder, 'latchkey.yaml'), yaml)
  const env = { LATCHKEY_PORT: String(port), ...options.env }
  return startServer(scope, [join(root, 'bin/latchkey.js'), 'serve'], { folder, port, env, ready: '/livez' })
}

/**
 * Starts one of bench/ceilings/, which listens on the port that PORT says.
 * @param options.ready where it answers 200
 */
export async function startCeiling(
  scope: Scope,
  name: string,
  env: Record<string, string>,
  options: { yaml?: string; ready?: string } = {}
): Promise<Served> {
  const { yaml, ready = '/ready' } = options
  const folder = await folderOf(scope)
  const port = await freePort()
  if (yaml !== undefined) await writeFile(join(folder, 'latchkey.yaml'), yaml)
  const file = join(root, 'bench/ceilings', `${name}.ts`)
  return startServer(scope, [file], { folder, port, env: { PORT: String(port), ...env }, ready })
}

interface ServerOptions {
  readonly folder: string
  readonly port: number
  readonly env: Record<string, string>
  readonly ready: string
}

async function startServer(
  scope: Scope,
  args: readonly string[],
  { folder, port, env, ready }: ServerOptions
): Promise<Served> {
  const log = await open(join(folder, 'log'), 'a')
  const began = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    stdio: ['ignore', log.fd, log.fd]
  })
  running.add(child)
  const ended = once(child, 'exit').then(() => running.delete(child))
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), endPatienceMs)
    await ended
    clearTimeout(timer)
  }
  scope.teardown(end)
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url + ready).catch(() => undefined)
    if (answer?.ok) break
    if (child.exitCode !== null || tries > 4000) throw new Error(await readFile(join(folder, 'log'), 'utf8'))
    await sleep(5)
  }
  await log.close()
  return { url, child, folder, readyMs: performance.now() - began, end }
}

/** Puts load on a server from a process of its own. */
export async function load(given: Load): Promise<Measured> {
  const loader = spawn(process.execPath, [join(root, 'bench/load.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  loader.stdin.end(JSON.stringify(given))
  return (await json(loader.stdout)) as Measured
}

/** The same, where every answer must be a success. */
export async function soundLoad(given: Load): Promise<Measured> {
  const measured = await load(given)
  const { answers, failed, statuses } = measured
  if (failed > 0 || answers === 0)
    throw new Error(`${given.url}: ${failed} of ${answers} requests failed: ${JSON.stringify(statuses)}`)
  return measured
}

/** Runs one of bench/ceilings/ that measures something itself and prints a number. */
export async function figure(name: string, env: Record<string, string>): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bench/ceilings', `${name}.ts`)], {
    env: { PATH: process.env.PATH, ...env }
  })
  return Number(stdout)
}

/** A process's resident memory in MiB. */
export async function residentMiB({ child }: Served): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/** How many sockets a process has open. */
export async function socketsOf({ child }: Served): Promise<number> {
  const folder = `/proc/${child.pid}/fd`
  const targets = (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => ''))
  return (await Promise.all(targets)).filter((target) => target.startsWith('socket:')).length
}

export const form = { 'content-type': 'application/x-www-form-urlencoded' } as const

/** A login as a form. */
export const loginBody = (username: string, password: string): string =>
  new URLSearchParams({ grant_type: 'password', username, password }).toString()

/** Gets an access token. */
export async function tokenOf({ url }: Served, username: string, password: string): Promise<string> {
  const answer = await fetch(`${url}/token`, { method: 'POST', headers: form, body: loginBody(username, password) })
  const { access_token } = (await answer.json()) as { access_token?: string }
  if (access_token === undefined) throw new Error(`no token for ${username}: ${answer.status}`)
  return access_token
}
