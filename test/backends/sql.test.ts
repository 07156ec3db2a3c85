import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { AuthenticateContext, Backend, TraceStep } from '../../src/auth/backend.ts'
import type { BackendTools } from '../../src/auth/define-backend.ts'
import { sqlBackend } from '../../src/backends/sql/index.ts'
import type { SqlOptions } from '../../src/backends/sql/options.ts'
import { bound, type Flavour, parseStatement } from '../../src/backends/sql/statement.ts'
import { BackendUnavailable } from '../../src/errors.ts'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { fakeBackendTools, fakeLog } from '../auth/fakes.ts'
import { temporaryFolder } from '../latchkey.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { needsPostgres, startPostgres } from '../servers/postgres.ts'
import { conformanceOf } from './conformance.ts'

const passwords = await openPasswords({ queueTimeoutMs: 60_000 })
const password = 'canary-correct-horse'
const hash = await passwords.hash(password)
const log = fakeLog()

const context = (more: Partial<AuthenticateContext> = {}, ms = 10_000): AuthenticateContext => {
  const ends = performance.now() + ms
  return {
    signal: AbortSignal.timeout(ms),
    remainingMs: () => ends - performance.now(),
    ...{ log, clientId: 'test', ip: '192.0.2.1' },
    found: async () => {},
    verifyPassword: (stored, given, options) => passwords.verify(stored, given, options),
    ...more
  }
}

function open(t: Test, options: SqlOptions, tools: Partial<BackendTools> = {}): Backend {
  const { hash: hashPassword, needsRehash } = passwords
  const own = { hashPassword, needsRehash, userFields: ['badgeNumber'] }
  const backend = sqlBackend.open('old', options, fakeBackendTools({ log, ...own, ...tools }))
  t.teardown(() => backend.close?.())
  return backend
}

const unavailable = (reason: string) => ({ message: `backend old is unavailable: ${reason}` })

const logIn = (backend: Backend, username: string, given = password, more?: Partial<AuthenticateContext>) =>
  backend.authenticate({ kind: 'password', username, password: given }, context(more))

/** The table of each flavour: people, what they may do, and the groups that they are in. */
const tables = `
  insert into people values
    (1, 'alice', 'alice@example.com', '${hash}', 1, 'Alice', 'B-1'),
    (2, 'bob', 'bob@example.com', '${hash}', 0, 'Bob', null),
    (3, 'carol', 'carol@example.com', '!unusable', 1, 'Carol', null),
    (4, 'twin', 'twin1@example.com', '${hash}', 1, 'One', null),
    (5, 'twin', 'twin2@example.com', '${hash}', 1, 'Two', null);
  insert into allowed values (1, 'blog.add_post'), (1, 'blog.change_post');
  insert into member values (1, 'editors');`

const columns =
  'id as subject, email, name as username, pw as passwordHash, active as isActive, first as firstName, badge as badgeNumber'

const statements = {
  user: `select ${columns} from people where name = :username or email = :username -- by :either`,
  identity: `select ${columns} from people where id = :subject;`,
  permissions: 'select permission from allowed where person = :subject',
  groups: 'select name as "group" from member where person = :subject'
}

const ddl = (id: string, text: string, flag: string) => `
  create table people (id ${id} primary key, name ${text}, email ${text}, pw ${text}, active ${flag}, first ${text}, badge ${text});
  create table allowed (person ${id}, permission ${text}); create table member (person ${id}, name ${text});`

async function openSqlite(t: Test, more: Partial<SqlOptions> = {}, extra = '') {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'old.db')
  const database = new DatabaseSync(file)
  database.exec(`${ddl('integer', 'text', 'integer')}${tables}${extra}`)
  database.close()
  return {
    file,
    backend: open(t, { database: { url: 'file:old.db' }, ...statements, ...more }, { baseFolder: folder })
  }
}

/** Waits until so many processes have the file in their command lines. */
async function processesOf(file: string, wanted: number): Promise<void> {
  const has = (path: string) =>
    readFile(path, 'utf8').then(
      (line) => line.split('\0').includes(file),
      () => false
    )
  for (;;) {
    const found = await Promise.all(globSync('/proc/[0-9]*/cmdline').map(has))
    if (found.filter(Boolean).length === wanted) return
    await sleep(20)
  }
}

