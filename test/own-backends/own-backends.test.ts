import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { backendDefinitions as definitions } from '../../src/backends/index.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { openLatchkey } from '../../src/latchkey.ts'
import { openLog } from '../../src/log.ts'
import { claimsOf, openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

const root = new URL('../..', import.meta.url).pathname
const example = join(root, 'examples/dictionary-backend')

/** A folder with a module, and a configuration whose only backend it is. */
async function folderWith(t: Test, source: string, { options = '', name = 'company.ts' } = {}): Promise<string> {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, name), source)
  await writeFile(join(folder, 'latchkey.yaml'), yamlOf(options, name))
  return folder
}

const yamlOf = (options = '', name = 'company.ts') =>
  `publicClient: true\nlimits: { ip: false, account: false }\nlogin: { failureFloor: 1ms }\nbackends: [{ id: company, type: ./${name}, timeout: 300ms${options} }]\n`

const load = (cwd: string) => readConfig({ env: {}, definitions, cwd })
const mistakesIn = (cwd: string): Promise<string> =>
  load(cwd).then(
    () => 'none',
    ({ message }) => message
  )

/** A module around the body of `authenticate`, where `ann` is an identity. */
const moduleOf = (authenticate: string, more = '') => `
import { BackendUnavailable, defineBackend, Type } from 'latchkey'
const ann = { subject: 'ann', username: 'ann', emails: ['ann@example.com'], attributes: {} }
const accepted = { outcome: 'accepted', identity: ann }
export default defineBackend({
  options: Type.Object({ level: Type.Integer({ default: 3, minimum: 1 }), url: Type.Optional(Type.String()) }),
  open: (id, { level }) => ({
    takes: ['password'],
    async authenticate(credentials: any, context: any): Promise<any> { ${authenticate} },
    ${more}
  })
})`

t.test('the example: its own tests, and the service with it', async (t) => {
  const { NODE_OPTIONS: _tap, ...env } = process.env
  const file = join(example, 'backend.test.ts')
  const tested = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], {
    env,
    cwd: root
  })
  t.match(tested.stdout, /^# fail 0$/m)
  t.match(tested.stdout, /^# pass (1[89]|[2-9]\d)$/m, 'the whole suite was run')

  const folder = await temporaryFolder(t)
  await cp(join(example, 'backend.ts'), join(folder, 'backend.ts'))
  const yaml = await readFile(join(example, 'latchkey.yaml'), 'utf8')
  const latchkey = await openTestLatchkey(t, yaml, {}, folder)
  const ada = claimsOf(await latchkey.accessToken('ada', 'correct horse battery'))
  t.match(ada, { email: 'ada@example.com', name: 'Ada Lovelace', backend: 'dictionary' })
  t.same(ada.permissions, ['blog.add_post', 'blog.delete_post'])
  t.same(claimsOf(await latchkey.accessToken('bob', 'correct horse battery')).permissions, [])
  t.equal((await latchkey.token({ username: 'ada', password: 'wrong', grant_type: 'password' })).statusCode, 400)

  const check = await command(t, ['check'], folder)
  t.match(check.stdout, 'ok   backend dictionary (./backend.ts)')
  const explain = await command(t, ['explain', 'ada', '--permission', 'blog.add_post'], folder)
  t.match(explain.stdout, 'the magic admin')
  const schema = JSON.parse((await command(t, ['check', '--schema'], folder)).stdout)
  t.match(schema.$defs['backend--backend-ts'].properties, {
    admin: { type: 'string' },
    type: { const: './backend.ts' }
  })
})

t.test('its options are read as those of every type: all mistakes at once', async (t) => {
  const source = moduleOf('return accepted').replace(
    'open:',
    "mistakes: ({ url }) => url === 'x' ? [{ path: '/url', message: 'is not there' }] : [],\n  open:"
  )
  const folder = await folderWith(t, source, { options: ', level: 0, lvel: 1, onRejected: never' })
  const text = await mistakesIn(folder)
  t.match(text, 'backends[0].level: expected a whole number, at least 1')
  t.match(text, 'backends[0].lvel: unknown key: did you mean level?')
  t.match(text, 'backends[0].onRejected: expected next or stop')
  await writeFile(join(folder, 'latchkey.yaml'), yamlOf(', url: x'))
  t.match(await mistakesIn(folder), 'backends[0].url: is not there')
  await writeFile(join(folder, 'latchkey.yaml'), yamlOf())
  t.match((await load(folder)).backends[0]?.options, { level: 3 }, 'defaults are filled in')
})

