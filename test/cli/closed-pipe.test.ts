import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'

const unwritten = "standard output can't be written: ENOSPC: no space left on device, write\n"
const main = new URL('../../src/main.ts', import.meta.url).pathname

t.test('whoever reads no further, as `| head` does, is no mistake', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), 'publicClient: true\nbackends: [{ id: local, type: local }]\n')
  const users = Array.from({ length: 2000 }, (_, n) => `{"email":"u${n}@example.com"}\n`).join('')
  t.equal((await command(t, ['users', 'import', '-'], folder, { input: users })).code, 0)

  /** Runs a command whose standard output nobody reads from the start on. */
  const unheard = async (...args: string[]): Promise<{ code: number | null; stderr: string }> => {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    await once(child, 'close')
    return { code: child.exitCode, stderr }
  }
  const lists = [
    ['users', 'list'],
    ['users', 'list', '--json'],
    ['users', 'export'],
    ['audit'],
    ['permissions', 'list']
  ]
  for (const args of [...lists, ['--help'], ['check'], ['check', '--schema']])
    t.same(await unheard(...args), { code: 0, stderr: '' }, args.join(' '))
  const unknown = await unheard('explain', 'nobody')
  t.match([unknown.code, unknown.stderr], [1, /^nobody would be logged in/], 'the exit code is the same')

  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  for (const args of [['users', 'export'], ['users', 'list'], ['check'], ['groups', 'create', 'full'], ['--help']]) {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', full, 'pipe'] })
    const [stderr] = await Promise.all([child.stderr && text(child.stderr), once(child, 'close')])
    t.same([child.exitCode, stderr], [1, unwritten], `${args.join(' ')} on a full disk`)
  }
  t.match((await command(t, ['groups', 'list'], folder)).stdout, /full/, 'what was to be done is done there too')

  t.same(await unheard('groups', 'create', 'editors', '--json'), { code: 0, stderr: '' })
  t.match((await command(t, ['groups', 'list'], folder)).stdout, /editors/, 'what was to be done is done')
  t.match((await command(t, ['audit', '--json', '--limit', '1'], folder)).stdout, /groups\.create/, 'and written down')
})
