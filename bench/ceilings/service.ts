import { createApp } from '../../src/app.ts'
import type { Audit } from '../../src/auth/audit.ts'
import { backendDefinitions } from '../../src/backends/index.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { openLatchkey } from '../../src/latchkey.ts'
import { openLog } from '../../src/log.ts'

/** The service as `serve` opens it; with AUDIT=none no event is written into table or log, but what goes along with it. */
const { PORT, AUDIT } = process.env
const env = { LATCHKEY_PORT: String(PORT) }
const config = await readConfig({ path: 'latchkey.yaml', env, definitions: backendDefinitions, cwd: process.cwd() })
const { parts, store } = await openLatchkey(config, await openLog(config.log.level))
const none: Audit = {
  async record(_act, _log, along = []) {
    await store.audit.append(
      [],
      along.map(({ write }) => write)
    )
  },
  limited() {}
}
const app = await createApp(AUDIT === 'none' ? { ...parts, audit: none } : parts)
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
