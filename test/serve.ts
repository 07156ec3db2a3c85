import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { openTestLatchkey, type TestLatchkey } from './latchkey.ts'
import { freePort } from './servers/free-port.ts'

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

/** The same under its own issuer, for clients that compare it with where they found it. */
export async function serveIssuer(
  t: Test,
  yaml: string,
  env: Record<string, string> = {}
): Promise<{ readonly issuer: string; readonly latchkey: TestLatchkey }> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const latchkey = await openTestLatchkey(t, `issuer: ${issuer}\n${yaml}`, env)
  await latchkey.app.listen({ host: '127.0.0.1', port })
  return { issuer, latchkey }
}
