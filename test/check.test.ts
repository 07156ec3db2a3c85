import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

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