const conforming = (backend: Backend) => ({
  ...{ backend, passwords, username: 'alice', password, disabled: { username: 'bob', password } },
  secrets: ['secret', hash, 'alice@example.com']
})

/** What holds in every flavour. */
async function behaves(t: Test, backend: Backend): Promise<void> {
  const identity = {
    ...{ subject: '1', username: 'alice', emails: ['alice@example.com'] },
    attributes: { firstName: 'Alice', badgeNumber: 'B-1' }
  }
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted', identity })
  t.match(await logIn(backend, 'alice@example.com'), { outcome: 'accepted', identity })
  t.same(await logIn(backend, 'twin'), { outcome: 'rejected', reason: 'ambiguous' })
  t.same(await logIn(backend, 'carol'), { outcome: 'unknown' }, 'no password set')
  t.match(await backend.lookUp?.('alice', context()), { outcome: 'accepted', identity })
  t.match(await backend.lookUp?.('bob', context()), { outcome: 'denied' })
  t.match(await backend.identity?.('1', context()), { state: 'present', identity })
  t.match(await backend.identity?.('2', context()), { state: 'disabled' })
  for (const subject of ['1x', ' 1', '01', '1.0', '9', "1' or '1'='1"]) {
    t.match(await backend.identity?.(subject, context()), { state: 'gone' }, subject)
  }
  t.same(await backend.permissions?.({ subject: '1' }, context()), {
    grants: ['blog.add_post', 'blog.change_post'].map((permission) => ({ permission, origin: 'sql permissions' })),
    groups: ['editors']
  })
  t.same(await backend.permissions?.({ subject: '2' }, context()), { grants: [], known: false }, 'disabled there')
  const steps: TraceStep[] = []
  await backend.probe?.(context({ trace: (step) => steps.push(step) }))
  t.same(
    steps.map(({ step, outcome }) => `${step} ${outcome}`),
    ['user ok', 'identity ok', 'permissions ok', 'groups ok']
  )
}

/** Statements that write, whatever the check of their words lets through. */
async function readsOnly(t: Test, backend: Backend): Promise<void> {
  await t.rejects(backend.probe?.(context()) ?? Promise.resolve(), BackendUnavailable)
}

