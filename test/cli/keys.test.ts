import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' })

t.test('keys, beside a running server', async (t) => {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  await writeFile(
    join(folder, 'latchkey.yaml'),
    `publicClient: true\nlisten: { port: ${port} }\ntokens: { rotate: false }\n` +
      'backends: [{ id: s, type: static, users: [{ username: ann, email: ann@example.com, password: pw }] }]\n' +
      'audiences: [{ id: rsa, permissions: ["*"], algorithm: RS256 }]\n'
  )
  const run = (args: string[]) => command(t, ['keys', ...args], folder)
  const list = async () =>
    (await run(['list', '--json'])).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { kid: string; state: string; algorithm: string })
  const empty = await run(['rotate'])
  t.match([empty.code, empty.stderr], [1, /no key yet/])

  const server = start(t, ['serve'], folder)
  await server.says('listening')
  const url = `http://127.0.0.1:${port}`
  const token = async (): Promise<string> => {
    const body = new URLSearchParams({ grant_type: 'password', username: 'ann', password: 'pw' })
    const answer = await fetch(`${url}/token`, { method: 'POST', body })
    return ((await answer.json()) as { access_token: string }).access_token
  }
  const kidOf = (jwt: string): string => JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).kid
  const userinfo = async (jwt: string): Promise<number> =>
    (await fetch(`${url}/userinfo`, { headers: { authorization: `Bearer ${jwt}` } })).status
  const published = async (): Promise<string[]> => {
    const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: Array<{ kid: string }> }
    return keys.map(({ kid }) => kid)
  }
  const within10s = async (isSo: () => Promise<boolean>): Promise<boolean> => {
    for (let waited = 0; waited < 10_000; waited += 100) {
      if (await isSo()) return true
      await sleep(100)
    }
    return false
  }

  const first = await token()
  matchLists(t, await list(), [{ state: 'current' }, { state: 'current' }])
  const rotated = await run(['rotate', '--algorithm', 'ES256'])
  t.match([rotated.code, rotated.stdout], [0, /^[\w-]{43} {2}ES256 {2}signs from \d{4}-/])
  const next = rotated.stdout.slice(0, 43)
  t.equal((await run(['rotate', '--algorithm', 'ES256'])).stdout, rotated.stdout, 'again: the same key')
  t.ok(await within10s(async () => (await published()).includes(next)))
  t.equal(kidOf(await token()), kidOf(first), 'it does not sign yet')

  t.match((await run(['rotate', '--now', '--algorithm', 'ES256'])).stdout, `${next}  ES256  signs now\n`)
  t.ok(await within10s(async () => kidOf(await token()) === next))
  t.equal(await userinfo(first), 200, 'a retired key still verifies')
  t.ok((await published()).includes(kidOf(first)))

  const second = await token()
  const revoked = await run(['revoke', next])
  t.match([revoked.code, revoked.stdout], [0, new RegExp(`^revoked ${next}\n[\\w-]{43}  ES256  signs now\n$`)])
  t.ok(await within10s(async () => !(await published()).includes(next)))
  t.equal(await userinfo(second), 401, 'its tokens are dead')
  t.equal(await userinfo(await token()), 200)
  t.equal(await userinfo(first), 200)

  t.match((await run(['list'])).stdout, new RegExp(`^${next}  ES256  revoked  \\d{4}-`, 'm'))
  for (const args of [
    ['revoke', next],
    ['revoke', 'x'],
    ['rotate', '--algorithm', 'EdDSA']
  ]) {
    const { code, stdout, stderr } = await run(args)
    t.match([code, stdout], [1, ''], args.join(' '))
    t.ok(stderr.trim().length > 0 && !stderr.includes('    at '), stderr)
  }
  for (const args of [[], ['revoke'], ['rotate', '--algorithm', 'HS256'], ['list', '--wrong']]) {
    t.equal((await run(args)).code, 2, `usage: ${args.join(' ')}`)
  }
  t.notMatch((await run(['list', '--json'])).stdout + server.said(), /PRIVATE|sealed|v1\./)
})

t.test('a key whose id begins with a dash is revoked as any other', async (t) => {
  const folder = await temporaryFolder(t)
  const { calculateJwkThumbprint, exportJWK, generateKeyPair } = await import('jose')
  const dashed = async (): Promise<string> => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const kid = await calculateJwkThumbprint(await exportJWK(publicKey))
    if (!kid.startsWith('-')) return dashed()
    await writeFile(join(folder, 'key.jwk'), JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 })
    return kid
  }
  const kid = await dashed()
  const yaml = 'publicClient: true\nbackends: [{ id: local, type: local }]\ntokens: { keys: [{ file: key.jwk }] }\n'
  await writeFile(join(folder, 'latchkey.yaml'), yaml)
  const run = (...args: string[]) => command(t, args, folder)
  t.equal((await run('check')).code, 0)
  t.match(JSON.parse((await run('keys', 'list', '--json')).stdout), { kid, state: 'current' })
  t.match(JSON.parse((await run('keys', 'list', '--search', kid.slice(0, 4), '--json')).stdout), { kid })
  t.equal((await run('keys', 'list', '--search', 'no')).stdout, '')
  const revoked = await run('keys', 'revoke', kid, '--json')
  t.match([revoked.code, revoked.stderr], [0, ''])
  const { successor, ...told } = JSON.parse(revoked.stdout)
  t.same([told, successor.state], [{ revoked: kid }, 'current'])
  t.match(await run('keys', 'revoke', '--', kid), { code: 1, stderr: 'the key is revoked already' })
  const [next] = (await run('keys', 'rotate', '--now', '--json')).stdout.split('\n')
  t.match(JSON.parse(next ?? ''), { algorithm: 'ES256', state: 'current' })
})

