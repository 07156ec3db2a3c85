import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { temporaryFolder } from './latchkey.ts'

const cwd = new URL('..', import.meta.url).pathname

/** What a program of ours says when it finds something. */
const complaints = (program: string, ...args: string[]): Promise<string> =>
  promisify(execFile)(`node_modules/.bin/${program}`, args, { cwd, maxBuffer: 64 * 1024 * 1024 }).then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`
  )

t.test('the types are right', async (t) => {
  t.equal(await complaints('tsc'), '')
})

t.test('lint and format find nothing', async (t) => {
  t.equal(await complaints('biome', 'check', '--colors=off', '.'), '')
})

t.test('.ci/run closes with the count, and fails with whatever fails', async (t) => {
  const folder = await temporaryFolder(t)
  const cases: ReadonlyArray<readonly [npmTest: string, last: string, code: number]> = [
    ['echo "12 passed, 0 failed, 1 skipped"', '12 passed, 0 failed', 0],
    ['echo "12 passed, 2 failed"; echo "npm error" >&2; exit 1', '12 passed, 2 failed', 1],
    ['echo "12 passed, 0 failed"; exit 3', '12 passed, 1 failed', 1],
    ['echo crashed; exit 3', '0 passed, 1 failed', 1],
    ['echo nothing', '0 passed, 1 failed', 1]
  ]
  for (const [npmTest, last, wanted] of cases) {
    await writeFile(join(folder, 'npm'), `#!/bin/sh\n[ "$1" = ci ] && exit\n${npmTest}\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` }
    const { code, stdout } = await promisify(execFile)(join(cwd, '.ci/run'), { env }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout })
    )
    t.same([stdout.trimEnd().split('\n').at(-1), code], [last, wanted], npmTest)
  }
})
