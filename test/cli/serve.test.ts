import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { Agent, createServer, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

const shell = async (line: string): Promise<string> => (await promisify(execFile)('bash', ['-c', line])).stdout

t.test('what a newcomer meets', async (t) => {
  const folder = await temporaryFolder(t)
  const port = String(await freePort())
  const env = { LATCHKEY_PORT: port }
  const first = start(t, ['serve'], folder, env)
  await first.says(/jwks\.json\n/)
  const lines = first
    .said()
    .split('\n')
    .filter((line) => line.startsWith('curl '))
  t.equal(lines.length, 3, 'three lines to paste')
  const [token = '', userinfo = '', keys = ''] = lines
  const answer = JSON.parse(await shell(token))
  t.match(answer, { token_type: 'Bearer', expires_in: 600 })
  t.match(JSON.parse(await shell(userinfo)), { email: 'admin@localhost', backend: 'local' })
  matchLists(t, JSON.parse(await shell(keys)), { keys: [{ alg: 'ES256' }] })
  const issuer = `http://localhost:${port}`
  const jwks = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
  const { payload } = await jwtVerify(answer.access_token, jwks, { issuer, audience: issuer, typ: 'at+jwt' })
  t.match(payload, { email: 'admin@localhost', client_id: 'public' })

  t.equal((await stat(join(folder, 'data'))).mode & 0o777, 0o700)
  for (const name of await readdir(join(folder, 'data'))) {
    t.equal((await stat(join(folder, 'data', name))).mode & 0o077, 0, `data/${name} is nobody else's`)
  }
  t.same(await readdir(folder), ['data'], 'nothing else is made')
  const [, password = ''] = /password=([\w-]+)/.exec(token) ?? []
  t.equal(
    first
      .said()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes(password)).length,
    0,
    'not in the log'
  )
  t.equal(await first.end(), 0, 'SIGTERM ends it with 0')

  const database = await readFile(join(folder, 'data/latchkey.db'))
  t.notOk(database.includes('PRIVATE KEY'), 'the signing key is sealed')
  t.notOk(database.includes(password))
  const second = start(t, ['serve'], folder, env)
  await second.says(/jwks\.json\n/)
  t.notMatch(second.said(), /password=/)
  t.same(JSON.parse(await shell(token)).token_type, 'Bearer', 'the same administrator')
  t.equal((await jwtVerify(answer.access_token, jwks, { issuer })).payload.sub, payload.sub, 'and the same key')

  const list = await command(t, ['users', 'list', '--json'], folder, { env })
  t.equal(list.stdout.trim().split('\n').length, 1, 'one user still, seen beside the running server')
  t.equal(await second.end('SIGINT'), 0)
})

t.test('requests under way are answered when it ends', async (t) => {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const patient =
    'login: { timeout: 50s }\npasswords: { queueTimeout: 40s }\nbackends: [{ id: local, type: local, timeout: 45s }]'
  await writeFile(join(folder, 'latchkey.yaml'), `publicClient: true\nlimits: { ip: false }\n${patient}\n`)
  const password = 'correct horse battery'
  await command(t, ['users', 'create', 'ann@example.com', '--password-stdin'], folder, { input: password })
  const server = start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) })
  await server.says('listening')
  const body = new URLSearchParams({ grant_type: 'password', username: 'ann@example.com', password }).toString()
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const outcomes: string[] = []
  let ending = false
  const post = (): Promise<string> =>
    new Promise((resolve) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const sent = request({ port, host: '127.0.0.1', path: '/token', method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(String(answer.statusCode)))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      sent.end(body)
    })
  const worker = async (): Promise<void> => {
    for (;;) {
      const outcome = await post()
      if (outcome === 'ECONNREFUSED' && ending) return
      outcomes.push(outcome)
    }
  }
  const workers = Array.from({ length: 8 }, worker)
  while (outcomes.length < 60) await new Promise((resolve) => setTimeout(resolve, 20))
  ending = true
  t.equal(await server.end(), 0)
  await Promise.all(workers)
  const heard = server.said().match(/"route":"\/token","status":200/g)?.length
  const answered = outcomes.filter((outcome) => outcome === '200').length
  t.equal(answered, heard, `${heard} requests heard, none lost`)
  // A connection that the system itself took while the process stopped listening: nobody heard it, whoever sent it is told.
  const reset = outcomes.filter((outcome) => outcome === 'ECONNRESET').length
  t.ok(reset <= 1, `${reset} reset unheard`)
  t.equal(answered + reset, outcomes.length)
})

