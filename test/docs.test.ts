import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { cp, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { ownPermissions } from '../src/admin/own-permissions.ts'
import { builtInAttributes } from '../src/auth/attribute-checks.ts'
import type { BackendDefinition } from '../src/auth/define-backend.ts'
import { backendDefinitions as definitions } from '../src/backends/index.ts'
import { readConfig } from '../src/config/read-config.ts'
import { createMetrics } from '../src/metrics.ts'
import { openPasswords } from '../src/passwords/argon2.ts'
import { openStore } from '../src/store/index.ts'
import { permissionsDigest } from '../src/tokens/access-token.ts'
import { fakeBackendTools } from './auth/fakes.ts'
import { conformanceOf } from './backends/conformance.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey, temporaryFolder } from './latchkey.ts'
import { matchLists } from './match.ts'
import { command } from './process.ts'
import { startExampleDirectory } from './servers/example-directory.ts'
import { freePort } from './servers/free-port.ts'
import { startMariadb } from './servers/mariadb.ts'
import { needs, needsPython, python } from './servers/needs.ts'

const root = new URL('..', import.meta.url).pathname
const run = promisify(execFile)
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

const pages = new Map(globSync(['*.md', 'docs/**/*.md', 'bench/*.md'], { cwd: root }).map((name) => [name, read(name)]))
const page = (name: string): string => pages.get(name) ?? ''

interface Block {
  readonly page: string
  readonly language: string
  readonly text: string
}

const blocks: readonly Block[] = [...pages].flatMap(([name, text]) =>
  Array.from(text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), ([, language = '', content = '']) => ({
    page: name,
    language,
    text: content
  }))
)