t.test('SQLite', async (t) => {
  await t.test('conforms', (t) =>
    conformanceOf(t, async (t) => {
      const { backend, file } = await openSqlite(t)
      return { ...conforming(backend), breakSource: () => rm(file) }
    })
  )
  await t.test('behaves', async (t) => {
    const { backend, file } = await openSqlite(t)
    await behaves(t, backend)
    await rename(file, `${file}.away`)
    await t.rejects(logIn(backend, 'alice'), unavailable('connect'))
    await rename(`${file}.away`, file)
    t.match(await logIn(backend, 'alice'), { outcome: 'accepted' }, 'and comes back')
  })
  await t.test('a statement that takes too long ends, and the next one is answered', async (t) => {
    const endless =
      'with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) as subject, 1 as passwordHash from n where :username <> 0'
    const { backend, file } = await openSqlite(t, { user: endless })
    const credentials = { kind: 'password', username: 'alice', password } as const
    await t.rejects(backend.authenticate(credentials, context({}, 200)), unavailable('timeout'))
    await t.resolves(processesOf(file, 0))
    t.match(await backend.identity?.('1', context()), { state: 'present' })
    await t.resolves(processesOf(file, 1))
  })
  await t.test(
    'a statement ends with the service',
    { skip: process.platform !== 'linux' && 'reads /proc' },
    async (t) => {
      const file = join(await temporaryFolder(t), 'old.db')
      new DatabaseSync(file).close()
      const modules = new URL('../../src/backends/sql/', import.meta.url)
      const service = spawn(process.execPath, [
        '--input-type=module',
        '-e',
        `
      const { openSqlite } = await import('${modules}drivers/sqlite.ts')
      const { parseStatement } = await import('${modules}statement.ts')
      const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n'
      await openSqlite('${file}').query(parseStatement(endless, 'sqlite'), {}, 60_000)`
      ])
      t.teardown(() => service.kill('SIGKILL'))
      await t.resolves(processesOf(file, 1))
      service.kill('SIGKILL')
      await t.resolves(processesOf(file, 0))
    }
  )
  await t.test('odd columns', async (t) => {
    const row = (select: string) => openSqlite(t, { user: `select ${select}, :username as ignored` })
    const active = async (value: string) =>
      (await logIn((await row(`'s' as subject, '${hash}' as passwordHash, ${value} as isActive`)).backend, 'x')).outcome
    for (const yes of ['1', "'t'", "'TRUE'", "'yes'", "x'01'", "'2024-01-01 00:00:00'", '2', "'on'"])
      t.equal(await active(yes), 'accepted', yes)
    for (const no of ['0', "'f'", 'null', "x'00'", "''", "'no'", "'0000-00-00 00:00:00'", "'banned'", "'0.0'"])
      t.equal(await active(no), 'denied', no)
    const bytes = (text: string) => `x'${Buffer.from(text).toString('hex')}'`
    for (const yes of [bytes('t'), bytes('yes'), bytes('1'), bytes('2026-01-31'), "x'02'", "x'0100'"])
      t.equal(await active(yes), 'accepted', yes)
    for (const no of [bytes('f'), bytes('no'), bytes('false'), bytes('0'), bytes('banned'), "x'0000'", "x''"])
      t.equal(await active(no), 'denied', no)
    const subject = async (value: string) =>
      logIn((await row(`${value} as subject, '${hash}' as passwordHash`)).backend, 'x')
    t.match(await subject('9223372036854775807'), { identity: { subject: '9223372036854775807' } }, 'a bigint')
    t.match(await subject("x'00ff10'"), { identity: { subject: '00ff10' } }, 'bytes')
    for (const value of ['null', "''", `'${'x'.repeat(256)}'`, "'a' || char(10)"])
      await t.rejects(subject(value), unavailable('protocol'), value)
  })
  await t.test('names that are none of a permission or a group are left out, and the log says so', async (t) => {
    const names = [
      "''",
      'null',
      "'nodot'",
      "'a.b c.d'",
      "'a.b' || char(10)",
      "'blog.add_post'",
      `'${'x'.repeat(255)}.y'`
    ]
    const union = names.map((name) => `select ${name} as permission where :subject = '1'`).join(' union all ')
    const { backend } = await openSqlite(t, {
      permissions: union,
      groups: `select column1 as "group" from (values (''), ('editors'), (null), ('a' || char(10))) where :subject = '1'`
    })
    t.same(await backend.permissions?.({ subject: '1' }, context()), {
      grants: [{ permission: 'blog.add_post', origin: 'sql permissions' }],
      groups: ['editors']
    })
    t.match(log.lines.at(-1)?.fields, { event: 'names_refused', subject: '1', permissions: 5, groups: 2 })
    log.lines.length = 0
  })
  await t.test('a row that is not who was typed is nobody; weak digests by setting', async (t) => {
    const loose = `select ${columns} from people where lower(substr(name, 1, 3)) = lower(substr(:username, 1, 3))`
    const { backend } = await openSqlite(t, { user: loose })
    t.match(await logIn(backend, 'ALICE '), { outcome: 'accepted' })
    t.match(await logIn(backend, 'alix'), { outcome: 'unknown' })
    const md5 = '5f4dcc3b5aa765d61d8327deb882cf99'
    const extra = `insert into people values (9, 'weak', 'weak@example.com', '${md5}', 1, 'W', null);`
    t.match(await logIn((await openSqlite(t, {}, extra)).backend, 'weak', 'password'), { outcome: 'rejected' })
    t.match(await logIn((await openSqlite(t, { weak: true }, extra)).backend, 'weak', 'password'), {
      outcome: 'accepted'
    })
  })
  await t.test('columns and tables that are not there are told at start and by check', async (t) => {
    const missing = open(t, { database: { url: 'file:/nowhere/old.db' }, user: statements.user })
    await t.rejects(missing.probe?.(context()) ?? Promise.resolve(), unavailable('connect'))
    t.equal(missing.identity, undefined, 'without a statement it is not asked')
    const { backend } = await openSqlite(t, { user: 'select id as subject from people where name = :username' })
    const error = await backend.probe?.(context()).catch((error: unknown) => error)
    t.match(inspect(error, { depth: 9 }), /user: there is no column passwordHash/)
    const { backend: other } = await openSqlite(t, { groups: 'select nothing from nowhere where 1 = :subject' })
    await t.rejects(other.probe?.(context()) ?? Promise.resolve(), unavailable('statement'))
    t.match(
      log.lines.map(({ message }) => message),
      ['backend does not answer as it should']
    )
  })
})

