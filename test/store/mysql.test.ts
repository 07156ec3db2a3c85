import { setTimeout as sleep } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import t, { type Test } from 'tap'
import { eventOf } from '../../src/audit/event.ts'
import { openStore } from '../../src/store/index.ts'
import { matchLists } from '../match.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { setActive } from './acts.ts'
import { conformance } from './conformance.ts'
import { at, identity, newUser, open, silent, startProcess, type World, written } from './world.ts'

const skip = needs('mariadbd', 'mariadb-install-db', 'mariadb')
// a server without configuration is latin1, and every test here runs on one
const server = skip ? undefined : await startMariadb(['--character-set-server=latin1'])
t.teardown(() => server?.stop())

const mariadb = () => {
  if (server === undefined) throw new Error('no MariaDB')
  return server
}

let databases = 0
const emptyDatabase = (): Promise<string> => mariadb().database(`test_${++databases}`)

const world = async (t: Test): Promise<World> => {
  const url = await emptyDatabase()
  const store = await open(url)
  const direct = await mysql.createConnection({ uri: url, multipleStatements: true, charset: 'utf8mb4' })
  t.teardown(async () => {
    await direct.end()
    await store.close()
  })
  const sql = async (statements: string) => {
    const [rows] = await direct.query(statements)
    return Array.isArray(rows) ? rows.map((row) => Object.values(row).map(String)) : rows
  }
  return { url, store, sql }
}

/** The driver's word for why the promise is refused as unavailable. */
const refusal = async (t: Test, promise: Promise<unknown>): Promise<unknown> => {
  const error = await promise.then(
    () => undefined,
    (thrown) => thrown
  )
  t.match(error, { code: 'temporarily_unavailable', statusCode: 503 })
  return error?.cause?.code
}

t.test('the store on MariaDB', { skip }, async (t) => conformance(t, world))

t.test('the server is latin1, and our text is not', { skip }, async (t) => {
  const { sql } = await world(t)
  t.same(await sql('select @@character_set_server'), [['latin1']])
  const columns = "from information_schema.columns where table_schema = database() and table_name like 'latchkey%'"
  t.same(await sql(`select distinct character_set_name ${columns} and character_set_name is not null`), [['utf8mb4']])
})

/** How many prepared statements the server has run. */
const executed = async ({ sql }: World): Promise<number> => {
  const rows = await sql("show global status like 'Com_stmt_execute'")
  return Number(Array.isArray(rows) && rows[0]?.[1])
}

t.test('changes of one moment are few statements', { skip }, async (t) => {
  const here = await world(t)
  const { users } = here.store
  const people = await Promise.all(
    Array.from({ length: 33 }, (_, n) => users.create(newUser(`p${n}@example.com`), identity('corp', `s${n}`)))
  )
  const before = await executed(here)
  const answers = await Promise.all(
    people.map((user, n) => {
      if (user === 'taken') throw new Error('taken')
      const seen = identity('corp', `s${n}`)
      return written(here.store, users.loginWrite({ userId: user.id, identity: seen, isSameAccount: true, at }))
    })
  )
  t.ok(answers.every(Boolean))
  t.equal((await executed(here)) - before, 4, 'of users and of identities, 32 and one each')
})

t.test('look-ups of one moment are one statement, those of different kinds one each', { skip }, async (t) => {
  const here = await world(t)
  const { store } = here
  const count = () => executed(here)
  const object = { type: 'doc', id: '1' }
  const ask = (id: string) => [
    store.users.byId(id),
    store.users.byEmail(id),
    store.users.byIdentity('corp', id),
    store.users.storedPermissions(id),
    store.users.storedPermissions(id, object),
    store.sessions.byId(id),
    store.sessions.isRevoked({ jti: id, sid: id })
  ]
  const before = await count()
  await Promise.all(Array.from({ length: 30 }, (_, n) => ask(String(n))).flat())
  t.equal((await count()) - before, 7)
  await Promise.all(Array.from({ length: 70 }, (_, n) => store.users.byId(String(n))))
  t.equal((await count()) - before, 7 + 3, 'no more than 32 in one')
})

t.test('four processes at once open one empty database', { skip }, async (t) => {
  const url = await emptyDatabase()
  const processes = await Promise.all(Array.from({ length: 4 }, () => startProcess(url)))
  for (const one of processes) t.equal(await one.line(), 'ready')
  for (const one of processes) one.go()
  for (const one of processes) t.equal(await one.line(), 'opened with 0 users')
  for (const one of processes) t.equal(await one.ended(), 0)
})

