import type { Command } from 'commander'

/** Commands whose output has no end that is known beforehand, and that change nothing. */
const endless: readonly string[] = ['audit', 'dead', 'export', 'grants', 'list']

/**
 * Whoever reads what a command writes may have read enough, as `| head` has: then one that only lists ends, and any other
 * goes on unheard to its own exit code, since it may be in the midst of a change.
 */
export function bearClosedPipes(program: Command): void {
  let running = ''
  let isUnwritten = false
  program.hook('preAction', (_program, action) => {
    running = action.name()
  })
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      const isClosed = error.code === 'EPIPE'
      if (!isClosed && !isUnwritten) tellUnwritten(error, stream)
      isUnwritten ||= !isClosed
      if (endless.includes(running)) process.exit(isClosed ? 0 : 1)
    })
  }
}

/** A full disk, say: a change goes on to its end, and is no success, since nobody was told of it. */
function tellUnwritten({ message }: Error, stream: NodeJS.WriteStream): void {
  process.once('exit', () => {
    process.exitCode ||= 1
  })
  if (stream === process.stdout) process.stderr.write(`standard output can't be written: ${message}\n`)
}
