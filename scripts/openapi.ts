import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../src/app.ts'
import { backendDefinitions } from '../src/backends/index.ts'
import { readConfig } from '../src/config/read-config.ts'
import { openLatchkey } from '../src/latchkey.ts'
import { openLog } from '../src/log.ts'

const folder = await mkdtemp(join(tmpdir(), 'latchkey-openapi-'))
const config = await readConfig({ env: {}, definitions: backendDefinitions, cwd: folder })
const latchkey = await openLatchkey(config, await openLog('silent'))
const app = await createApp(latchkey.parts)
const { body } = await app.inject('/openapi.yaml')
await writeFile(new URL('../openapi.yaml', import.meta.url), body)
await app.close()
await latchkey.close()
await rm(folder, { recursive: true })
