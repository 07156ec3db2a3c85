import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import createClient from 'openapi-fetch'
import t from 'tap'
import { parse } from 'yaml'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { serve } from '../serve.ts'

const root = new URL('../../', import.meta.url).pathname
const committed = join(root, 'openapi.yaml')
const yaml = 'publicClient: true\nbackends: [{ id: local, type: local }]'
const password = 'correct horse battery'

t.test('openapi.yaml is what the routes say', async (t) => {
  const { app } = await openTestLatchkey(t, yaml)
  const { body: document, headers } = await app.inject('/openapi.yaml')
  t.equal(headers['content-type'], 'application/yaml')
  t.equal(readFileSync(committed, 'utf8'), document, 'else: npm run generate')
  const json = (await app.inject('/openapi.json')).json()
  t.equal(json.openapi, '3.1.0')
  const paths = Object.keys(json.paths)
  for (const path of ['/token', '/userinfo', '/.well-known/jwks.json', '/livez', '/readyz', '/status', '/metrics']) {
    t.ok(paths.includes(path), path)
  }
  const page = await app.inject('/docs/')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], /^text\/html/)
})

t.test('the page has all its parts below the issuer, and none from elsewhere', async (t) => {
  const { app } = await openTestLatchkey(t, `issuer: http://localhost:8000/auth/v2\n${yaml}`)
  const { body, headers } = await app.inject('/auth/v2/docs')
  const parts = Array.from(body.matchAll(/(?:src|href)="([^"]+)"/g), ([, url = '']) => url)
  t.ok(parts.length > 5, `${parts.length} parts`)
  for (const url of parts) {
    t.match(url, /^\/auth\/v2\/docs\/static\//)
    t.equal((await app.inject(url)).statusCode, 200, url)
  }
  const policy = String(headers['content-security-policy'])
  t.match(policy, /default-src 'self'/)
  t.notMatch(policy, /https:|upgrade-insecure-requests|unsafe|[a-z]\.[a-z]/, policy)
})

t.test('every body that is sent or answered has an example, and each fits its schema', async (t) => {
  const document = parse(readFileSync(committed, 'utf8'))
  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema({ $id: 'openapi', ...document })
  const named: Record<string, Node> = document.components.schemas
  const isShown = (node: Node, seen: readonly string[] = []): boolean => {
    const name = String(node.$ref ?? '').replace('#/components/schemas/', '')
    if (name !== '') return !seen.includes(name) && isShown(named[name] ?? {}, [...seen, name])
    if (['example', 'examples'].some((key) => Object.hasOwn(node, key))) return true
    const { schema, items, properties = {}, anyOf = [], oneOf = [] } = node as Parts
    return [schema, items, ...Object.values(properties), ...anyOf, ...oneOf].some((part) => part && isShown(part, seen))
  }
  let count = 0
  const fit = (pointer: string, examples: readonly unknown[]): void => {
    const validate = ajv.compile({ $ref: `openapi#${encodeURI(pointer)}` })
    for (const example of examples) t.ok(validate(example), `${pointer} ${JSON.stringify(validate.errors)}`)
    count += examples.length
  }
  const walk = (node: Node, pointer: string): void => {
    const { examples = [] } = node
    if (/\/content\/[^/]+$/.test(pointer)) {
      t.ok(isShown(node), pointer)
      fit(
        `${pointer}/schema`,
        Object.values(examples as Record<string, Node>).map(({ value }) => value)
      )
    } else if (Array.isArray(examples) && examples.length > 0) fit(pointer, examples)
    for (const [key, part] of Object.entries(node)) {
      const step = key.replaceAll('~', '~0').replaceAll('/', '~1')
      if (typeof part === 'object' && part !== null && key !== 'examples') walk(part as Node, `${pointer}/${step}`)
    }
  }
  walk(document, '')
  t.ok(count > 400, `${count} examples`)
})

t.test('it passes the linter', async (t) => {
  const { status, stdout, stderr } = run('redocly', ['lint', '--config', join(root, 'redocly.yaml'), committed])
  t.equal(status, 0, stdout + stderr)
})

t.test('a client generated from it logs in', async (t) => {
  const folder = await temporaryFolder(t)
  const types = join(folder, 'api.d.ts')
  const generated = run('openapi-typescript', [committed, '-o', types])
  t.equal(generated.status, 0, generated.stderr)
  t.match(readFileSync(types, 'utf8'), /PasswordGrant: \{/)

  const server = await serve(t, yaml)
  await server.latchkey.addUser({ email: 'alice@example.com', password })
  const client = createClient<Paths>({ baseUrl: server.url })
  const { data, error } = await client.POST('/token', {
    body: { grant_type: 'password', username: 'alice@example.com', password }
  })
  t.equal(error, undefined)
  const headers = { Authorization: `Bearer ${data?.access_token}` }
  const { data: user } = await client.GET('/userinfo', { headers })
  t.equal(user?.email, 'alice@example.com')

  writeFileSync(join(folder, 'use.ts'), program)
  const checked = run('tsc', ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', join(folder, 'use.ts')])
  t.equal(checked.status, 0, `the generated types fit: ${checked.stdout}`)
})

type Node = Readonly<Record<string, unknown>>

/** Where else in a schema an example may stand. */
interface Parts {
  readonly schema?: Node
  readonly items?: Node
  readonly properties?: Readonly<Record<string, Node>>
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
}

/** What the generated types say of the two operations, for the client at run time; `program` holds them to it. */
interface Paths {
  '/token': {
    post: {
      requestBody: { content: { 'application/json': { grant_type: 'password'; username: string; password: string } } }
      responses: { 200: { content: { 'application/json': { access_token: string } } } }
    }
  }
  '/userinfo': { get: { responses: { 200: { content: { 'application/json': { email: string } } } } } }
}

const program = `
import type { paths } from './api.d.ts'
type Body = paths['/token']['post']['requestBody']['content']['application/json']
export const body: Body = { grant_type: 'password', username: 'a', password: 'b' }
// @ts-expect-error: the password is required
export const bad: Body = { grant_type: 'password', username: 'a' }
type Answer = paths['/token']['post']['responses'][200]['content']['application/json']
export const token = (answer: Answer): string => answer.access_token
type User = paths['/userinfo']['get']['responses'][200]['content']['application/json']
export const email = (user: User): string => user.email
`

function run(command: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NODE_OPTIONS: '' }
  return spawnSync(join(root, 'node_modules/.bin', command), args, { encoding: 'utf8', env, cwd: root })
}