t.test('keys from files', async (t) => {
  const folder = await temporaryFolder(t)
  const pem = (name: string, ...args: string[]) => openssl('genpkey', ...args, '-out', join(folder, name))
  pem('ec.pem', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
  pem('p384.pem', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384')
  pem('rsa.pem', '-algorithm', 'RSA')
  pem('short.pem', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024')
  pem('ed.pem', '-algorithm', 'ED25519')
  pem('x.pem', '-algorithm', 'X25519')
  openssl('ec', '-in', join(folder, 'ec.pem'), '-out', join(folder, 'sec1.pem'))
  openssl('rsa', '-in', join(folder, 'rsa.pem'), '-traditional', '-out', join(folder, 'pkcs1.pem'))
  openssl('pkey', '-in', join(folder, 'ec.pem'), '-pubout', '-out', join(folder, 'public.pem'))
  openssl('pkcs8', '-topk8', '-in', join(folder, 'ec.pem'), '-passout', 'pass:x', '-out', join(folder, 'locked.pem'))
  const { exportJWK, generateKeyPair } = await import('jose')
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  await writeFile(join(folder, 'ec.jwk'), JSON.stringify(jwk), { mode: 0o600 })
  await writeFile(join(folder, 'public.jwk'), JSON.stringify(await exportJWK(publicKey)))
  await writeFile(join(folder, 'set.jwk'), JSON.stringify({ keys: [jwk] }))
  await writeFile(join(folder, 'bad.jwk'), '{')
  await writeFile(join(folder, 'text'), 'no key')
  const configure = (keys: string, more = '') =>
    writeFile(
      join(folder, 'latchkey.yaml'),
      `publicClient: true\nbackends: [{ id: local, type: local }]\ntokens: { keys: [${keys}] ${more} }\n` +
        'audiences: [{ id: rsa, permissions: ["*"], algorithm: RS256 }]\n'
    )
  const file = (name: string) => `{ file: ${name} }`
  const check = async () => command(t, ['check'], folder)

  const mistakes: Record<string, RegExp> = {
    'p384.pem': /is on the curve secp384r1: expected P-256/,
    'short.pem': /has 1024 bits: expected 2048/,
    'x.pem': /is of the type x25519/,
    'ed.pem': /is for EdDSA, which no token is signed with: see tokens\.algorithm/,
    'public.pem': /public half only/,
    'locked.pem': /encrypted with a passphrase/,
    'public.jwk': /public half only/,
    'set.jwk': /is a set of keys/,
    'bad.jwk': /is no JSON/,
    text: /holds no private key/,
    missing: /can't be read \(ENOENT\)/
  }
  await configure(Object.keys(mistakes).slice(0, 3).map(file).join(', '))
  const three = await check()
  for (const message of Object.values(mistakes).slice(0, 3)) t.match(three.stderr, message, 'all at once')
  const { readKeyFile } = await import('../../src/tokens/key-file.ts')
  for (const [name, message] of Object.entries(mistakes)) {
    if (name === 'ed.pem') continue
    const read = readKeyFile(join(folder, name))
    t.match('mistake' in read ? read.mistake : 'none', message, name)
  }
  for (const [name, algorithm] of Object.entries({ 'sec1.pem': 'ES256', 'pkcs1.pem': 'RS256', 'ed.pem': 'EdDSA' })) {
    t.match(readKeyFile(join(folder, name)), { key: { algorithm, own: true } }, name)
  }
  await configure(file('ed.pem'))
  t.match((await check()).stderr, /tokens\.keys\[0\]\.file: is for EdDSA/)
  await configure([file('ec.pem'), file('sec1.pem')].join(', '))
  t.match((await check()).stderr, /tokens\.keys\[1\]\.file: another key is for ES256 already/)

  await configure([file('ec.jwk'), file('rsa.pem')].join(', '))
  const port = String(await freePort())
  const server = start(t, ['serve'], folder, { LATCHKEY_PORT: port })
  await server.says('listening')
  t.match((await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`)).status, 200)
  const { keys } = (await (await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`)).json()) as {
    keys: Array<Record<string, string>>
  }
  t.match(
    keys.find(({ alg }) => alg === 'ES256'),
    { x: jwk.x, y: jwk.y }
  )
  t.ok(keys.every((key) => key.d === undefined && key.own === undefined))
  const refused = await command(t, ['keys', 'rotate'], folder)
  t.match([refused.code, refused.stderr], [1, /comes from a file of the configuration/])
  t.match((await command(t, ['keys', 'list'], folder)).stdout, /ES256 {2}current {2}\S+ {2}own\n/)
})