t.test('MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const server = await startMariadb()
  t.teardown(() => server.stop())
  const url = await server.database('old')
  await server.sql(
    `use old; ${ddl('bigint', 'varchar(190)', 'bit(1)')}${tables.replaceAll("', 0,", "', b'0',").replaceAll("', 1,", "', b'1',")}
     insert into people values (6, 'josé', 'jose@example.com', '${hash}', b'1', 'José', null);`
  )
  const options = {
    database: { url },
    ...{ ...statements, groups: statements.groups.replaceAll('"', '`') }
  }
  await t.test('behaves, and finds nobody by a collation', async (t) => {
    const backend = open(t, options)
    await behaves(t, backend)
    t.match(await logIn(backend, 'josé'), { outcome: 'accepted' })
    t.match(await logIn(backend, 'jose'), { outcome: 'unknown' })
    t.match(await logIn(backend, 'jose@example.com'), { outcome: 'accepted' })
  })
  await t.test('a name that the table could not hold is nobody, and no outage', async (t) => {
    await server.sql(`use old; create table latin (name varchar(190), other varchar(190) character set utf8mb4) character set latin1;
      insert into latin values ('josé', 'x')`)
    const user = `select name as subject, name as username, '${hash}' as passwordHash from latin where name = :username`
    const backend = open(t, { database: { url }, user })
    for (const name of ['日本', 'a\u{1f600}', 'jos']) t.match(await logIn(backend, name), { outcome: 'unknown' }, name)
    t.match(await logIn(backend, 'josé'), { outcome: 'accepted' })
    const mixed = `${user} and name collate latin1_bin = name collate latin1_swedish_ci`
    await t.rejects(logIn(open(t, { database: { url }, user: mixed }), 'ann'), unavailable('statement'))
  })
  await t.test('writes nothing', async (t) => {
    await server.sql('create sequence old.counter')
    await readsOnly(
      t,
      open(t, {
        ...options,
        user: 'select next value for counter as subject, 1 as passwordHash where :username is null'
      })
    )
    t.equal((await server.sql('select next_not_cached_value from old.counter')).trim(), '1')
  })
  await t.test('conforms', (t) =>
    conformanceOf(t, async (t) => ({ ...conforming(open(t, options)), breakSource: server.kill }))
  )
  await t.test('comes back', async (t) => {
    await server.start()
    const backend = open(t, options)
    t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
    await server.pause()
    const credentials = { kind: 'password', username: 'alice', password } as const
    await t.rejects(backend.authenticate(credentials, context({}, 300)), unavailable('timeout'))
    server.resume()
    t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  })
})

t.test('PostgreSQL', { skip: needsPostgres() }, async (t) => {
  const server = await startPostgres(t)
  await server.sql(
    `${ddl('bigint', 'text', 'boolean')}${tables.replaceAll("', 0,", "', false,").replaceAll("', 1,", "', true,")}
     create table notes (t text); create function note() returns int as 'insert into notes values (1) returning 1' language sql`
  )
  const options = {
    database: { url: server.url },
    ...statements,
    identity: statements.identity.replace(':subject', ':subject::bigint')
  }
  await t.test('behaves', (t) => behaves(t, open(t, options)))
  await t.test('columns of a fixed width have no spaces behind what they hold', async (t) => {
    await server.sql(
      `create table wide (id char(8), name char(40), pw char(200), first char(40));
       insert into wide values ('a 1', 'alice', '${hash}', 'Alice')`
    )
    const user = 'select id as subject, name as username, pw as "passwordHash", first as "firstName" from wide'
    const backend = open(t, {
      database: { url: server.url },
      user: `${user} where name = :username`,
      identity: `${user} where id = :subject`,
      permissions: `select 'blog.add_post'::char(30) as permission where :subject::text is not null`
    })
    const identity = { subject: 'a 1', username: 'alice', attributes: { firstName: 'Alice' } }
    t.match(await logIn(backend, 'alice'), { outcome: 'accepted', identity })
    t.match(await backend.identity?.('a 1', context()), { state: 'present', identity })
    t.match(await backend.permissions?.({ subject: 'a 1' }, context()), { grants: [{ permission: 'blog.add_post' }] })
  })
  await t.test('writes nothing', async (t) => {
    await readsOnly(
      t,
      open(t, { ...options, user: 'select note() as subject, 1 as passwordHash where :username::text is null' })
    )
    t.equal((await server.sql('select count(*) from notes')).trim(), '0')
  })
  await t.test('conforms', (t) =>
    conformanceOf(t, async (t) => ({ ...conforming(open(t, options)), breakSource: server.kill }))
  )
})