const blockOf = (name: string, language: string, holds: string): string => {
  const found = blocks.find((block) => block.page === name && block.language === language && block.text.includes(holds))
  if (found === undefined) throw new Error(`${name} has no ${language} that holds ${holds}`)
  return found.text
}

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
const codeOf = (text: string): string[] => Array.from(text.matchAll(/`([^`\n]+)`/g), ([, code = '']) => code)

t.test('every link leads somewhere, every anchor to a heading', async (t) => {
  const anchorsOf = (text: string) =>
    Array.from(text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
    )
  for (const [name, text] of pages) {
    for (const [, link = ''] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [path = '', anchor] = link.split('#')
      const file = path === '' ? join(root, name) : resolve(root, dirname(name), path)
      t.ok(existsSync(file), `${name}: ${link}`)
      if (anchor !== undefined) t.ok(anchorsOf(readFileSync(file, 'utf8')).includes(anchor), `${name}: ${link}`)
    }
  }
})

const argon2 = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaA'

const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** Reads a configuration whose variables and secret files are all there. */
async function load(t: Test, yaml: string) {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'latchkey.yaml')
  await cp(join(root, 'examples/dictionary-backend/backend.ts'), join(folder, 'backend.ts'))
  await writeFile(join(folder, 'secret'), 'a secret of a file, longer than it need be')
  await writeFile(path, yaml.replace(/\$\{file:[^}]+\}/g, '$${file:secret}'))
  const names = Array.from(yaml.matchAll(/\$\{(\w+)\}/g), ([, name = '']) => name)
  const values = names.map((name) => [
    name,
    name.endsWith('HASH') ? argon2 : name.endsWith('WEBHOOK_SECRET') ? whsec : `${name} of the environment`.padEnd(40)
  ])
  return readConfig({ path, env: Object.fromEntries(values), definitions, cwd: folder })
}

t.test('every whole configuration can be read', async (t) => {
  const whole = blocks.filter(({ language, text }) => language === 'yaml' && /^backends:/m.test(text))
  t.ok(whole.length >= 8)
  for (const { page: name, text } of whole) await t.resolves(load(t, text), `${name}: ${text}`)
  const others = blocks.filter(({ language, page: name }) => language === 'yaml' && name !== 'docs/configuration.md')
  t.equal(others.filter((block) => !whole.includes(block)).length, 0, 'and all of them are whole')
})

const helpOf = async (t: Test, ...words: string[]): Promise<string> =>
  (await command(t, [...words, '--help'], await temporaryFolder(t))).stdout

const commandsIn = (help: string): string[] =>
  Array.from((help.split('Commands:\n')[1] ?? '').matchAll(/^ {2}(\w[\w-]*)/gm), ([, name = '']) => name).filter(
    (name) => name !== 'help'
  )

t.test('the command line is what the README says, and every command that is named exists', async (t) => {
  const helps = new Map<string, string>()
  for (const name of commandsIn(await helpOf(t))) {
    const help = await helpOf(t, name)
    const inner = commandsIn(help)
    if (inner.length === 0) helps.set(name, help)
    for (const second of inner) helps.set(`${name} ${second}`, await helpOf(t, name, second))
  }
  const lines = blockOf('README.md', '', 'latchkey serve').trim().split('\n')
  const optionsIn = (text: string) => found(text, /(--(?!help\b)[a-z][\w-]*)/g)
  const lineOf = (name: string) => lines.find((line) => `${line} `.startsWith(`latchkey ${name} `)) ?? ''
  for (const [name, help] of helps) t.same(optionsIn(lineOf(name)), optionsIn(help), name)
  t.equal(lines.length, helps.size)

  const code = [...pages.values()].flatMap((text) => codeOf(withoutFences(text)))
  const typed = [...code, ...blocks.filter(({ language }) => /^(sh)?$/.test(language)).map(({ text }) => text)]
  const named = typed.flatMap((text) => [...text.matchAll(/\blatchkey (?:-- )?([a-z][\w-]*)(?: ([a-z][\w|-]*))?/g)])
  t.ok(named.length > 10)
  for (const [whole, name = '', second = ''] of named) {
    for (const each of second.split('|')) t.ok(helps.has(name) || helps.has(`${name} ${each}`), whole)
  }
})

const withoutFences = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '')

t.test('every source file, script and variable that is named exists', async (t) => {
  const files = new Set(globSync(['src/**/*.ts', 'test/**/*.ts', '*.ts'], { cwd: root }))
  const { scripts } = JSON.parse(read('package.json'))
  const sources = [...files].map(read).join('\n') + read('Dockerfile')
  for (const [name, text] of pages) {
    const tree = blocks.filter((block) => block.page === name && block.language === '').map((block) => block.text)
    for (const [file] of [...codeOf(withoutFences(text)), ...tree].join('\n').matchAll(/(?<![\w./-])[\w/-]+\.ts\b/g)) {
      t.ok(
        [...files].some((known) => known === file || known.endsWith(`/${file}`)),
        `${name}: ${file}`
      )
    }
    for (const [, script = ''] of text.matchAll(/npm run (?:-s )?([\w-]+)/g))
      t.ok(scripts[script], `${name}: ${script}`)
    for (const [variable] of text.matchAll(/\bLATCHKEY_[A-Z_]+\b/g)) t.match(sources, variable, `${name}: ${variable}`)
  }
})

/** The rows of the tables below a heading, as lists of their cells. */
const rowsOf = (name: string, heading: string): string[][] =>
  (page(name).split(heading)[1] ?? '')
    .split('\n## ')[0]
    ?.replace(/^\|.*\n(?=\| ---)/gm, '')
    .split('\n')
    .filter((line) => /^\|(?! ---)/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1)) ?? []

const found = (text: string, pattern: RegExp): string[] =>
  [...new Set(Array.from(text.matchAll(pattern), ([, name = '']) => name))].sort()

t.test('endpoints, errors, events, figures and reasons are listed: all of them, and no others', async (t) => {
  const sources = globSync('src/**/*.ts', { cwd: root }).map(read).join('\n')
  const cells = (name: string, heading: string, column: number) =>
    rowsOf(name, heading)
      .map((row) => row[column] ?? '')
      .join('\n')

  const rights = Object.keys(ownPermissions).sort()
  t.same(found(cells('docs/admin.md', '## Who may', 0), /`(latchkey\.\w+)`/g), rights, 'permissions')

  const record = read('src/admin/import-record.ts')
  const namesIn = (list: string) =>
    found(new RegExp(`const ${list} = \\[([^\\]]*)`).exec(record)?.[1] ?? '', /'(\w+)'/g)
  const fields = [...namesIn('known'), ...Object.keys(builtInAttributes)].sort()
  const columns = found(cells('docs/administration.md', '## Import', 0), /`(\w+)`/g)
  t.same(
    columns,
    fields.filter((name) => name !== 'attributes'),
    'columns of an import'
  )
  for (const name of ['attributes', ...namesIn('ignored')]) t.match(page('docs/administration.md'), `\`${name}\``, name)

  const paths = Object.keys(parse(read('openapi.yaml')).paths)
  t.same(found(cells('docs/http.md', '# HTTP', 0), /(?:`|GET |POST )(\/[\w./{}-]+)`/g), paths.sort(), 'endpoints')

  const codes = found(sources, /super\(\s*'(\w+)'/g)
  t.same(found(cells('docs/http.md', '## Errors', 1), /`(\w+)`/g), [...codes, 'server_error'].sort(), 'errors')

  const events = found(sources, /\bevent: '(\w+)'(?! \|)/g)
  t.same(found(cells('docs/operations.md', '## Logs', 0), /`(\w+)`/g), events, 'events')

  const metrics = createMetrics(() => ({ running: 0, waiting: 0 }))
  metrics.watch([], { isUp: () => true })
  const figures = found(await metrics.text(), /^# TYPE (\w+)/gm)
  const ours = figures.filter((name) => !/^latchkey_(process|nodejs)_/.test(name))
  t.same(found(cells('docs/operations.md', '## Probes', 0), /`(latchkey_[a-z_]+)[`{]/g), ours, 'figures')

  const type = /type FailureReason =([\s\S]*?)\n\n/.exec(read('src/backends/ldap/connections/failure.ts'))
  const reasons = [...found(type?.[1] ?? '', /'([\w-]+)'/g), 'deadline']
  t.same(found(cells('docs/backends/ldap.md', '## When', 0), /`([a-z-]+)`/g), reasons.sort(), 'reasons')
})

const readmeJson = (holds: string): Record<string, unknown> => JSON.parse(blockOf('README.md', 'json', holds))
/** What differs from one login to the next. */
const changing = ['iss', 'aud', 'sub', 'iat', 'exp', 'jti', 'sid', 'auth_time', 'updated_at']
const lasting = (claims: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !changing.includes(name)))

