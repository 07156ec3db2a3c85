#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { reserveThreads } from './threads.ts'

reserveThreads(availableParallelism())
// A second start neither strips types nor compiles again. Beside the packages, since whoever writes there runs code anyway.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/latchkey', import.meta.url)))

const [{ run }, { bearClosedPipes }, { bearUnawaited }, { forbidExit }] = await Promise.all([
  import('./cli/index.ts'),
  import('./cli/closed-pipe.ts'),
  import('./cli/unawaited.ts'),
  import('./own-backends/containment.ts')
])
bearUnawaited()
forbidExit()
process.exitCode = await run(process.argv.slice(2), bearClosedPipes)
// A backend of one's own may have left a timer or a connection behind.
setTimeout(() => process.exit(), 1000).unref()
