import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { chmod, chown, copyFile, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { backendDefinitions as definitions } from '../src/backends/index.ts'
import { readConfig } from '../src/config/read-config.ts'
import { version } from '../src/version.ts'
import { claimsOf, temporaryFolder } from './latchkey.ts'
import { matchLists } from './match.ts'
import { codeOf } from './recipes.ts'
import { startExampleDirectory } from './servers/example-directory.ts'
import { freePort } from './servers/free-port.ts'
import { startMariadb } from './servers/mariadb.ts'
import { needs } from './servers/needs.ts'

const root = new URL('..', import.meta.url).pathname
const run = promisify(execFile)
const read = (name: string): string => readFileSync(join(root, name), 'utf8')
const manifest = JSON.parse(read('package.json'))
const lock: { packages: Record<string, Locked> } = JSON.parse(read('package-lock.json'))

interface Locked {
  readonly dev?: boolean
  readonly optionalDependencies?: Record<string, string>
}

/** The Dockerfile's instructions, each on one line. */
const instructions = read('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
const argumentsOf = (name: string): string[] =>
  instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))
const json = (text = ''): string[] => JSON.parse(text.slice(text.indexOf('[')))
const [entrypoint, serve, healthcheck] = ['ENTRYPOINT', 'CMD', 'HEALTHCHECK'].map((name) => json(argumentsOf(name)[0]))
const environment: Record<string, string> = Object.fromEntries(
  argumentsOf('ENV').flatMap((line) => line.split(/\s+/).map((pair) => pair.split('=')))
)
const copied = argumentsOf('COPY')
  .filter((line) => !line.startsWith('--from'))
  .flatMap((line) => line.split(' ').slice(0, -1))

/** /app of the image: what the Dockerfile's commands make, and no package that only developers need. */
async function buildApp(t: Test): Promise<string> {
  const app = await temporaryFolder(t)
  await chmod(app, 0o755)
  for (const name of copied) await cp(join(root, name), join(app, name), { recursive: true })
  await symlink(join(root, 'node_modules'), join(app, 'node_modules'))
  await run('npm', ['run', 'build'], { cwd: app })
  await run('rm', ['-r', join(app, 'node_modules'), join(app, 'src')])
  const kept = Object.entries(lock.packages).filter(
    ([path, { dev }]) => !dev && path.lastIndexOf('node_modules/') === 0
  )
  const present = kept.map(([path]) => path).filter((path) => existsSync(join(root, path)))
  for (const [folder, paths] of Map.groupBy(present, dirname)) {
    await mkdir(join(app, folder), { recursive: true })
    await run('cp', ['-r', ...paths, join(app, folder)], { cwd: root })
  }
  await chmod(join(app, 'dist/main.js'), 0o755)
  return app
}

const app = await buildApp(t)

t.test('the context holds what the Dockerfile copies, and nothing else', async (t) => {
  const allowed = read('.dockerignore').match(/(?<=^!).+$/gm)
  t.same([...new Set(copied)].sort(), allowed?.sort())
  for (const name of copied) t.ok(existsSync(join(root, name)), name)
})

t.test('the commands of the Dockerfile are those that were run by hand', async (t) => {
  const commands = ['npm ci --ignore-scripts', 'npm run build', 'npm ci --omit=dev --ignore-scripts']
  t.same(argumentsOf('RUN').slice(0, 3), commands)
  t.match(argumentsOf('RUN')[3], 'chmod 755 /app/dist/main.js && ln -s /app/dist/main.js /usr/local/bin/latchkey')
})

t.test('npm ci can install from the lock on every platform', async (t) => {
  for (const [path, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      t.ok(
        [`${path}/node_modules/${name}`, `node_modules/${name}`].some((place) => place in lock.packages),
        `${name} of ${path}`
      )
    }
  }
})

const nobody = 65_534
/** As in the image: somebody who can't write to /app. Nobody but root can become somebody else. */
const user = process.getuid?.() === 0 && canRun(nobody) ? { uid: nobody, gid: nobody } : {}

