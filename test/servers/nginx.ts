import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { freePort } from './free-port.ts'
import { pathOf } from './needs.ts'

/** nginx on a free port with these locations, and an upstream called `blog`; it ends with the test. */
export async function startNginx(t: Test, locations: string, blogPort: number): Promise<string> {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await mkdir(join(folder, 'tmp'))
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/tmp/${name};`).join('\n  ')}
  upstream blog { server 127.0.0.1:${blogPort}; }
  server {
    listen 127.0.0.1:${port};
${locations}
  }
}
`
  )
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']
  const child = spawn(pathOf('nginx') ?? 'nginx', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await untilListening(t, child, port)
  return `http://127.0.0.1:${port}`
}

/** Waits until a server of ours accepts connections; it ends with the test. */
export async function untilListening(t: Test, child: ChildProcess, port: number): Promise<void> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  for (let waited = 0; waited < 10_000 && child.exitCode === null; waited += 20) {
    if (await listens(port)) return
    await sleep(20)
  }
  throw new Error(`it did not start: ${said}`)
}

async function listens(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
