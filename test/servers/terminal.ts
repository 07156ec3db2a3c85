import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { Test } from 'tap'
import { python } from './needs.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname
/** Runs a command on a terminal of its own, whose keys come by standard input. It would have no columns otherwise. */
const onTerminal = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
const sized = ['sh', '-c', 'stty cols 120 rows 40; exec "$@"', 'sh']

/** A command line that thinks a person sits before it. */
export interface Terminal {
  /** Waits until this is shown, after what was waited for before. */
  shows(text: string): Promise<void>
  type(keys: string): void
  /** Everything that was shown, without what moves the cursor. */
  shown(): string
  /** The exit code. */
  ended(): Promise<number | null>
}

/** The keys that give up. */
export const ctrlC = '\u0003'
export const ctrlD = '\u0004'

/** Starts `latchkey ARGS` on a pseudo-terminal. */
export function startOnTerminal(t: Test, args: readonly string[], cwd: string): Terminal {
  const { PATH = '' } = process.env
  const child = spawn(python, ['-c', onTerminal, ...sized, process.execPath, main, ...args], {
    cwd,
    env: { PATH, HOME: cwd, TERM: 'xterm', LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  let raw = ''
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    raw += chunk
  })
  const shown = () => stripVTControlCharacters(raw)
  return {
    shown,
    type: (keys) => void child.stdin.write(keys),
    async shows(wanted) {
      for (let waited = 0; waited < 60_000; waited += 20) {
        const at = shown().indexOf(wanted, seen)
        if (at >= 0) {
          seen = at + wanted.length
          return
        }
        if (child.exitCode !== null) break
        await sleep(20)
      }
      throw new Error(`it did not show ${wanted}, but: ${shown()}`)
    },
    async ended() {
      const [code] = await exited
      return code
    }
  }
}
