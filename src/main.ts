#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { reserveThreads } from './threads.ts'

reserveThreads(availableParallelism())
// A second start neither strips types nor compiles again. Beside the packages, since whoever writes there runs code anyway.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/latchkey', import.meta.url)))

const [{ run }, { bearClosedPipes }] = await Promise.all([import('./cli/index.ts'), import('./cli/closed-pipe.ts')])
process.exitCode = await run(process.argv.slice(2), bearClosedPipes)