/** What a command says, without what differs from one run to the next: folder, port, times, ids of users. */
const withoutChanging = (text: string): string =>
  text
    .replace(/\/\S+(?=\/latchkey\.yaml)/g, 'FOLDER')
    .replace(/127\.0\.0\.1(:| port )\d+/g, '127.0.0.1$1PORT')
    .replace(/\d+(\.\d)? ms/g, (time) => 'MS'.padStart(time.length))
    .replace(/ +(?=MS)/g, ' ')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]+/g, 'UUID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')

t.test(
  'the LDAP configuration of the README does what it says there',
  {
    skip: needs('slapd', 'ldapsearch')
  },
  async (t) => {
    const port = await freePort()
    const issuer = `http://localhost:${port}`
    const here = (text: string) => text.replaceAll('http://localhost:8000', issuer)
    const directory = await startExampleDirectory(t, 'searching')
    const yaml = here(blockOf('README.md', 'yaml', 'type: ldap')).replace('ldap://127.0.0.1:1389', directory)
    const latchkey: TestLatchkey = await openTestLatchkey(t, yaml, { LDAP_PASSWORD: 'searching' })
    await latchkey.app.listen({ host: '127.0.0.1', port })

    const token = await latchkey.accessToken('alice', 'wonderland')
    const written = readmeJson('alice@example.com')
    t.same(Object.keys(claimsOf(token)), Object.keys(written))
    t.same(lasting(claimsOf(token)), lasting(written))
    t.equal(claimsOf(await latchkey.accessToken('Alice Example', 'wonderland')).sub, claimsOf(token).sub)
    matchLists(t, claimsOf(await latchkey.accessToken('bob', 'looking-glass')), { permissions: ['blog.view_post'] })
    const refused = await latchkey.token({ grant_type: 'password', username: 'alice', password: 'wrong' })
    t.equal(refused.statusCode, 400)
    t.match(page('README.md'), refused.body)
    const userinfo = (await latchkey.userinfo(token)).json()
    t.same(lasting(userinfo), lasting(JSON.parse(blockOf('docs/http.md', 'json', 'employee_number'))))
    const shown = await latchkey.store.users.byEmail('alice@example.com')
    t.match(page('README.md'), `corp: alice (${shown?.identities[0]?.subject})`)

    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'latchkey.yaml'), yaml)
    const told = async (args: readonly string[], options = {}) => {
      const { stdout, stderr } = await command(t, args, folder, { env: { LDAP_PASSWORD: 'searching' }, ...options })
      return withoutChanging(`${stdout}${stderr}`)
    }
    const [check, , alice, dead, explained] = [
      ...['ok   backend corp', 'ok   backend local', 'employeeNumber'].map((holds) => blockOf('README.md', '', holds)),
      ...['FAIL backend corp', '(cn=Alice Example) below'].map((holds) => blockOf('docs/backends/ldap.md', '', holds))
    ].map(withoutChanging)
    t.equal(await told(['check']), check)
    t.equal(await told(['ldap', 'sync', 'corp']), blockOf('docs/backends/ldap.md', '', 'found 2:'))
    t.equal(await told(['users', 'show', 'alice@example.com']), alice?.replace(/TIME\n$/, 'never\n'), 'no login here')
    const who = ['explain', 'Alice Example', '--password-stdin', '--permission', 'blog.change_post']
    const explanation = await told(who, { input: 'wonderland\n' })
    t.equal(explanation.slice(0, explained?.length), explained)
    t.match(explanation, withoutChanging(blockOf('docs/backends/ldap.md', '', 'a token would be issued')))
    await writeFile(join(folder, 'latchkey.yaml'), yaml.replace(directory, `ldap://127.0.0.1:${await freePort()}`))
    t.equal(await told(['check']), dead)

    const javascript = here(blockOf('docs/tokens.md', 'js', 'jwtVerify'))
    const program = `${javascript}\nconsole.log(payload.email)`.replace(
      'jwtVerify(token',
      'jwtVerify(process.env.TOKEN'
    )
    const node = ['--input-type=module', '--eval', program]
    t.equal(
      (await run(process.execPath, node, { cwd: root, env: { ...process.env, TOKEN: token } })).stdout,
      'alice@example.com\n'
    )

    await t.test('and Python verifies it', { skip: needsPython('jwt', 'cryptography') }, async (t) => {
      const verify = (given: string) => {
        const child = run(python, ['-c', here(blockOf('README.md', 'python', 'claims_of'))])
        child.child.stdin?.end(given)
        return child
      }
      t.equal((await verify(token)).stdout, 'alice@example.com corp True\n')
      await t.rejects(verify(`${token.slice(0, -6)}AAAAAA`), { message: /InvalidSignatureError/ })
    })
  }
)