t.test('a migration that was killed half-way goes on where it stopped', { skip }, async (t) => {
  const url = await emptyDatabase()
  const first = await open(url)
  await first.close()
  const direct = await mysql.createConnection({ uri: url, multipleStatements: true })
  t.teardown(() => direct.end())
  await direct.query(
    "drop table latchkey_clients; delete from latchkey_migrations where migration = '0001_sessions' and step = 2"
  )
  await t.rejects(direct.query('select * from latchkey_clients'), { code: 'ER_NO_SUCH_TABLE' })
  const again = await open(url)
  t.teardown(() => again.close())
  const [rows] = await direct.query('select * from latchkey_clients')
  t.same(rows, [])
})

t.test('so does one that was killed while the server went on, whatever the statement', { skip }, async (t) => {
  const url = await emptyDatabase()
  const first = await open(url)
  await first.close()
  const direct = await mysql.createConnection({ uri: url })
  t.teardown(() => direct.end())
  const [made] = await direct.query('select count(*) as steps from latchkey_migrations')
  await direct.query('update latchkey_migrations set applied_at = 0')
  await (await open(url)).close()
  const [done] = await direct.query('select count(*) as steps from latchkey_migrations where applied_at > 0')
  t.same(done, made)

  await direct.query("delete from latchkey_migrations where migration = '0001_sessions' and step = 2")
  for (const time of ['first', 'second'])
    await t.rejects(
      open(url),
      { code: 'ER_TABLE_EXISTS_ERROR' },
      `a table that somebody else made is not ours the ${time} time either`
    )
})

t.test('the password of the options goes before the one of the URL', { skip }, async (t) => {
  const url = (await emptyDatabase()).replace('secret', 'wrong')
  await t.rejects(open(url), { code: 'temporarily_unavailable', cause: { code: 'ER_ACCESS_DENIED_ERROR' } })
  const store = await openStore({ url, password: 'secret', log: silent })
  await store.ping()
  await store.close()
})

t.test('two databases with long names on one server are migrated, each under its own lock', { skip }, async (t) => {
  const url = await mariadb().database('n'.repeat(64))
  const store = await open(url)
  t.equal(await store.users.count(), 0)
  await store.close()
})

t.test(
  'a server that stops answering is unavailable within its time, and used again when it answers',
  { skip },
  async (t) => {
    const { store } = await world(t)
    await store.users.create(newUser('ann@example.com'))
    await mariadb().pause()
    t.teardown(() => mariadb().resume())
    const asked = Array.from({ length: 30 }, () => refusal(t, store.users.byEmail('ann@example.com')))
    for (const code of await Promise.all(asked)) t.equal(code, 'ETIMEDOUT', 'our own limit')
    t.equal(await refusal(t, store.users.create(newUser('bob@example.com'))), 'ETIMEDOUT', 'a write, too')
    t.equal(await refusal(t, store.ping()), 'ETIMEDOUT', 'a new connection, too')
    mariadb().resume()
    t.match(await store.users.byEmail('ann@example.com'), { email: 'ann@example.com' })
    t.match(await store.users.create(newUser('carl@example.com')), { email: 'carl@example.com' })
  }
)

t.test('a server that dies is unavailable at once, and used again when it is back', { skip }, async (t) => {
  const { store, url } = await world(t)
  await store.users.create(newUser('ann@example.com'))
  await Promise.all(Array.from({ length: 10 }, () => store.users.byEmail('ann@example.com')))
  await mariadb().kill()
  t.equal(await refusal(t, store.users.byEmail('ann@example.com')), 'ECONNREFUSED', 'nobody waits for a limit')
  t.equal(await refusal(t, store.users.create(newUser('bob@example.com'))), 'ECONNREFUSED')
  t.equal(await refusal(t, open(url)), 'ECONNREFUSED', 'a start, too')
  await mariadb().start()
  t.match(await store.users.byEmail('ann@example.com'), { email: 'ann@example.com' })
})

t.test('connections that the server ended meanwhile are not met by anybody', { skip }, async (t) => {
  const { store } = await world(t)
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 10 }, () => store.users.count()))
    await mariadb().sql(
      "select group_concat('kill ', id separator ';') into @kills from information_schema.processlist where user = 'latchkey'; execute immediate concat('begin not atomic ', @kills, '; end')"
    )
    await sleep(50)
    t.equal(await store.users.count(), 0)
  }
})

t.test('a server that only reads refuses what writes, and is asked anew later', { skip }, async (t) => {
  const { store } = await world(t)
  await store.users.create(newUser('ann@example.com'))
  await mariadb().sql('set global read_only = 1')
  t.teardown(() => mariadb().sql('set global read_only = 0'))
  const refused = await store.users.create(newUser('bob@example.com')).catch((error) => error)
  t.match(refused, { code: 'temporarily_unavailable', cause: { errno: 1290 } })
  t.match(await store.users.byEmail('ann@example.com'), { email: 'ann@example.com' })
  await mariadb().sql('set global read_only = 0')
  t.match(await store.users.create(newUser('bob@example.com')), { email: 'bob@example.com' })
})