function canRun(id: number): boolean {
  try {
    execFileSync(process.execPath, ['--version'], { uid: id, gid: id, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** tap would have every process write into the checkout. */
const unwatched = ['-u', 'NODE_OPTIONS']

interface Container {
  readonly port: number
  readonly child: ChildProcess
  readonly said: () => string
  /** Runs a command in the container. */
  exec(command: readonly string[]): Promise<{ stdout: string; stderr: string }>
  token(username: string, password: string): Promise<string>
}

/** Runs the image's entry point with its environment, in a folder that stands for its root. */
async function startContainer(t: Test, yaml: (port: number) => string, env: Record<string, string> = {}) {
  const port = await freePort()
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'data'), { mode: 0o700 })
  await mkdir(join(folder, 'bin'))
  await chmod(folder, 0o755)
  if (user.uid !== undefined) await chown(join(folder, 'data'), user.uid, user.gid)
  await writeFile(join(folder, 'latchkey.yaml'), yaml(port))
  await symlink(join(app, 'dist/main.js'), join(folder, 'bin/latchkey'))
  const PATH = [join(folder, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter)
  const here = { LATCHKEY_CONFIG: join(folder, 'latchkey.yaml'), LATCHKEY_HOST: '127.0.0.1', LATCHKEY_PORT: `${port}` }
  // The root may be read-only, all of it but the volume.
  const TMPDIR = join(folder, environment.TMPDIR ?? '/tmp')
  const options = { cwd: folder, env: { ...environment, ...here, ...env, PATH, TMPDIR }, ...user }

  const [file = '', main = ''] = entrypoint ?? []
  const child = spawn('env', [...unwatched, file, main.replace(/^\/app/, app), ...(serve ?? [])], options)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  })
  for (let waited = 0; !text.includes('Server listening'); waited += 20) {
    if (waited > 20_000 || child.exitCode !== null) throw new Error(`it does not start: ${text}`)
    await sleep(20)
  }
  const container: Container = {
    port,
    child,
    said: () => text,
    exec: (command) => run('env', [...unwatched, ...command], options),
    async token(username, password) {
      const body = new URLSearchParams({ grant_type: 'password', username, password })
      const answer = await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body })
      const { access_token } = (await answer.json()) as { access_token?: string }
      if (access_token === undefined) throw new Error(`no token: ${answer.status} ${text}`)
      return access_token
    }
  }
  return container
}

t.test('the image: dist/ with its migrations, no devDependencies, nothing written but data/', async (t) => {
  if (user.uid === undefined) {
    await run('chmod', ['-R', 'a-w', app])
    t.teardown(() => run('chmod', ['-R', 'u+w', app]))
  }
  const container = await startContainer(
    t,
    (port) => `
issuer: http://localhost:${port}
publicClient: true
backends: [ { id: emergency, type: static, users: [ { username: ann, email: ann@example.com, password: one } ] } ]
`
  )
  t.equal(claimsOf(await container.token('ann', 'one')).email, 'ann@example.com')
  const { stdout } = await container.exec(['ls', 'data'])
  t.match(stdout, /^latchkey\.db\n[\s\S]*secret\n$/)
  t.notOk((await readdir(join(app, 'node_modules'))).includes('.cache'), 'nothing is written beside the packages')

  t.equal((await container.exec(['latchkey', '--version'])).stdout, `${version}\n`)
  t.match((await container.exec(['latchkey', 'users', 'list'])).stdout, 'ann@example.com')
  t.match((await container.exec(['latchkey', 'check'])).stdout, 'ok   backend emergency (static)')

  const check = healthcheck ?? []
  await t.resolves(container.exec(check), 'healthy')
  container.child.kill('SIGTERM')
  await once(container.child, 'close')
  t.equal(container.child.exitCode, 0, container.said())
  await t.rejects(container.exec(check), { code: 1 }, 'not healthy any more')
})

t.test('the npm package carries what its bin needs, and no source', async (t) => {
  await cp(join(root, 'entry'), join(app, 'entry'), { recursive: true })
  for (const name of ['latchkey.schema.json', 'openapi.yaml', 'CHANGELOG.md']) {
    await copyFile(join(root, name), join(app, name))
  }
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: app })
  const [{ files }]: [{ files: Array<{ path: string }> }] = JSON.parse(stdout)
  const paths = files.map(({ path }) => path)
  t.ok(paths.includes(manifest.bin.latchkey))
  t.match(readFileSync(join(app, manifest.bin.latchkey), 'utf8'), /^#!\/usr\/bin\/env node\n/)
  for (const name of globSync('drizzle/**/*.{sql,json}', { cwd: root })) t.ok(paths.includes(name), name)
  for (const name of manifest.files)
    t.ok(
      paths.some((path) => path.startsWith(name)),
      name
    )
  t.same(
    paths.filter((path) => /^(src|test)\/|(?<!\.d)\.ts$/.test(path)),
    []
  )
})

