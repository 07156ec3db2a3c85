import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { openTestLatchkey, type TestLatchkey } from './latchkey.ts'

/** A whole service that listens on a free loopback port, in this process. */
export async function serve(
  t: Test,
  yaml: string,
  env: Record<string, string> = {}
): Promise<{ readonly url: string; readonly latchkey: TestLatchkey }> {
  const latchkey = await openTestLatchkey(t, yaml, env)
  await latchkey.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = latchkey.app.server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, latchkey }
}