t.test('logins of the same people on two replicas are all written, with their events', { skip }, async (t) => {
  const { url, store, sql } = await world(t)
  const other = await open(url)
  t.teardown(() => other.close())
  const people = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const user = await store.users.create(newUser(`p${n}@example.com`), identity('corp', `S-${n}`))
      if (user === 'taken') throw new Error('taken')
      return user
    })
  )
  const login = (n: number) => {
    const { audit, users } = n % 2 === 0 ? store : other
    const who = (n * 7) % people.length
    const seen = identity('corp', `S-${who}`, { lastSeenAt: at + n })
    const write = users.loginWrite({ userId: people[who]?.id ?? '', identity: seen, at: at + n })
    return audit.append([eventOf({ kind: 'login', outcome: 'success' })], [write])
  }
  const answers = await Promise.all(Array.from({ length: 400 }, (_, n) => login(n)))
  t.same(
    answers.filter((answer) => answer !== undefined),
    []
  )
  t.same(await sql('select count(*) from latchkey_audit'), [['400']])
  t.same(await sql(`select count(*) from latchkey_users where last_login_at > ${at}`), [['8']])
})

t.test('who waits for a locked row in vain fails alone', { skip }, async (t) => {
  const { url, store } = await world(t)
  const [ann, bob] = await Promise.all(
    ['ann', 'bob'].map((name) => store.users.create(newUser(`${name}@example.com`), identity('corp', name)))
  )
  if (!ann || !bob || ann === 'taken' || bob === 'taken') throw new Error('taken')
  const holder = await mysql.createConnection({ uri: url })
  t.teardown(() => holder.end())
  await holder.query('begin')
  await holder.query('select * from latchkey_users where id = ? for update', [ann.id])
  const login = (userId: string, name: string) =>
    store.audit.append(
      [eventOf({ kind: 'login', outcome: 'success' })],
      [store.users.loginWrite({ userId, identity: identity('corp', name), at: at + 1 })]
    )
  const locked = login(ann.id, 'ann')
  const [refused, done] = await Promise.all([refusal(t, locked), login(bob.id, 'bob')])
  t.equal(refused, 'ER_LOCK_WAIT_TIMEOUT')
  t.equal(done, undefined, 'of the same group')
  await holder.query('rollback')
  t.equal(await login(ann.id, 'ann'), undefined)
  t.equal((await store.audit.find({ limit: 9 })).items.length, 2)
})

/** Waits until so many transactions wait for somebody's lock. */
const lockWaits = async (count: number): Promise<void> => {
  const asked = "select count(*) from information_schema.innodb_trx where trx_state = 'LOCK WAIT'"
  const waiting = async (): Promise<number> => Number(/\d+/.exec(String(await mariadb().sql(asked)))?.[0])
  // whoever asks within 0.1 s of the last question gets the same answer again, for as long as that goes on
  for (let tries = 0; tries < 20 && (await waiting()) < count; tries++) await sleep(150)
}

/** Ann with her login, and somebody else with a transaction that is open. */
const besideHolder = async (t: Test) => {
  const { store, url } = await world(t)
  const user = await store.users.create(newUser('ann@example.com'), identity('corp', 'ann'))
  if (user === 'taken') throw new Error('taken')
  const holder = await mysql.createConnection({ uri: url })
  t.teardown(() => holder.end())
  await holder.query('begin')
  const login = (): Promise<boolean> =>
    written(store, store.users.loginWrite({ userId: user.id, identity: identity('corp', 'ann'), at: at + 1 }))
  return { store, user, holder, login }
}

t.test('a login that is written alone takes its rows in the order of groups', { skip }, async (t) => {
  const { user, holder, login } = await besideHolder(t)
  await holder.query("select * from latchkey_identities where subject = 'ann' for update")
  const ended = login().catch(() => false)
  await lockWaits(1)
  const free = holder.query('select id from latchkey_users where id = ? for update nowait', [user.id])
  await t.resolves(free, 'it holds no user while it waits for the identity')
  await holder.query('rollback')
  await ended
})

t.test('no login waits for newcomers whose e-mail somebody else holds', { skip }, async (t) => {
  const { store, holder, login } = await besideHolder(t)
  // as an import does, which is not committed yet
  await holder.query(
    `insert into latchkey_users (id, email, email_vouched, attributes, own_attributes, is_active, is_superuser,
       tokens_valid_from, version, created_at, updated_at)
     values ('held', 'bob@example.com', 1, '{}', '{}', 1, 0, 0, 0, 1, 1)`
  )
  const newcomers: Array<Promise<unknown>> = []
  for (let group = 0; group < 3; group++) {
    newcomers.push(store.users.create(newUser('bob@example.com'), identity('corp', `bob ${group}`)))
    await sleep(50)
  }
  const ended = Promise.allSettled(newcomers)
  let isHeld = true
  const loggedIn = login().then((isWritten) => {
    t.ok(isHeld, 'written while the newcomers wait')
    return isWritten
  })
  await Promise.race([loggedIn, sleep(1000)])
  isHeld = false
  await holder.query('commit')
  t.equal(await loggedIn, true)
  matchLists(t, await ended, Array(3).fill({ value: 'taken' }))
})

