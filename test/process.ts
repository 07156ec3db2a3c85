import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

const main = new URL('../src/main.ts', import.meta.url).pathname

/** A process of Latchkey's command line, with what it has said so far. */
export interface Running {
  readonly child: ChildProcess
  said(): string
  /** Waits until standard output or error hold this. */
  says(text: string | RegExp): Promise<void>
  /** Sends a signal and answers the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `latchkey ARGS` in a folder with nothing in its environment but PATH and what is given. */
export function start(
  t: { teardown(end: () => unknown): unknown },
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {}
): Running {
  const { PATH = '', HOME = cwd } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ['pipe', 'pipe', 'pipe']
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const ended = once(child, 'close')
  const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal)
    await ended
    return child.exitCode
  }
  t.teardown(() => end('SIGKILL'))
  return {
    child,
    said: () => text,
    end,
    async says(wanted) {
      for (let waited = 0; waited < 20_000; waited += 20) {
        if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return
        if (child.exitCode !== null) break
        await sleep(20)
      }
      throw new Error(`it did not say ${wanted}, but: ${text}`)
    }
  }
}

/** Runs `latchkey ARGS` to its end. */
export async function command(
  t: Test,
  args: readonly string[],
  cwd: string,
  options: { env?: Record<string, string>; input?: string } = {}
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { PATH = '', HOME = cwd } = process.env
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { PATH, HOME, ...options.env } })
  t.teardown(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  child.stdin.end(options.input ?? '')
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}
