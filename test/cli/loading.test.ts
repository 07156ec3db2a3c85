import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

const hook = new URL('report-packages.ts', import.meta.url).href

/** The environment in which a process tells the packages that it has loaded, and their names once it has ended. */
async function watched(t: Test): Promise<{ folder: string; env: Record<string, string>; loaded(): Promise<string[]> }> {
  const folder = await temporaryFolder(t)
  const PACKAGES = join(folder, 'packages')
  const loaded = async () => (await readFile(PACKAGES, 'utf8')).split('\n')
  return { folder, env: { NODE_OPTIONS: `--import=${hook}`, PACKAGES, LATCHKEY_PORT: `${await freePort()}` }, loaded }
}

t.test('the server loads nothing that only other commands or a page need', async (t) => {
  const { folder, env, loaded } = await watched(t)
  const server = start(t, ['serve'], folder, env)
  await server.says('Latchkey serves')
  t.equal((await fetch(`http://localhost:${env.LATCHKEY_PORT}/livez`)).status, 200)
  t.equal(await server.end(), 0)
  const packages = await loaded()
  for (const name of ['fastify', 'drizzle-orm', 'commander']) t.ok(packages.includes(name), name)
  for (const name of [
    'typebox',
    'yaml',
    'jose',
    'undici',
    '@fastify/swagger',
    '@fastify/swagger-ui',
    '@clack/prompts',
    'mysql2',
    'ajv',
    '@fastify/ajv-compiler',
    'ldapts'
  ]) {
    t.notOk(packages.includes(name), name)
  }
})

t.test('a command on users loads no server', async (t) => {
  const { folder, env, loaded } = await watched(t)
  const { code, stderr } = await command(t, ['users', 'list'], folder, { env })
  t.equal(code, 0, stderr)
  const packages = await loaded()
  t.ok(packages.includes('drizzle-orm'))
  for (const name of ['fastify', 'typebox', 'jose', 'prom-client', 'fast-jwt', 'ajv', '@clack/prompts', 'mysql2']) {
    t.notOk(packages.includes(name), name)
  }
})
