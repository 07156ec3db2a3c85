import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { claimsOf, temporaryFolder } from '../latchkey.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

const yaml = (port: number) => `listen: { port: ${port} }
login: { failureFloor: 1ms }
limits: { ip: false }
backends: [{ id: local, type: local }]
audiences: [{ id: blog, permissions: ["blog.*"] }]
clients: [{ id: fixed, secret: "the secret of fixed, of thirty-two bytes" }]
`

t.test('clients', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), yaml(8000))
  const run = (...args: string[]) => command(t, ['clients', ...args], folder)
  const rights =
    '--grant client_credentials --audience blog --backend local --choose-backend --permission blog.add_post'
  const made = await run('create', 'robot', ...rights.split(' '), '--json')
  const { secret, ...rest } = JSON.parse(made.stdout)
  t.match(secret, /^[\w-]{43}$/, '256 bits')
  t.match(rest, {
    ...{ id: 'robot', origin: 'database', grants: ['client_credentials'], audiences: ['blog'], backends: ['local'] },
    ...{ chooseBackend: true, permissions: ['blog.add_post'], secrets: [{ expiresAt: null }] }
  })
  const ids = async (...args: string[]) =>
    (await run('list', '--json', ...args)).stdout.match(/(?<="id":")[^"]+/g) ?? []
  t.same(await ids(), ['fixed', 'robot'])
  t.same(await ids('--search', 'fi'), ['fixed'])
  t.same(await ids('--search', 'rob'), ['robot'])
  t.same(await ids('--search', 'Rob'), [])
  const plain = await run('create', 'Robot')
  t.match(plain.stdout, /^client_id {6}Robot\nclient_secret {2}[\w-]{43}\n$/)
  t.match(plain.stderr, /not shown again/)

  for (const [why, args] of [
    ['taken', ['create', 'robot']],
    ['in the configuration', ['create', 'fixed']],
    ['in the configuration', ['rotate-secret', 'fixed']],
    ['in the configuration', ['delete', 'fixed']],
    ['the public client', ['create', 'public']],
    ['a space', ['create', 'a b']],
    ['too long', ['create', 'x'.repeat(129)]],
    ['another grant', ['create', 'x', '--grant', 'implicit']],
    ['no grant that logs in', ['create', 'x', '--grant', 'refresh_token']],
    ['permissions without their grant', ['create', 'x', '--permission', 'blog.add_post']],
    ['no permission', ['create', 'x', '--grant', 'client_credentials', '--permission', 'nodot']],
    ['an audience that is not there', ['create', 'x', '--audience', 'shop']],
    ['a backend that is not there', ['create', 'x', '--backend', 'corp']],
    ['nobody', ['rotate-secret', 'x']],
    ['nobody', ['delete', 'x']]
  ] as const) {
    const { code, stdout, stderr } = await run(...args)
    t.same([code, stdout], [1, ''], `${why}: ${stderr}`)
    t.ok(stderr.trim().length > 0 && !stderr.includes('    at '), stderr)
  }
  t.match((await run('create', 'public')).stderr, 'id: is what callers without client authentication are called')
  t.match(await run('create', 'x', '--authentication', 'mtls'), {
    code: 2,
    stderr: 'expected client_secret_basic, client_secret_post, private_key_jwt or none'
  })
  t.notMatch((await run('create', '--help')).stdout, '[]')
  t.match((await run('rotate-secret', '--help')).stdout, /default:\s+24h\)/)
  for (const args of [[], ['create'], ['rotate-secret', 'robot', '--keep', 'long'], ['list', '--wrong'], ['wrong']])
    t.equal((await run(...args)).code, 2, `usage: ${args.join(' ')}`)

  const rotated = JSON.parse((await run('rotate-secret', 'robot', '--keep', '2h', '--json')).stdout)
  t.not(rotated.secret, secret)
  const [fresh, old] = rotated.secrets
  t.equal(fresh.expiresAt, null)
  t.ok(Math.abs(Date.parse(old.expiresAt) - Date.now() - 7_200_000) < 60_000, 'two hours')
  t.match((await run('rotate-secret', 'robot')).stderr, /the old one is valid until/)
  t.match((await run('list')).stdout, /^fixed .*configuration\nRobot .*\nrobot {2}client_credentials {2}2 secrets\n$/)
  t.equal(JSON.parse((await run('rotate-secret', 'robot', '--keep', '0', '--json')).stdout).secrets.length, 1)

  const listed = await run('list', '--json')
  t.same(
    listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
    ['fixed', 'Robot', 'robot']
  )
  t.notMatch(listed.stdout, /hash|of thirty-two bytes/, 'no secrets, nor their digests')
  t.same(await run('delete', 'robot', '--json'), { code: 0, stdout: '{"id":"robot"}\n', stderr: '' })
  t.notMatch((await run('list')).stdout, /^robot/m)
})

