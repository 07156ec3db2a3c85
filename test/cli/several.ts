import { run } from '../../src/cli/index.ts'

/** A process that runs one command line after another, as the parent sends them, and answers each exit code. */
process.on('message', async (args: string[]) => {
  process.send?.(await run(args))
})
