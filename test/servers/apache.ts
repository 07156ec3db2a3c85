import { spawn } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { freePort } from './free-port.ts'
import { pathOf } from './needs.ts'
import { untilListening } from './nginx.ts'

const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'auth_openidc']

/** Apache httpd with mod_auth_openidc and these lines, in front of one page; it ends with the test. */
export async function startApache(t: Test, lines: string): Promise<string> {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'www'))
  await writeFile(join(folder, 'www', 'index.html'), 'a page')
  await writeFile(
    join(folder, 'httpd.conf'),
    `ServerRoot ${folder}
ServerName localhost
DefaultRuntimeDir ${folder}
PidFile ${folder}/httpd.pid
Mutex file:${folder} default
Listen 127.0.0.1:${port}
ErrorLog ${folder}/error.log
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
DocumentRoot ${folder}/www
${lines}
`
  )
  const args = ['-f', join(folder, 'httpd.conf'), '-DFOREGROUND']
  const child = spawn(pathOf('apache2') ?? 'apache2', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await untilListening(t, child, port)
  return `http://127.0.0.1:${port}`
}