t.test('everything that a configuration can say of a client, and back to the default', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), yaml(8000))
  const run = (...args: string[]) => command(t, ['clients', ...args], folder)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value))
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'one' }
  await write('key.json', key)
  await write('private.json', privateKey.export({ format: 'jwk' }))
  await write('odd.json', { keys: [{ ...key, kid: 7 }] })
  await writeFile(join(folder, 'none.json'), '{')
  const made = await run(
    'create',
    'signer',
    '--jwks',
    'key.json',
    '--access-ttl',
    '5m',
    '--refresh-ttl',
    '2d',
    '--json'
  )
  t.equal(made.code, 0, made.stderr)
  const { secret, ...rest } = JSON.parse(made.stdout)
  t.equal(secret, undefined, 'who has keys has no secret')
  t.match(rest, { jwks: { keys: [key] }, accessTtl: '5m', refreshTtl: '2d', secrets: [] })
  const change = (...args: string[]) => run('change', 'signer', '--json', ...args)
  const more = ['--limit', '600/1m', '--forwarded-for', '10.1.0.0/16', '--authentication', 'private_key_jwt']
  const changed = await change(
    '--jwks',
    '',
    '--jwks-uri',
    'https://10.0.0.5/keys',
    '--allow-private',
    '10.0.0.5',
    ...more
  )
  t.equal(changed.code, 0, changed.stderr)
  const now = JSON.parse(changed.stdout)
  t.match(now, {
    ...{ jwksUri: 'https://10.0.0.5/keys', allowPrivate: ['10.0.0.5'], limits: { max: 600, window: '1m' } },
    ...{ forwardedFor: ['10.1.0.0/16'], authentication: 'private_key_jwt', accessTtl: '5m' }
  })
  t.notOk('jwks' in now)
  t.notOk('limits' in JSON.parse((await change('--limit', '')).stdout), 'an empty value is the default')
  t.match(JSON.parse((await change('--choose-backend')).stdout), { chooseBackend: true })
  t.match(JSON.parse((await change('--no-choose-backend')).stdout), { chooseBackend: false })
  for (const [args, why] of [
    [['--jwks', 'private.json', '--jwks-uri', '', '--allow-private', ''], 'jwks.keys.0: is secret'],
    [['--jwks', 'odd.json', '--jwks-uri', '', '--allow-private', ''], 'jwks.keys.0: has a kid that is no text'],
    [['--jwks', 'none.json'], 'holds no JSON'],
    [['--jwks', 'nowhere.json'], "can't be read: ENOENT"],
    [['--allow-private', ''], 'jwksUri: is a private address'],
    [['--access-ttl', '25h'], 'accessTtl: expected 24h at most']
  ] as const) {
    const { code, stderr } = await change(...args)
    t.equal(code, 1, why)
    t.match(stderr, why)
  }
  t.match(await change('--limit', 'many'), { code: 2, stderr: 'error: --limit: expected' }, 'usage')
  t.match(await change(), { code: 2, stderr: 'error: name what is to be changed' }, 'usage')
  t.match(await run('change', 'nobody', '--access-ttl', '5m'), { code: 1, stderr: 'there is no client' })
})

t.test('beside a running server', async (t) => {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  await writeFile(join(folder, 'latchkey.yaml'), yaml(port))
  const server = start(t, ['serve'], folder)
  await server.says('listening')
  const run = (...args: string[]) => command(t, args, folder)
  await command(t, ['users', 'create', 'ann@example.com', '--password-stdin'], folder, {
    input: 'correct horse battery'
  })
  const secretOf = async (...args: string[]) => JSON.parse((await run('clients', ...args, '--json')).stdout).secret
  const token = async (secret: string) => {
    const authorization = `Basic ${Buffer.from(`blog:${secret}`).toString('base64')}`
    const body = new URLSearchParams({
      grant_type: 'password',
      username: 'ann@example.com',
      password: 'correct horse battery'
    })
    const answer = await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', headers: { authorization }, body })
    return { status: answer.status, ...((await answer.json()) as { access_token?: string }) }
  }
  /** How long it took until a secret was answered so; five seconds are promised. */
  const until = async (secret: string, status: number): Promise<void> => {
    const end = Date.now() + 5_000
    while ((await token(secret)).status !== status && Date.now() < end);
    t.equal((await token(secret)).status, status)
  }
  const first = await secretOf('create', 'blog', '--audience', 'blog')
  t.match(claimsOf((await token(first)).access_token ?? ''), { client_id: 'blog', aud: 'blog' })
  const second = await secretOf('rotate-secret', 'blog')
  await until(second, 200)
  t.equal((await token(first)).status, 200, 'both are valid')
  const third = await secretOf('rotate-secret', 'blog', '--keep', '0')
  await until(second, 401)
  t.equal((await token(first)).status, 401)
  t.equal((await token(third)).status, 200)
  t.equal((await run('clients', 'delete', 'blog')).code, 0)
  await until(third, 401)
})