const schema = "import { defineBackend, Type } from 'latchkey'\nconst options = Type.Object({})\n"
const authenticate = "takes: ['password'], async authenticate() { return { outcome: 'unknown' } }"
const broken: ReadonlyArray<readonly [name: string, source: string, says: RegExp]> = [
  ['a syntax error', 'export default {\n  a: = 3 }', /company\.ts: can't be loaded \(line 2\): SyntaxError/],
  [
    'a throw at import',
    "export default 1\nthrow new RangeError('no luck')",
    /can't be loaded \(line 2\): RangeError: no luck/
  ],
  ['a throw of no error', 'throw undefined', /can't be loaded: undefined, no Error/],
  [
    'a missing import',
    "import './nowhere.ts'\nexport default 1",
    /can't be loaded: Error: Cannot find module .*nowhere\.ts/
  ],
  [
    'a missing package',
    "import 'no-such-package'\nexport default 1",
    /can't be loaded: Error: Cannot find package 'no-such-package'/
  ],
  ['no default export', `${schema}export const backend = 1`, /has no default export/],
  ['a default export that is none', 'export default 7', /its default export is a number/],
  ['null', 'export default null', /its default export is null/],
  ['no open', `${schema}export default { options }`, /its open is missing: expected a function/],
  ['an unknown key', `${schema}export default { options, open() {}, opne: 1 }`, /unknown key "opne"/],
  ['vouches', `${schema}export default { options, open() {}, vouches: 'yes' }`, /its vouches is none of/],
  ['no options', `${schema}export default { open() {} }`, /its options is missing: make it with Type/],
  ['options that are JSON Schema', "export default { options: { type: 'object' }, open() {} }", /no schema of TypeBox/],
  ['options of another kind', `${schema}export default { options: Type.String(), open() {} }`, /must be a Type.Object/],
  [
    'a schema of an older TypeBox',
    "export default { options: { [Symbol.for('TypeBox.Kind')]: 'Object', type: 'object' }, open() {} }",
    /a schema of @sinclair\/typebox/
  ],
  [
    'one within',
    `${schema}export default { options: Type.Object({ a: Type.Array({ type: 'string' }) }), open() {} }`,
    /its options\.a\[\] is no schema of TypeBox/
  ],
  [
    'a pattern that is none',
    `${schema}export default { options: Type.Object({ a: Type.String({ pattern: '(' }) }), open() {} }`,
    /its options\.a has a pattern that is no regular expression/
  ],
  [
    'an option of all',
    `${schema}export default { options: Type.Object({ timeout: Type.String() }), open() {} }`,
    /its option timeout is one that every backend has/
  ],
  [
    'mistakes that throws',
    `${schema}export default { options, open() {}, mistakes() { throw new Error('oh') } }`,
    /company\.ts: mistakes threw Error: oh/
  ],
  [
    'mistakes that answers garbage',
    `${schema}export default { options, open() {}, mistakes: () => [1] }`,
    /company\.ts: mistakes answered something else/
  ]
]

t.test('a module where npm init wrote "commonjs": the mistake names the way out', async (t) => {
  const source = moduleOf('return accepted')
  const folder = await folderWith(t, source)
  /** Without what tap puts into each process of Node.js: with its hooks everything is a module. */
  const said = async (): Promise<string> => {
    const args = ['-u', 'NODE_OPTIONS', process.execPath, join(root, 'src/main.ts'), 'check']
    const ended = promisify(execFile)('env', args, { cwd: folder })
    const { stdout, stderr } = await ended.catch((error: { stdout: string; stderr: string }) => error)
    return stdout + stderr
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }')
  const wayOut = ': the package.json above it must have "type": "module", or its name end with .mts or .mjs'
  const asImport = "can't be loaded (line 2): SyntaxError: Cannot use import statement outside a module"
  t.match(await said(), `./company.ts: ${asImport}${wayOut}`)
  await writeFile(join(folder, 'company.ts'), 'export default 1')
  t.match(await said(), `SyntaxError: Unexpected token 'export'${wayOut}`)

  await writeFile(join(folder, 'company.mts'), source)
  await writeFile(join(folder, 'latchkey.yaml'), yamlOf('', 'company.mts'))
  t.match(await said(), 'ok   backend company (./company.mts)')
})

t.test('a mistake in a module is one of the configuration, with the file', async (t) => {
  for (const [name, source, says] of broken) {
    const text = await mistakesIn(await folderWith(t, source))
    t.match(text, says, name)
    t.match(text, /backends\[0\]\.type: \.\/company\.ts: /, name)
  }
  const folder = await folderWith(t, '')
  const types = [
    './nowhere.ts',
    '../company.ts',
    '/nowhere/company.ts',
    './',
    'no-such-package',
    'fs',
    'node:fs',
    'locl'
  ]
  const list = types.map((type, index) => `{ id: b${index}, type: "${type}" }`).join(', ')
  await writeFile(join(folder, 'latchkey.yaml'), `backends: [${list}]\n`)
  const text = await mistakesIn(folder)
  t.match(text, 'backends[0].type: ./nowhere.ts: there is no such file')
  t.match(text, 'backends[3].type: ./: is no file')
  t.match(text, 'backends[4].type: unknown type: expected local, static, ldap')
  t.match(text, /backends\[5\]\.type: unknown type/, 'not a module of Node’s')
  t.match(text, /backends\[6\]\.type: unknown type/)
  t.match(text, 'backends[7].type: unknown type: did you mean local?')
})

t.test('what open does wrong stops the start with the file', async (t) => {
  const open = async (body: string) => {
    const folder = await folderWith(t, `${schema}export default defineBackend({ options, open: ${body} })`)
    const opened = openLatchkey(await load(folder), await openLog('silent'))
    return opened.then(
      async (latchkey) => latchkey.close().then(() => 'opened'),
      ({ message }) => message
    )
  }
  t.equal(await open(`() => ({ ${authenticate} })`), 'opened')
  t.equal(await open("() => { throw new Error('no luck') }"), './company.ts: open threw Error: no luck')
  t.match(
    await open(`async () => ({ ${authenticate} })`),
    './company.ts: open answered wrongly: the answer is a promise'
  )
  t.match(await open('() => undefined'), './company.ts: open answered wrongly: the answer is missing')
  t.match(await open("() => ({ takes: ['password'] })"), 'authenticate is missing: expected a function')
  t.match(await open(`() => ({ ${authenticate}, takes: ['pasword'] })`), 'takes must be a list of password, token')
  t.match(await open(`() => ({ ${authenticate}, probe: true })`), 'probe is a boolean: expected a function')
  const ofClass = `() => new (class { takes = ['password'] as const; async authenticate() { return { outcome: 'unknown' as const } } async probe() {} })()`
  t.equal(await open(ofClass), 'opened')
})

const answers: ReadonlyArray<readonly [name: string, body: string, says: RegExp | string]> = [
  ['a throw', "throw new TypeError('oh')", './company.ts: authenticate threw TypeError: oh'],
  ['a throw of no error', "throw 'oh'", './company.ts: authenticate threw "oh", no Error'],
  ['nothing', '', 'authenticate answered wrongly: the answer is missing'],
  ['true', 'return true', 'the answer is a boolean'],
  ['an outcome that is none', "return { outcome: 'yes' }", 'outcome is none of accepted, rejected, unknown, denied'],
  ['no reason', "return { outcome: 'rejected' }", 'reason is missing'],
  ['no identity', "return { outcome: 'accepted' }", 'identity is missing'],
  ['a number as subject', 'return { ...accepted, identity: { ...ann, subject: 7 } }', 'identity.subject is a number'],
  ['no subject', "return { ...accepted, identity: { ...ann, subject: '' } }", 'identity.subject is empty'],
  ['a long one', "return { ...accepted, identity: { ...ann, subject: 'x'.repeat(256) } }", 'identity.subject is text'],
  [
    'a login name that nothing could keep',
    "return { ...accepted, identity: { ...ann, username: 'x'.repeat(1021) } }",
    'identity.username is text: expected text of 1 to 1020 bytes without control characters'
  ],
  [
    'too much to be remembered',
    "return { ...accepted, identity: { ...ann, remembered: 'é'.repeat(16 * 1024) + 'x' } }",
    'identity.remembered is text: expected text of at most 32 KiB'
  ],
  ['one e-mail', "return { ...accepted, identity: { ...ann, emails: 'ann@example.com' } }", 'identity.emails is text'],
  [
    'a date',
    'return { ...accepted, identity: { ...ann, attributes: { a: new Date() } } }',
    'identity.attributes.a is an object'
  ],
  ['NaN', 'return { ...accepted, identity: { ...ann, attributes: { a: NaN } } }', 'identity.attributes.a is a number'],
  [
    'a superuser by text',
    "return { ...accepted, identity: { ...ann, isSuperuser: 'no' } }",
    'identity.isSuperuser is text'
  ],
  [
    'somebody else',
    "return { ...accepted, identity: { ...ann, userId: 'x' } }",
    'identity.userId: is for the backend local'
  ],
  ['a getter that throws', 'return { get outcome() { throw new Error("got") } }', 'authenticate threw Error: got'],
  [
    'a subject that is no text',
    'await context.found(3); return accepted',
    'found was called with something else than text'
  ]
]

t.test('what authenticate does wrong is 500 with the file in the log, never a wrong password', async (t) => {
  for (const [name, body, says] of answers) {
    const folder = await folderWith(t, moduleOf(body))
    const latchkey = await openTestLatchkey(t, yamlOf(), {}, folder)
    const answer = await latchkey.token({ grant_type: 'password', username: 'ann', password: 'canary-secret' })
    t.equal(answer.statusCode, 500, name)
    t.same(answer.json().error, 'server_error', name)
    t.match(latchkey.log(), './company.ts', name)
    t.match(
      JSON.parse(`"${latchkey.log().replaceAll('\n', ' ').replaceAll('\\"', "'").replaceAll('"', "'")}"`),
      String(says).replaceAll('"', "'"),
      name
    )
    t.notMatch(latchkey.log(), /canary-secret/, name)
  }
})

t.test('what it does right, and what it can’t undo', async (t) => {
  const outcome = async (body: string, more = '') => {
    const folder = await folderWith(t, moduleOf(body, more))
    const latchkey = await openTestLatchkey(
      t,
      yamlOf().replace('account: false', 'account: { failures: 1 }'),
      {},
      folder
    )
    const ask = () => latchkey.token({ grant_type: 'password', username: 'ann', password: 'secret' })
    return { latchkey, ask }
  }
  const never = await outcome('return new Promise(() => {})')
  t.equal((await never.ask()).statusCode, 503, 'never returns: 503 when its share of the time is over')
  const down = await outcome("throw new BackendUnavailable(id, { reason: 'down' })")
  t.equal((await down.ask()).statusCode, 503)
  const foreign = await outcome(
    "throw Object.assign(new Error('x'), { name: 'BackendUnavailable', backend: 'x', reason: 'down' })"
  )
  t.equal((await foreign.ask()).statusCode, 503, 'of another copy of the package, too')
  const full = "{ ...ann, username: 'x'.repeat(1020), remembered: 'é'.repeat(16 * 1024) }"
  t.equal(
    (await (await outcome(`return { ...accepted, identity: ${full} }`)).ask()).statusCode,
    200,
    'as much as may be'
  )
  const sync = await outcome('return accepted', 'identity: (subject) => ({ state: "present", identity: ann }),')
  t.equal((await sync.ask()).statusCode, 200)

  const deaf = await outcome(
    "context.found('ann').catch(() => {}); return credentials.password === 'right' ? accepted : { outcome: 'rejected', reason: 'wrong-password' }"
  )
  t.equal((await deaf.ask()).statusCode, 400)
  const right = { grant_type: 'password', username: 'ANN', password: 'right' }
  t.equal((await deaf.latchkey.token(right)).statusCode, 429, 'a lock that the module does not wait for holds')

  const permissions = await outcome('return accepted', "permissions: async () => ({ grants: ['blog.add_post'] }),")
  t.equal((await permissions.ask()).statusCode, 500)
  t.match(permissions.latchkey.log(), 'permissions answered wrongly: grants[0] is text: expected an object')
  const spaced = "{ permission: 'blog.add_post blog.delete_post', origin: 'a rule' }"
  const two = await outcome('return accepted', `permissions: async () => ({ grants: [${spaced}] }),`)
  t.equal((await two.ask()).statusCode, 500)
  t.match(two.latchkey.log(), 'grants[0].permission is text: expected app_label.codename')
  const identity = await outcome('return accepted', "identity: async () => ({ state: 'here' }),")
  const refresh = (await identity.ask()).json().refresh_token
  t.equal((await identity.latchkey.token({ grant_type: 'refresh_token', refresh_token: refresh })).statusCode, 500)
  t.match(identity.latchkey.log(), 'identity answered wrongly: state is none of present, gone, disabled')
})

t.test('what nobody awaits does not end the service', async (t) => {
  const port = await freePort()
  const source = moduleOf(
    `const kind = credentials.username
     if (kind === 'timer') setTimeout(() => { throw new Error('in a timer') })
     if (kind === 'value') setTimeout(() => { throw 5 })
     if (kind === 'promise') Promise.reject(new Error('unawaited'))
     if (kind === 'bare') setTimeout(() => Promise.reject())
     if (kind === 'later') setTimeout(() => process.exit(3))
     if (kind === 'exit') process.exit(3)
     return { outcome: 'unknown' }`
  )
  const folder = await folderWith(t, source)
  const server = start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) })
  await server.says('listening')
  const ask = async (username: string): Promise<number> => {
    const body = new URLSearchParams({ grant_type: 'password', username, password: 'x' })
    return (await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body })).status
  }
  for (const username of ['timer', 'value', 'promise', 'bare', 'later']) t.equal(await ask(username), 400, username)
  t.equal(await ask('exit'), 500, 'nor does one that would end it')
  await server.says('in a timer')
  await server.says('unawaited')
  t.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200)
  t.equal(await server.end(), 0)
  t.equal(server.said().match(/"event":"backend_failed"/g)?.length, 5)
  t.match(server.said(), 'authenticate threw BackendMistake: ./company.ts: called process.exit')
  t.match(server.said(), '"file":"./company.ts"')
})

