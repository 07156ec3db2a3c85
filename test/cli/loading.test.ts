import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'
import { startCollector } from '../servers/otlp-collector.ts'

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
  t.same(
    packages.filter((name) => name.startsWith('NativeModule')),
    [],
    'nor an HTTP client of Node’s own'
  )
  // prom-client loads the API for itself
  t.same(
    packages.filter((name) => name.startsWith('@opentelemetry/')),
    ['@opentelemetry/api']
  )
})

t.test(
  'the variables of OpenTelemetry are taken as its exporters take them, and all of it is loaded then only',
  async (t) => {
    const collector = await startCollector(t)
    const { folder, env, loaded } = await watched(t)
    const server = start(t, ['serve'], folder, {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=of%20all',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-key=of%20metrics',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=unheard',
      OTEL_SERVICE_NAME: 'logins'
    })
    await server.says('Latchkey serves')
    const url = `http://localhost:${env.LATCHKEY_PORT}`
    t.equal(
      (await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }) })).status,
      400
    )
    t.equal((await fetch(`${url}/.well-known/jwks.json`)).status, 200)
    t.equal(await server.end(), 0)
    t.same(new Set(collector.spans().map(({ name }) => name)), new Set(['POST /token', 'GET /.well-known/jwks.json']))
    t.ok(collector.spans().every(({ attributes }) => typeof attributes['http.response.status_code'] === 'number'))
    t.match(collector.spans()[0]?.resource, { 'deployment.environment.name': 'test', 'service.name': 'logins' })
    t.ok(collector.metrics().has('latchkey_backend_up'))
    const keys = collector.requests.map(({ path, headers }) => [path, headers['x-key'], headers['content-encoding']])
    t.same(keys.sort(), [
      ['/v1/metrics', 'of metrics', 'gzip'],
      ['/v1/traces', 'of all', 'gzip']
    ])
    t.ok((await loaded()).includes('@opentelemetry/sdk-trace'))
    t.notMatch(server.said(), /telemetry_unsent|of all/)
  }
)

t.test('other commands than serve tell nobody', async (t) => {
  const collector = await startCollector(t)
  const { folder, env, loaded } = await watched(t)
  const { code, stdout } = await command(t, ['check'], folder, {
    env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  })
  t.equal(code, 0, stdout)
  t.notOk((await loaded()).includes('@opentelemetry/sdk-trace'))
  t.equal(collector.requests.length, 0)
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
