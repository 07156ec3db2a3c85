import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

t.test('users', async (t) => {
  const folder = await temporaryFolder(t)
  const run = (args: string[], input = '') => command(t, args, folder, { input })
  const json = async (args: string[], input = '') => JSON.parse((await run([...args, '--json'], input)).stdout)

  const made = await json(
    [
      'users',
      'create',
      'Ann@Example.com',
      '--password-stdin',
      '--permission',
      'blog.add',
      '--permission',
      'blog.view',
      '--group',
      'editors'
    ],
    'correct horse battery\n'
  )
  t.match(made, {
    id: /^[\da-f-]{36}$/,
    email: 'ann@example.com',
    isActive: true,
    isSuperuser: false,
    hasPassword: true,
    groups: ['editors'],
    permissions: ['blog.add', 'blog.view']
  })
  t.match(await json(['users', 'create', 'root@example.com', '--superuser']), { isSuperuser: true, hasPassword: false })
  const again = await run(['users', 'create', 'ANN@example.com'])
  t.same([again.code, again.stderr], [1, 'A user has this e-mail already\n'])
  for (const args of [
    ['users', 'create', 'no address'],
    ['users', 'create', 'x@example.com', '--permission', 'nodot'],
    ['users', 'create', 'x@example.com', '--group', ' x'],
    ['users', 'show', 'nobody@example.com'],
    ['users', 'deactivate', '01900000-0000-7000-8000-000000000000'],
    ['users', 'set-password', 'ann@example.com']
  ]) {
    const { code, stderr, stdout } = await run(args)
    t.equal(code, 1, args.join(' '))
    t.equal(stdout, '')
    t.ok(stderr.trim().length > 0 && !stderr.includes('    at '), stderr)
  }
  for (const input of ['', '\n', 'a\u0000b', 'x'.repeat(2000)]) {
    t.equal(
      (await run(['users', 'set-password', 'ann@example.com', '--password-stdin'], input)).code,
      1,
      JSON.stringify(input.slice(0, 5))
    )
  }
  const short = await run(['users', 'set-password', 'ann@example.com', '--password-stdin'], 'fourteen chars')
  t.match(
    [short.code, short.stderr],
    [1, 'The new password is too short: at least 15 characters (passwords.minLength)']
  )
  const own = await run(['users', 'create', 'bob.of.the.hill@example.com', '--password-stdin'], 'Bob of the hill')
  t.match([own.code, own.stderr], [1, 'nothing but a name or the e-mail of the user'])
  t.equal((await run(['users', 'show', 'bob.of.the.hill@example.com'])).code, 1, 'and nobody was created')
  for (const args of [['users'], ['users', 'create'], ['users', 'create', 'a@b.c', '--wrong'], ['wrong'], []]) {
    t.equal((await run(args)).code, 2, `usage: ${args.join(' ')}`)
  }
  for (const args of [['--help'], ['users', '--help'], ['--version']]) t.equal((await run(args)).code, 0)

  t.match((await run(['users', 'list'])).stdout, /ann@example\.com\n.*root@example\.com {2}superuser {2}no password\n/)
  t.equal((await run(['users', 'list', '--search', 'AN'])).stdout.trim().split('\n').length, 1)
  t.match((await run(['users', 'show', made.id])).stdout, /email +ann@example\.com \(vouched for\)/)
})

t.test('beside a running server', async (t) => {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  await writeFile(
    join(folder, 'latchkey.yaml'),
    `publicClient: true\nbackends: [{ id: local, type: local }]\nlisten: { port: ${port} }\nlimits: { account: false }\n`
  )
  const server = start(t, ['serve'], folder)
  await server.says('listening')
  const run = (args: string[], input = '') => command(t, args, folder, { input })
  const token = async (password: string): Promise<{ status: number; access_token?: string }> => {
    const body = new URLSearchParams({ grant_type: 'password', username: 'ann@example.com', password })
    const answer = await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body })
    return { status: answer.status, ...((await answer.json()) as object) }
  }
  t.equal((await token('the first password')).status, 400)
  t.equal((await run(['users', 'create', 'ann@example.com', '--password-stdin'], 'the first password')).code, 0)
  const { status, access_token } = await token('the first password')
  t.equal(status, 200)
  t.equal((await run(['users', 'set-password', 'ann@example.com', '--password-stdin'], 'second password\r\n')).code, 0)
  t.equal((await token('the first password')).status, 400)
  t.equal((await token('second password')).status, 200)
  t.equal((await run(['users', 'deactivate', 'ann@example.com'])).code, 0)
  t.equal((await token('second password')).status, 400)
  const userinfo = (bearer = access_token) =>
    fetch(`http://127.0.0.1:${port}/userinfo`, { headers: { authorization: `Bearer ${bearer}` } })
  t.equal((await userinfo()).status, 401)
  t.equal((await run(['users', 'activate', 'ann@example.com'])).code, 0)
  t.equal((await userinfo()).status, 401, 'the password was changed and the user deactivated: old tokens stay dead')
  t.equal((await userinfo((await token('second password')).access_token)).status, 200)
  const all = await Promise.all(Array.from({ length: 8 }, (_, at) => run(['users', 'create', `u${at}@example.com`])))
  t.same(
    all.map(({ code }) => code),
    Array(8).fill(0),
    'eight at once'
  )
})