t.test('so is a login that may take longer than others', async (t) => {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const account = JSON.stringify({ subject: '1', username: 'ann', email: 'ann@example.com' })
  const waits = [8_500]
  const service = createServer((_request, response) => {
    setTimeout(() => response.setHeader('content-type', 'application/json').end(account), waits.pop() ?? 0)
  })
  const asked = once(service, 'request')
  const servicePort = await freePort()
  service.listen(servicePort, '127.0.0.1')
  t.teardown(() => service.close())
  const url = `http://127.0.0.1:${servicePort}/`
  const backend = `{ id: h, type: http, url: "${url}", secret: "a random text that has 32 bytes!", timeout: 12s }`
  await writeFile(
    join(folder, 'latchkey.yaml'),
    `publicClient: true\nlogin: { timeout: 15s }\nbackends: [${backend}]\n`
  )
  const server = start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) })
  await server.says('listening')
  const body = new URLSearchParams({ grant_type: 'password', username: 'ann', password: 'looking-glass' })
  const answer = fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body })
  await asked
  server.child.kill('SIGINT')
  await server.says('ending')
  const ends = server.end('SIGINT') // as Ctrl+C does where npm hands it on
  t.equal((await answer).status, 200)
  t.equal(await ends, 0)

  const other = start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) })
  await other.says('listening')
  waits.push(8_500)
  const cut = fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body }).then(String, () => 'cut off')
  await once(service, 'request')
  other.child.kill('SIGTERM')
  await sleep(1_500)
  t.equal(await other.end(), 1, 'a second signal after a while is meant')
  t.equal(await cut, 'cut off')
})

t.test('what stops the start', async (t) => {
  const folder = await temporaryFolder(t)
  const config = join(folder, 'latchkey.yaml')
  const serve = (env: Record<string, string> = {}) => command(t, ['serve'], folder, { env })
  await writeFile(config, 'backnds: []\nlisten: { port: 99999 }\nissuer: http://auth.example.com\n')
  const wrong = await serve()
  t.equal(wrong.code, 1)
  for (const text of ['backnds', 'backends', 'listen.port', 'issuer']) t.match(wrong.stderr, text)
  t.notMatch(wrong.stderr, /\n\s+at /, 'mistakes, not a stack')

  await writeFile(config, `backends: [{ id: local, type: local }]\nlisten: { port: ${await freePort()} }\n`)
  const first = start(t, ['serve'], folder, { LATCHKEY_SECRET: 'the first secret, of many characters' })
  await first.says('listening')
  t.notMatch(first.said(), /password|curl/, 'with a file nobody is created unasked')
  const taken = await serve({ LATCHKEY_SECRET: 'the first secret, of many characters' })
  t.equal(taken.code, 1)
  t.match(
    taken.stderr,
    /^127\.0\.0\.1 port \d+ is taken: set another port by LATCHKEY_PORT or listen\.port.* \(EADDRINUSE\)$/m
  )
  await first.end()
  const other = await serve({ LATCHKEY_SECRET: 'another secret, of many characters too' })
  t.equal(other.code, 1)
  t.match(other.stderr, /another secret/, 'a secret that does not open the keys')
  const short = await serve({ LATCHKEY_SECRET: 'canary-short' })
  t.equal(short.code, 1)
  t.notMatch(short.stderr, /canary/)
  const usage = await command(t, ['nonsense'], folder)
  t.equal(usage.code, 2)
})