t.test(
  'what nobody awaits while the module is imported ends no command, and what it leaves running keeps none',
  async (t) => {
    const late =
      "setTimeout(() => { throw new Error('in a timer') }); await new Promise((resolve) => setTimeout(resolve, 50))"
    const left = "Promise.reject(new Error('unawaited')); setInterval(() => {}, 1000)"
    const folder = await folderWith(t, `${moduleOf('return accepted')}\n${late}\n${left}`)
    const check = await command(t, ['check'], folder)
    t.equal(check.code, 0)
    t.match(check.stdout, 'ok   backend company (./company.ts)')
    t.match(check.stderr, './company.ts: nobody awaited this: Error: in a timer')
    t.match(check.stderr, './company.ts: nobody awaited this: Error: unawaited')
    const server = start(t, ['serve'], folder, { LATCHKEY_PORT: String(await freePort()) })
    await server.says('listening')
    t.equal(await server.end(), 0)
    await writeFile(join(folder, 'latchkey.yaml'), yamlOf(', lvel: 1'))
    t.match(await command(t, ['serve'], folder), { code: 1, stderr: 'did you mean level?' })
  }
)

t.test('a package by its name', async (t) => {
  const folder = await folderWith(t, '')
  const put = async (name: string, manifest: object, source: string) => {
    await mkdir(join(folder, 'node_modules', name), { recursive: true })
    await writeFile(join(folder, 'node_modules', name, 'package.json'), JSON.stringify({ name, ...manifest }))
    await writeFile(join(folder, 'node_modules', name, 'index.js'), source)
  }
  const source = `${schema}export default defineBackend({ options, open: () => ({ ${authenticate} }) })`
  await put('@acme/crowd', { type: 'module', exports: { import: './index.js' } }, source)
  await put(
    'crowd',
    { main: 'index.js' },
    `const { defineBackend, Type } = require('latchkey')
module.exports = defineBackend({ options: Type.Object({}), open: () => ({ ${authenticate} }) })`
  )
  await put('nonsense', { main: 'index.js' }, 'module.exports = 1')
  await writeFile(join(folder, 'latchkey.yaml'), 'backends: [{ id: a, type: "@acme/crowd" }, { id: b, type: crowd }]\n')
  const config = await load(folder)
  t.same(
    config.backends.map(({ policy }) => policy.type),
    ['@acme/crowd', 'crowd']
  )
  const latchkey = await openLatchkey(config, await openLog('silent'))
  await latchkey.close()
  await writeFile(join(folder, 'latchkey.yaml'), 'backends: [{ id: a, type: nonsense }]\n')
  t.match(await mistakesIn(folder), 'backends[0].type: nonsense: its default export is a number')
})

