import type { Config } from '../config/config.ts'
import type { App } from '../http/server.ts'
import { Refused } from './refused.ts'

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken: set another port by LATCHKEY_PORT or listen.port, or end what has this one',
  EACCES: 'may not be opened by this user: set a port above 1023 by LATCHKEY_PORT or listen.port',
  EADDRNOTAVAIL: 'is no address of this machine: correct LATCHKEY_HOST or listen.host',
  ENOTFOUND: 'is no host that is known here: correct LATCHKEY_HOST or listen.host'
}

/** Listens where the configuration says. @throws {Refused} with the way out, where that can't be */
export async function listen(app: App, { listen: { host, port } }: Pick<Config, 'listen'>): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reason = reasons[code]
    throw reason === undefined ? error : new Refused(`${host} port ${port} ${reason} (${code})`)
  }
}
