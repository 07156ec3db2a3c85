import type { Command } from 'commander'

/** Commands whose output has no end that is known beforehand, and that change nothing. */
const endless: readonly string[] = ['audit', 'dead', 'export', 'grants', 'list']

/**
 * Whoever reads what a command writes may have read enough, as `| head` has: then one that only lists ends, and any other
 * goes on unheard to its own exit code, since it may be in the midst of a change.
 */
export function bearClosedPipes(program: Command): void {
  let running = ''
  program.hook('preAction', (_program, action) => {
    running = action.name()
  })
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (endless.includes(running)) process.exit(0)
    })
  }
}