t.test('a file that changed is read again, and so is one that it imports', async (t) => {
  const folder = await folderWith(t, "export { default } from './inner.ts'")
  const inner = async (fallback: number) => {
    await writeFile(join(folder, 'inner.ts'), moduleOf('return accepted').replace('default: 3', `default: ${fallback}`))
    await utimes(join(folder, 'inner.ts'), fallback, fallback)
  }
  await inner(4)
  const first = await load(folder)
  t.match(first.backends[0]?.options, { level: 4 })
  t.equal((await load(folder)).backends[0]?.definition.options, first.backends[0]?.definition.options, 'once')
  await inner(5)
  t.match((await load(folder)).backends[0]?.options, { level: 5 })
})

t.test('so are CommonJS modules, and what they require', async (t) => {
  const folder = await folderWith(t, '', { name: 'first.cjs' })
  const types = ['first.cjs', 'second.cjs']
  const list = types.map((type, index) => `{ id: b${index}, type: ./${type} }`).join(', ')
  await writeFile(join(folder, 'latchkey.yaml'), `backends: [${list}]\n`)
  let at = 0
  const write = async (name: string, source: string) => {
    await writeFile(join(folder, name), source)
    await utimes(join(folder, name), ++at, at)
  }
  const levels = async () => (await load(folder)).backends.map(({ options }) => options)
  const source = (level: string) => `const { defineBackend, Type } = require('latchkey')
const options = Type.Object({ level: Type.Integer({ default: ${level} }) })
module.exports = defineBackend({ options, open: () => ({ ${authenticate} }) })`
  for (const name of types) await write(name, source("require('./middle.cjs')"))
  await write('middle.cjs', "module.exports = require('./inner.cjs').level")
  await write('inner.cjs', 'exports.level = 4')
  t.match(await levels(), [{ level: 4 }, { level: 4 }])
  await write('inner.cjs', 'exports.level = 5')
  t.match(await levels(), [{ level: 5 }, { level: 5 }], 'what is required')
  await write('first.cjs', source("require('./middle.cjs') + 1"))
  t.match(await levels(), [{ level: 6 }, { level: 5 }], 'the module itself')
  await write('inner.cjs', 'throw new Error("no luck")')
  t.match(await mistakesIn(folder), /first\.cjs: can't be loaded.*no luck/)
  await write('inner.cjs', 'exports.level = 7')
  t.match(await levels(), [{ level: 8 }, { level: 7 }], 'after a mistake')
  await write('first.cjs', 'require("./inner.cjs").none()')
  t.match(await mistakesIn(folder), /first\.cjs: can't be loaded \(line 1\)/)
  await write('inner.cjs', 'exports.level = 9')
  await write('first.cjs', source("require('./inner.cjs').level"))
  t.match(await levels(), [{ level: 9 }, { level: 9 }], 'what the module before had required')
})