t.test('named parameters are found outside quotes, comments and casts', async (t) => {
  const names = (sql: string, flavour: Flavour) => {
    const parsed = parseStatement(sql, flavour)
    return typeof parsed === 'string' ? parsed : parsed.names
  }
  const cases: ReadonlyArray<readonly [Flavour, string, readonly string[]]> = [
    ['mysql', 'select \':a\', ":b", `:c`, :d -- :e\n, :f # :g\n, :h /* :i */', ['d', 'f', 'h']],
    ['mysql', "select 'it''s :a \\' :b', :c", ['c']],
    ['mysql', 'select 5--:a', ['a']],
    ['postgres', "select :a::text, ':b', e'\\':c', $$ :d $$, $x$ :e $$ :f $x$, \":g\" -- :h", ['a']],
    ['postgres', "select 'back\\', :a, x[1:n]", ['a']],
    ['postgres', "select '{}'::jsonb ? 'x', :a", ['a']],
    ['sqlite', 'select [:a], ":b", `:c`, \':d\', :e /* :f */, :e', ['e', 'e']],
    ['sqlite', '-- first\n WITH x AS (select 1) SELECT :a FROM x ; -- end', ['a']]
  ]
  for (const [flavour, sql, wanted] of cases) t.same(names(sql, flavour), wanted, sql)
  const parsed = parseStatement('select :a::text, :b, :a', 'postgres')
  if (typeof parsed === 'string') throw new Error(parsed)
  t.same(bound(parsed, 'postgres', { a: 'x' }), { sql: 'select $1::text, $2, $1', values: ['x', null] })
  t.same(bound(parsed, 'sqlite', { a: 'x', b: 'y' }), { sql: 'select ?::text, ?, ?', values: ['x', 'y', 'x'] })

  const wrong: ReadonlyArray<readonly [Flavour, string]> = [
    ['mysql', 'select 1; drop table people'],
    ['mysql', 'update people set a = :username'],
    ['mysql', "select * from people into outfile '/tmp/x'"],
    ['mysql', 'select :username for update'],
    ['mysql', 'select 1 /*!50000 into outfile 1 */'],
    ['mysql', 'select 1 /*M! ; */'],
    ['mysql', "select 'open"],
    ['mysql', 'select ?'],
    ['postgres', 'with gone as (delete from people returning *) select * from gone'],
    ['postgres', 'select $1'],
    ['postgres', 'select /* open'],
    ['sqlite', 'pragma user_version'],
    ['sqlite', 'attach database x as y'],
    ['sqlite', '']
  ]
  for (const [flavour, sql] of wrong) t.type(parseStatement(sql, flavour), 'string', sql)
  for (const flavour of ['mysql', 'postgres', 'sqlite'] as const) {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const quoted = `select '${text.replace(/['\\]/g, '')}', :username`
        return JSON.stringify(names(quoted, flavour)) === '["username"]' && parseStatement(text, flavour) !== undefined
      })
    )
  }
})

t.test('mistakes in the options', async (t) => {
  const database = { url: 'mysql://reader@db/old' }
  const mistakes = (options: Partial<SqlOptions>) =>
    sqlBackend.mistakes?.({ database, user: statements.user, ...options }).map(({ path }) => path)
  t.same(mistakes({}), [])
  t.same(mistakes({ user: 'select 1' }), ['/user'])
  t.same(mistakes({ user: 'select :username, :password' }), ['/user'])
  t.same(mistakes({ identity: 'select :username' }), ['/identity'])
  t.same(mistakes({ permissions: 'delete from x' }), ['/permissions'])
  for (const url of ['', 'mysql://db', 'http://db/x', 'file:', 'nonsense', 'postgres://user@/x'])
    t.same(mistakes({ database: { url } }), ['/database/url'], url)
  t.same(mistakes({ database: { url: 'file:old.db', password: 'x' } }), ['/database/password'])
})
