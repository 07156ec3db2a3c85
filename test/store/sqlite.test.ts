import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { openStore, type StoreOptions } from '../../src/store/index.ts'
import { connect } from '../../src/store/sqlite-connection.ts'
import { conformance } from './conformance.ts'
import { identity, newUser, open, silent, startProcess, type World } from './world.ts'

const fileOf = (t: Test): string => join(t.testdir({}), 'latchkey.db')

const world = async (t: Test, options: Pick<StoreOptions, 'mapFrom'> = {}): Promise<World> => {
  const path = fileOf(t)
  const url = `file:${path}`
  const store = await openStore({ ...options, url, log: silent })
  const direct = new DatabaseSync(path, { timeout: 5000 })
  t.teardown(async () => {
    direct.close()
    await store.close()
  })
  const sql = async (statements: string) =>
    statements.startsWith('select') ? direct.prepare(statements).all() : direct.exec(statements)
  return { url, store, sql }
}

/** What is there is mapped, what is written comes from the log of writes until there is a checkpoint. */
const mappedWorld = async (t: Test): Promise<World> => {
  const made = await world(t, { mapFrom: 0 })
  await made.sql('pragma wal_checkpoint(truncate)')
  return made
}

t.test('the store on SQLite', async (t) => conformance(t, world))

t.test('the store on SQLite, its file mapped into memory', async (t) => conformance(t, mappedWorld))

t.test('a file is mapped from a size on, where that is told', async (t) => {
  const { store, url, sql } = await mappedWorld(t)
  const path = url.slice('file:'.length)
  const isMapped = () => readFileSync('/proc/self/maps', 'utf8').includes(`${path}\n`)
  await store.users.count()
  t.ok(isMapped())
  await store.close()
  t.notOk(isMapped())
  const { size } = statSync(path)
  for (const [mapFrom, expected] of [
    [size, true],
    [size + 1, false],
    [undefined, false]
  ] as const) {
    const again = await openStore({ url, log: silent, ...(mapFrom === undefined ? {} : { mapFrom }) })
    await again.users.count()
    t.equal(isMapped(), expected, `${mapFrom} of ${size} bytes`)
    await again.close()
  }
  await sql('select 1')
})

t.test('a mapped file that another process shortens is still read', async (t) => {
  const { store, url, sql } = await mappedWorld(t)
  await store.users.create(newUser('ann@example.com'))
  await sql('create table ballast (content); insert into ballast values (zeroblob(8 * 1024 * 1024))')
  await sql('pragma wal_checkpoint(truncate)')
  t.match(await store.users.byEmail('ann@example.com'), { email: 'ann@example.com' })
  const size = () => statSync(url.slice('file:'.length)).size
  t.ok(size() > 8 * 2 ** 20)
  await sql('drop table ballast; vacuum; pragma wal_checkpoint(truncate)')
  t.ok(size() < 2 ** 20, `${size()} bytes`)
  t.match(await store.users.byEmail('ann@example.com'), { email: 'ann@example.com' })
  t.match(await store.users.create(newUser('bob@example.com')), { email: 'bob@example.com' })
  await sql('pragma wal_checkpoint(truncate)')
  t.equal(await store.users.count(), 2)
})

t.test('the file is readable to its owner alone', async (t) => {
  const path = fileOf(t)
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  const store = await open(`file:${path}`)
  await store.users.create(newUser('ann@example.com'))
  for (const file of [path, `${path}-wal`, `${path}-shm`]) t.equal(statSync(file).mode & 0o777, 0o600, file)
  await store.close()
})

t.test('six processes at once open one empty file', async (t) => {
  const url = `file:${fileOf(t)}`
  const processes = await Promise.all(Array.from({ length: 6 }, () => startProcess(url)))
  for (const one of processes) t.equal(await one.line(), 'ready')
  for (const one of processes) one.go()
  for (const one of processes) t.equal(await one.line(), 'opened with 0 users')
  for (const one of processes) t.equal(await one.ended(), 0)
})

t.test('a writer waits for another process without blocking this one, and gives up in the end', async (t) => {
  const { store, url } = await world(t)
  const other = new DatabaseSync(url.slice('file:'.length))
  other.exec('begin immediate')
  const user = store.users.create(newUser('ann@example.com'), identity('corp', '1'))
  // were it blocked, nothing would run before the writer has given up
  await sleep(100)
  t.equal(await store.users.count(), 0, 'readers read meanwhile')
  other.exec('commit')
  t.match(await user, { email: 'ann@example.com' })

  other.exec('begin immediate')
  await t.rejects(store.users.create(newUser('bob@example.com')), { code: 'temporarily_unavailable', statusCode: 503 })
  other.exec('commit')
  t.match(await store.users.create(newUser('bob@example.com')), { email: 'bob@example.com' })
  other.close()
})

t.test('a file that is no database is unavailable, and a folder that is missing', async (t) => {
  const folder = t.testdir({ 'text.db': 'not a database, but long enough to be one'.repeat(100) })
  await t.rejects(open(`file:${folder}/text.db`), { code: 'temporarily_unavailable' })
  await t.rejects(open(`file:${folder}/missing/latchkey.db`), { code: 'temporarily_unavailable' })
})

t.test('tables that are there already are used as they are, and without migrate none are made', async (t) => {
  const { store, url } = await world(t)
  await store.users.create(newUser('ann@example.com'))
  const again = await open(url)
  t.equal(await again.users.count(), 1)
  await again.close()

  const bare = await openStore({ url: `${url}-bare`, log: silent, migrate: false })
  t.teardown(() => bare.close())
  await bare.ping()
  await t.rejects(bare.users.count(), /no such table/)
})

t.test('statements that do not come again do not stay in memory', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  const connection = connect(':memory:')
  t.teardown(() => connection.close())
  const values = Array(1000).fill(2)
  const residentMiB = () => process.memoryUsage.rss() / 2 ** 20
  const before = residentMiB()
  for (let n = 0; n < 2000; n++) {
    connection.run(`select ${n} where 1 in (${values.map(() => '?').join()})`, values)
    if (n % 100 === 0) collect()
  }
  const grown = residentMiB() - before
  t.ok(grown < 120, `${grown.toFixed()} MiB for 2000 statements`)
})