t.test('a change of the keys waits for no logins', { skip }, async (t) => {
  const { store, user, holder, login } = await besideHolder(t)
  await holder.query('select * from latchkey_users where id = ? for update', [user.id])
  const logins: Array<Promise<boolean>> = []
  // as many groups as there are, and some who wait for one
  for (let group = 0; group < 6; group++) {
    logins.push(login())
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }
  const ended = Promise.allSettled(logins)
  let isHeld = true
  const key = { kid: 'a', algorithm: 'ES256', generation: 1, state: 'next', publicJwk: '{}', sealed: 'x' } as const
  const times = { createdAt: at, activatedAt: null, retiredAt: null }
  const change = written(store, store.keys.pending({ added: [{ ...key, ...times }] })).then((isWritten) => {
    t.ok(isHeld, 'written while the logins wait')
    return isWritten
  })
  const patience = new Promise((resolve) => setTimeout(resolve, 1000))
  await Promise.race([change, patience])
  isHeld = false
  await holder.query('rollback')
  t.equal(await change, true)
  await ended
})

t.test('what a column can’t hold fails alone', { skip }, async (t) => {
  const { store } = await world(t)
  const user = await store.users.create(newUser('ann@example.com'), identity('corp', 'ann'))
  if (user === 'taken') throw new Error('taken')
  const login = (username: string) => {
    const seen = identity('corp', 'ann', { username })
    const write = store.users.loginWrite({ userId: user.id, identity: seen, at: at + 1 })
    return store.audit.append([eventOf({ kind: 'login', outcome: 'success' })], [write])
  }
  const tooLong = t.rejects(login('a'.repeat(70_000)), { code: 'ER_DATA_TOO_LONG' })
  t.equal(await login('ann'), undefined, 'of the same group')
  await tooLong
  t.equal((await store.audit.find({ limit: 9 })).items.length, 1)
})

t.test('nobody waits long behind others whom the server does not answer', { skip }, async (t) => {
  const { url, store } = await world(t)
  const holder = await mysql.createConnection({ uri: url })
  t.teardown(() => holder.end())
  await holder.query('lock tables latchkey_audit write')
  const began = performance.now()
  const append = () => store.audit.append([eventOf({ kind: 'login', outcome: 'success' })])
  const all = await Promise.allSettled(Array.from({ length: 1000 }, append))
  t.ok(performance.now() - began < 5000)
  const reasons = all.map((each) => (each.status === 'rejected' ? each.reason.code : 'written'))
  t.same([...new Set(reasons)], ['temporarily_unavailable'])
  await holder.query('unlock tables')
  t.equal(await append(), undefined)
  t.equal((await store.audit.find({ limit: 9 })).items.length, 1)
})

t.test('a deadlock is tried again, and a lock that is held for long is unavailable', { skip }, async (t) => {
  const { store, url } = await world(t)
  const other = await mysql.createConnection({ uri: url, multipleStatements: true })
  t.teardown(() => other.end())
  const values = Array.from({ length: 50 }, (_, n) => `('g${n}', 'g${n}', 1, 1)`).join()
  const user = (id: string, email: string) =>
    'insert into latchkey_users (id, email, email_vouched, attributes, own_attributes, is_active, is_superuser, ' +
    `created_at, updated_at) values ('${id}', '${email}', 1, '{}', '{}', 1, 0, 1, 1)`
  await other.query(
    `begin; insert into latchkey_groups (id, name, created_at, updated_at) values ${values}; ${user('u1', 'one@example.com')}; ` +
      "insert into latchkey_identities (backend, subject, user_id, username, attributes, is_superuser, last_seen_at) values ('corp', '1', 'u1', 'x', '{}', 0, 1)"
  )
  const created = store.users.create(newUser('two@example.com'), identity('corp', '1'))
  await lockWaits(1)
  await other.query(user('u2', 'two@example.com'))
  t.match(await mariadb().sql('show engine innodb status'), /LATEST DETECTED DEADLOCK/, 'there was one')
  await other.query('rollback')
  matchLists(t, await created, { email: 'two@example.com', identities: [{ subject: '1' }] })

  await other.query("begin; update latchkey_users set is_active = 1 where email = 'two@example.com'")
  const two = await store.users.byEmail('two@example.com')
  t.equal(await refusal(t, setActive(store, two?.id ?? '', false, 1)), 'ER_LOCK_WAIT_TIMEOUT')
  await other.query('rollback')
})