t.test('the first token of the README has those claims', async (t) => {
  const latchkey = await openTestLatchkey(t, 'publicClient: true\nbackends: [{ id: local, type: local }]')
  await latchkey.addUser({ email: 'admin@localhost', password: 'one', superuser: true })
  const claims = claimsOf(await latchkey.accessToken('admin@localhost', 'one'))
  const written = readmeJson('admin@localhost')
  const [permissions, [first, second]] = [claims.permissions, written.permissions as string[]]
  t.same(permissions, Object.keys(ownPermissions).sort())
  t.same([first, second], (permissions as string[]).slice(0, 2))
  t.same(Object.keys(claims), Object.keys(written))
  t.same(lasting({ ...claims, permissions: [] }), lasting({ ...written, permissions: [] }))
})

t.test('a client as docs/http.md has it gets a token for its audience', async (t) => {
  const secret = 'a secret of a client, thirty-two bytes and more'
  const latchkey = await openTestLatchkey(t, blockOf('docs/http.md', 'yaml', 'clients:'), { BLOG_SECRET: secret })
  await latchkey.addUser({ email: 'alice@example.com', password: 'one', permissions: ['blog.add_post', 'shop.buy'] })
  const answer = await latchkey.app.inject({
    method: 'POST',
    url: '/token',
    headers: { authorization: `Basic ${Buffer.from(`blog:${encodeURIComponent(secret)}`).toString('base64')}` },
    payload: { username: 'alice@example.com', password: 'one' }
  })
  t.match(claimsOf(answer.json().access_token), {
    client_id: 'blog',
    aud: 'https://blog.example.com',
    permissions: ['blog.add_post']
  })
})

t.test('the digest is computed as docs/tokens.md has it', async (t) => {
  const names = ['blog.view_post', 'blog.add_post', 'Zoo.feed']
  const program = `${blockOf('docs/tokens.md', 'js', 'digestOf')}\nconsole.log(digestOf(${JSON.stringify(names)}))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])
  t.equal(stdout.trim(), permissionsDigest(names.toSorted()))
})

t.test('the backend of docs/architecture.md passes the conformance suite', async (t) => {
  const folder = await temporaryFolder(t)
  const source = blockOf('docs/architecture.md', 'ts', 'defineBackend').replace(
    /'\.\.\/([\w/-]+\.ts)'/g,
    (_, file: string) => `'${new URL(`../src/${file}`, import.meta.url)}'`
  )
  await writeFile(join(folder, 'file-backend.ts'), source)
  const { fileBackend }: { fileBackend: BackendDefinition } = await import(join(folder, 'file-backend.ts'))
  const passwords = await openPasswords({ queueTimeoutMs: 60_000 })
  const password = 'canary-correct-horse'
  await writeFile(join(folder, 'people'), `alice\talice@example.com\t${await passwords.hash(password)}\n`)
  await conformanceOf(t, async () => ({
    backend: fileBackend.open('file', { path: 'people' }, fakeBackendTools({ baseFolder: folder })),
    passwords,
    username: 'alice',
    password,
    breakSource: () =>
      writeFile(join(folder, 'people'), '').then(() => run('rm', [join(folder, 'people')]).then(() => {})),
    secrets: [password]
  }))
})

t.test(
  'the SQL of docs/operations.md makes a database that can be used',
  {
    skip: needs('mariadbd', 'mariadb-install-db', 'mariadb')
  },
  async (t) => {
    const server = await startMariadb()
    t.teardown(() => server.stop())
    await server.sql(blockOf('docs/operations.md', 'sql', 'CREATE USER'))
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const url = `mysql://latchkey@127.0.0.1:${server.port}/latchkey`
    const store = await openStore({ url, password: 'a long random password', log })
    t.equal(await store.users.count(), 0)
    await store.close()
  }
)