t.test('check and migrate', async (t) => {
  const folder = await temporaryFolder(t)
  const run = (args: string[], env = {}) => command(t, args, folder, { env })
  t.same(await run(['migrate']), { code: 0, stdout: 'the database is up to date\n', stderr: '' })
  t.match(await run(['check']), { code: 0, stdout: /ok {3}backend local \(local\)/ })
  const schema = await run(['check', '--schema'])
  t.equal(schema.stdout, await readFile(new URL('../../latchkey.schema.json', import.meta.url), 'utf8'))
  const dead = `ldap://127.0.0.1:${await freePort()}`
  await writeFile(
    join(folder, 'latchkey.yaml'),
    `backends:\n  - { id: corp, type: ldap, servers: ["${dead}"], insecure: true, users: [{ base: "dc=x", filter: "(uid={username})" }] }\n`
  )
  const checked = await run(['check'])
  t.equal(checked.code, 1)
  t.match(checked.stdout, /FAIL backend corp \(ldap\): connect/)
  const asJson = await run(['check', '--json'])
  matchLists(t, JSON.parse(asJson.stdout), {
    database: { answers: true },
    backends: [{ backend: 'corp', answers: false }]
  })

  const redis = `limits: { redis: { url: "redis://:a%20password@127.0.0.1:${await freePort()}" } }\n`
  await writeFile(join(folder, 'latchkey.yaml'), `${redis}backends: [{ id: local, type: local }]\n`)
  const lonely = await run(['check'])
  t.match(lonely, {
    code: 1,
    stdout: /FAIL redis: ECONNREFUSED\nok {3}backend local/,
    stderr: 'no answer from: Redis\n'
  })
  const lonelyAsJson = await run(['check', '--json'])
  matchLists(t, JSON.parse(lonelyAsJson.stdout), { redis: { answers: false, error: 'ECONNREFUSED' } })
  const asked = { redis: 0, directory: 0 }
  const hanging = async (which: keyof typeof asked): Promise<number> => {
    const server = createServer(() => asked[which]++).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  await writeFile(
    join(folder, 'latchkey.yaml'),
    `limits: { redis: { url: "redis://127.0.0.1:${await hanging('redis')}" } }\n` +
      `backends: [{ id: corp, type: ldap, servers: ["ldap://127.0.0.1:${await hanging('directory')}"], insecure: true, timeout: 500ms, users: [{ base: "dc=x", filter: "(uid={username})" }] }]\n`
  )
  await run(['explain', 'nobody'])
  t.ok(asked.directory > 0)
  t.equal(asked.redis, 0, 'whoever counts nothing does not connect')

  t.notMatch([lonely, lonelyAsJson].map(({ stdout, stderr }) => stdout + stderr).join(), /a%20password|a password/)

  await writeFile(
    join(folder, 'latchkey.yaml'),
    `publicClient: true\nsecret: a secret of thirty-two bytes or more\ndatabase: { url: "mysql://x@127.0.0.1:${await freePort()}/x" }\n` +
      'backends:\n  - { id: fixed, type: static, users: [{ username: ann, email: ann@example.com, password: pw }] }\n' +
      `  - { id: corp, type: ldap, servers: ["${dead}"], insecure: true, users: [{ base: "dc=x", filter: "(uid={username})" }] }\n` +
      '  - { id: local, type: local }\n'
  )
  const lines = await run(['check'])
  t.match(lines.stdout, /^ok {3}configuration .*\nFAIL database: connect ECONNREFUSED .*\nok {3}backend fixed/)
  t.match(lines.stdout, /FAIL backend corp \(ldap\): connect[\s\S]*FAIL backend local \(local\): database\n/)
  t.match([lines.code, lines.stderr], [1, 'no answer from: the database, corp, local\n'])
  const told = await run(['check', '--json'])
  matchLists(t, JSON.parse(told.stdout), {
    configuration: join(folder, 'latchkey.yaml'),
    database: { answers: false, error: /ECONNREFUSED/ },
    backends: [{ answers: true }, { answers: false }, { backend: 'local', answers: false }]
  })

  await writeFile(join(folder, 'latchkey.yaml'), 'secret: short\nbackends: [{ id: local, type: locl }]\n')
  const mistaken = await run(['check', '--json'])
  matchLists(t, JSON.parse(mistaken.stdout), {
    configuration: join(folder, 'latchkey.yaml'),
    mistakes: [
      { path: 'secret', message: /32 bytes/, line: 1, column: 1 },
      { path: 'backends[0].type', message: 'unknown type: did you mean local?', line: 2, column: 25 }
    ]
  })
  t.match([mistaken.code, mistaken.stderr], [1, /2 mistakes/])
})
