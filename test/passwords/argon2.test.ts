import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import argon2 from 'argon2'
import fc from 'fast-check'
import t from 'tap'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { isAffordable, parseArgon2 } from '../../src/passwords/phc.ts'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { type Running, start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'
import { setPasswordHash } from '../store/acts.ts'

const passwords = await openPasswords()
/** However busy the machine is, all hashes come to their turn. */
const patient =
  'publicClient: true\nlogin: { timeout: 50s }\npasswords: { queueTimeout: 40s }\nbackends: [{ id: local, type: local, timeout: 45s }]\n'
const salt = 'c29tZXNhbHRzb21lc2FsdA'
const key = 'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY'

t.test('our hashes are what libargon2 and Django read', async (t) => {
  const hash = await passwords.hash('correct horse')
  t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/, 'in the order m, t, p')
  t.ok(await argon2.verify(hash, 'correct horse'))
  t.notOk(await argon2.verify(hash, 'wrong'))
  t.not(hash, await passwords.hash('correct horse'), 'salted')
  const theirs = await argon2.hash('päßwörd 😀', { memoryCost: 19456, timeCost: 2, parallelism: 1 })
  t.ok(await passwords.verify(theirs, 'päßwörd 😀'))
  t.notOk(await passwords.verify(theirs, 'päßwörd'))
  for (const type of [argon2.argon2i, argon2.argon2d]) {
    t.ok(await passwords.verify(await argon2.hash('x', { type, memoryCost: 8192 }), 'x'), 'the other two kinds as well')
  }
})

t.test('a foreign hash costs no more than the ceiling, and opens nothing above it', async (t) => {
  const refused = [
    `$argon2id$v=19$m=4294967295,t=1,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=131073,t=1,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=8,t=11,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=64,t=1,p=5$${salt}$${key}`,
    `$argon2id$v=19$m=7,t=1,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=8,t=0,p=1$${salt}$${key}`,
    `$argon2id$v=16$m=8,t=1,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=8,p=1,t=1$${salt}$${key}`,
    `$argon2id$v=19$m=99999999999999999999,t=1,p=1$${salt}$${key}`,
    `$argon2xx$v=19$m=8,t=1,p=1$${salt}$${key}`,
    '$argon2id$',
    'plain',
    '',
    '!unusable',
    `$2b$12$${'a'.repeat(53)}`
  ]
  for (const hash of refused) t.equal(await passwords.verify(hash, 'x'), false, hash.slice(0, 40))
  t.notOk(isAffordable({ algorithm: 'argon2id', memoryCost: Number.NaN, timeCost: 1, parallelism: 1 }))
  const affordable = (memoryCost: number, timeCost: number, parallelism: number, lanes?: number) =>
    isAffordable({ algorithm: 'argon2id', memoryCost, timeCost, parallelism }, lanes)
  for (const [m, time, p, lanes] of [
    [8, 1, 1],
    [16, 1, 2],
    [131_072, 10, 4],
    [64, 1, 8, 8]
  ] as const)
    t.ok(affordable(m, time, p, lanes), `m=${m},t=${time},p=${p}`)
  for (const [m, time, p, lanes] of [
    [8, 1, 0],
    [15, 1, 2],
    [8, 0, 1],
    [131_073, 1, 1],
    [8, 11, 1],
    [64, 1, 5],
    [72, 1, 9, 8]
  ] as const)
    t.notOk(affordable(m, time, p, lanes), `m=${m},t=${time},p=${p}`)
  fc.assert(
    fc.property(fc.string(), (text) => parseArgon2(text) === undefined),
    { numRuns: 1000 }
  )
})

t.test('what is weaker is made anew', async (t) => {
  t.equal(passwords.needsRehash(await passwords.hash('x')), false)
  t.equal(passwords.needsRehash(await argon2.hash('x', { memoryCost: 8192, timeCost: 2, parallelism: 1 })), true)
  t.equal(passwords.needsRehash(await argon2.hash('x', { memoryCost: 65536, timeCost: 3, parallelism: 4 })), false)
  t.equal(passwords.needsRehash(await argon2.hash('x', { type: argon2.argon2i, memoryCost: 65536 })), true)

  const latchkey = await openTestLatchkey(
    t,
    'publicClient: true\nbackends: [{ id: local, type: local }]\nlimits: { account: false }'
  )
  const id = await latchkey.addUser({ email: 'old@example.com' })
  const old = await argon2.hash('right', { memoryCost: 8192, timeCost: 2, parallelism: 1 })
  await setPasswordHash(latchkey.store, id, old, 1)
  const stored = async () => (await latchkey.store.accounts.byId(id))?.passwordHash
  const token = (password: string) => latchkey.token({ grant_type: 'password', username: 'old@example.com', password })
  t.equal((await token('wrong')).statusCode, 400)
  t.equal(await stored(), old, 'a wrong password changes nothing')
  const answers = await Promise.all(Array.from({ length: 5 }, () => token('right')))
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [200, 200, 200, 200, 200],
    'five at once'
  )
  t.match(await stored(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  t.equal((await token('right')).statusCode, 200)
})

t.test('hashes leave threads for everything else', async (t) => {
  const folder = await temporaryFolder(t)
  const port = await freePort()
  await writeFile(join(folder, 'latchkey.yaml'), patient)
  const server = start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) })
  await server.says('listening')
  const logins = Array.from({ length: 64 }, async (_, at) => {
    const body = new URLSearchParams({ grant_type: 'password', username: `u${at}@example.com`, password: 'x' })
    return (await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body })).status
  })
  const status = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  t.match(status, /latchkey_hash_queue_waiting \d+/)
  const running = Number(/latchkey_hash_queue_running (\d+)/.exec(status)?.[1])
  t.ok(running <= availableParallelism(), `${running} at work`)
  t.same([...new Set(await Promise.all(logins))], [400])
  t.equal(poolOf(server), availableParallelism() + 4)

  const more = availableParallelism() + 3
  await writeFile(
    join(folder, 'latchkey.yaml'),
    patient.replace('{ queueTimeout', `{ concurrency: ${more}, queueTimeout`)
  )
  const otherPort = await freePort()
  const other = start(t, ['serve'], folder, { LATCHKEY_PORT: String(otherPort) })
  await other.says('listening')
  t.equal(poolOf(other), more + 4, 'however many there may be at once')
  const told = start(t, ['serve'], folder, { LATCHKEY_PORT: String(await freePort()), UV_THREADPOOL_SIZE: '5' })
  await told.says('listening')
  t.equal(poolOf(told), 5, 'but for what the environment says')
})

/** How many threads libuv has for work. */
function poolOf({ child: { pid } }: Running): number {
  const names = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim()
  )
  return names.filter((name) => name === 'libuv-worker').length
}