t.test('the npm package, installed: a backend of one’s own, its tests and its types', async (t) => {
  const folder = await temporaryFolder(t)
  const clean = { env: { ...process.env, NODE_OPTIONS: '' }, cwd: folder }
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { ...clean, cwd: app })
  const installed = join(folder, 'node_modules/latchkey')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', `latchkey-${version}.tgz`, '--strip-components=1', '-C', installed], clean)
  for (const name of await readdir(join(app, 'node_modules'))) {
    if (name === '@types') continue
    await symlink(join(app, 'node_modules', name), join(folder, 'node_modules', name))
  }
  await cp(join(root, 'examples/dictionary-backend'), folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', 'backend.test.ts'], clean)
  t.match(stdout, /^# fail 0$/m)
  t.match(stdout, /^# pass (1[89]|[2-9]\d)$/m)
  const main = join(installed, 'dist/main.js')
  const check = await run(process.execPath, [main, '--config', 'latchkey.yaml', 'check'], clean)
  t.match(check.stdout, 'ok   backend dictionary (./backend.ts)')

  await symlink(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  await writeFile(join(folder, 'tsconfig.json'), codeOf('backends/custom.md', 'json', 'nodenext'))
  const tsc = () => run(join(root, 'node_modules/.bin/tsc'), ['--exactOptionalPropertyTypes'], clean)
  await t.resolves(tsc(), 'the types are there')
  await writeFile(
    join(folder, 'wrong.ts'),
    "import { defineBackend, Type } from 'latchkey'\ndefineBackend({ options: Type.Object({}), open: () => ({}) })\nenum E {}"
  )
  const wrong = await tsc().catch(({ stdout }: { stdout: string }) => ({ stdout }))
  t.match(wrong.stdout, /^wrong\.ts\(2,.*missing the following properties from type 'Backend'/m)
  t.match(wrong.stdout, /^wrong\.ts\(3,.*erasableSyntaxOnly/m, 'what Node.js could not run')
})

t.test('the entries export what the sources do', async (t) => {
  for (const [entry, source] of [
    ['index', 'index'],
    ['testing', 'testing/index']
  ]) {
    const names = async (path: string) => Object.keys(await import(join(root, path))).sort()
    t.same(await names(`entry/${entry}.js`), await names(`src/${source}.ts`))
  }
})

const compose = parse(read('compose.yaml'))
const yaml = read('examples/compose/latchkey.yaml')
const variablesIn = (text: string): string[] =>
  [...new Set(Array.from(text.matchAll(/\$\{(\w+)/g), ([, name = '']) => name))].sort()

t.test('compose.yaml fits together', async (t) => {
  const { latchkey, mariadb, openldap } = compose.services
  t.same(Object.keys(latchkey.environment).sort(), variablesIn(yaml), 'the configuration finds its variables')
  t.same(variablesIn(JSON.stringify(compose)), variablesIn(yaml), 'which are all that is asked for')
  const [source = '', target] = latchkey.volumes[0].split(':')
  t.equal(target, environment.LATCHKEY_CONFIG)
  t.equal(yaml, read(source))
  for (const [name, { condition }] of Object.entries<{ condition: string }>(latchkey.depends_on)) {
    t.equal(condition, 'service_healthy')
    t.ok(compose.services[name].healthcheck, name)
  }
  t.ok(existsSync(join(root, openldap.build, 'Dockerfile')))
  t.equal(mariadb.environment.MARIADB_PASSWORD, latchkey.environment.DB_PASSWORD)

  const env = Object.fromEntries(variablesIn(yaml).map((name) => [name, `${name} of the environment`.padEnd(40)]))
  const path = join(root, source)
  const { database, backends, listen } = await readConfig({ path, env: { ...environment, ...env }, definitions })
  t.match(database, {
    url: `mysql://${mariadb.environment.MARIADB_USER}@mariadb/${mariadb.environment.MARIADB_DATABASE}`
  })
  matchLists(t, backends[0]?.options, { servers: ['ldap://openldap:1389'] })
  t.match(read('examples/compose/directory/start.sh'), 'ldap://0.0.0.0:1389')
  t.match(latchkey.ports, [`127.0.0.1:8000:${listen.port}`])
  t.equal(listen.host, '0.0.0.0')
})

t.test(
  'what compose.yaml starts, started by hand',
  {
    skip: needs('slapd', 'ldapsearch', 'mariadbd', 'mariadb-install-db', 'mariadb')
  },
  async (t) => {
    const server = await startMariadb()
    t.teardown(() => server.stop())
    const url = new URL(await server.database('latchkey'))
    const directory = await startExampleDirectory(t, 'searching')
    const secrets = {
      LATCHKEY_SECRET: 'a secret that has thirty-two bytes',
      DB_PASSWORD: url.password,
      LDAP_PASSWORD: 'searching'
    }
    const container = await startContainer(
      t,
      (port) =>
        yaml
          .replace('localhost:8000', `localhost:${port}`)
          .replace('@mariadb/', `@${url.host}/`)
          .replace('ldap://openldap:1389', directory),
      secrets
    )
    t.match(claimsOf(await container.token('alice', 'wonderland')), {
      backend: 'corp',
      permissions: ['blog.add_post', 'blog.change_post', 'blog.view_post']
    })
    t.equal((await container.exec(['latchkey', 'reload'])).stdout, 'reloaded\n', 'it finds the service')
    const [, ...health]: string[] = compose.services.openldap.healthcheck.test
    await t.resolves(container.exec(health.map((word) => word.replace('ldap://127.0.0.1:1389', directory))))
  }
)
