import { execFile, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { freePort } from './free-port.ts'

const script = new URL('../../examples/compose/directory/start.sh', import.meta.url).pathname

/** Starts the directory of the examples, as the README and compose.yaml do; answers its URL. */
export async function startExampleDirectory(t: Test, password: string): Promise<string> {
  const url = `ldap://127.0.0.1:${await freePort()}`
  const env = { ...process.env, LDAP_PASSWORD: password, DIRECTORY_DATA: await temporaryFolder(t), DIRECTORY_URL: url }
  // It ends when our end of the pipe closes: however this process ends.
  const guard = 'sh "$0" & child=$!; cat; kill $child; wait $child'
  const child = spawn('sh', ['-c', guard, script], { env, stdio: ['pipe', 'ignore', 'ignore'] })
  t.teardown(() => new Promise((done) => child.once('close', done).stdin.end()))
  for (let tries = 0; tries < 500; tries++) {
    if (await answers(url)) return url
    await sleep(20)
  }
  throw new Error('the directory does not start')
}

/** The health check of compose.yaml. */
const answers = (url: string): Promise<boolean> =>
  promisify(execFile)('ldapsearch', ['-x', '-LLL', '-H', url, '-s', 'base', '-b', '', '1.1']).then(
    () => true,
    () => false
  )
