import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { openStore } from '../../src/store/index.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { setPasswordHash } from '../store/acts.ts'

const passwords = await openPasswords({ queueTimeoutMs: 60_000 })
const old = 'canary-old-horse'
const hash = await passwords.hash(old)

/** The foreign table; `alice2` is what alice is called by an e-mail that is not hers with us. */
async function foreignTable(t: Test): Promise<{ folder: string; sql(statements: string): void }> {
  const folder = await temporaryFolder(t)
  const sql = (statements: string): void => {
    const database = new DatabaseSync(join(folder, 'old.db'))
    database.exec(statements)
    database.close()
  }
  sql(`create table people (id integer primary key, name text, email text, pw text, active integer);
    insert into people values (1, 'alice', 'alice@example.com', '${hash}', 1), (2, 'bob', 'bob@example.com', '${hash}', 0),
      (3, 'carol', 'carol@example.com', '${hash}', 1), (4, 'dave', 'dave@example.com', '${hash}', 1);`)
  return { folder, sql }
}

const columns = 'id as subject, name as username, email, pw as passwordHash, active as isActive'
const shop = (migrate: boolean) => `
  - id: shop
    type: sql
    migrate: ${migrate}
    timeout: 20s
    database: { url: "file:old.db" }
    user: select ${columns} from people where lower(name) = lower(:username) or email = :username
    identity: select ${columns} from people where id = :subject
    permissions: select 'shop.buy' as permission where :subject <> ''
    email: { domains: [example.com] }
`
const head = (url: string) => `
publicClient: true
database: { url: "${url}" }
secret: ${'s'.repeat(32)}
login: { failureFloor: 1ms, timeout: 20s }
passwords: { queueTimeout: 20s }
limits: { account: { failures: 3, window: 15m } }
backends:`

const backendOf = async (service: TestLatchkey, username: string, password: string): Promise<unknown> => {
  const answer = await service.token({ grant_type: 'password', username, password })
  return answer.statusCode === 200 ? claimsOf(answer.json().access_token).backend : answer.statusCode
}

async function moves(t: Test, url: string): Promise<void> {
  const { folder, sql } = await foreignTable(t)
  const service = await openTestLatchkey(
    t,
    `${head(url)}${shop(true)}  - { id: local, type: local, timeout: 20s }\n`,
    {},
    folder
  )
  const { store } = service
  const password = { grant_type: 'password', password: old }

  t.equal(await backendOf(service, 'alice', 'wrong'), 400, 'a wrong password moves nobody')
  t.equal(await store.moved.has('shop', '1'), false)
  const first = (await service.token({ ...password, username: 'ALICE' })).json()
  matchLists(t, claimsOf(first.access_token), { backend: 'shop', permissions: ['shop.buy'] }, 'the one that verified')
  t.equal(await store.moved.has('shop', '1'), true)
  const alice = await store.users.byEmail('alice@example.com')
  t.match(await store.accounts.byId(alice?.id ?? ''), { passwordHash: /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/ })
  for (const name of ['alice', 'ALICE', 'alice@example.com', ' Alice@Example.COM '])
    t.equal(await backendOf(service, name, old), 'local', name)
  const again = (await service.token({ ...password, username: 'alice' })).json()
  matchLists(t, claimsOf(again.access_token), { backend: 'local', permissions: ['shop.buy'], sub: alice?.id })
  t.match(service.log(), /"event":"account_moved"/)
  const { items } = await store.audit.find({ user: alice?.id ?? '', kind: 'administration', limit: 10 })
  const move = { actor: 'service', action: 'users.move', backend: 'shop', subject: '1', outcome: 'success' }
  matchLists(t, items, [{ ...move, client: 'public', ip: '127.0.0.1', request: /./ }], 'one event, with the request')
  t.equal(items.length, 1)
  t.notMatch(service.log(), /canary|argon2id/, 'nothing secret is logged')

  const refresh = await service.token({ grant_type: 'refresh_token', refresh_token: first.refresh_token })
  t.match(claimsOf(refresh.json().access_token), { backend: 'shop' }, 'the session of before goes on')

  await setPasswordHash(store, alice?.id ?? '', await passwords.hash('another-password'), Date.now())
  t.equal(await backendOf(service, 'alice', old), 400, 'the old password never opens the door again')
  t.equal(await backendOf(service, 'alice', 'another-password'), 'local')
  await setPasswordHash(store, alice?.id ?? '', null, Date.now())
  t.equal(await backendOf(service, 'alice', old), 400, 'nor without a password of ours')

  t.equal(await backendOf(service, 'bob', old), 400, 'a disabled account moves nowhere')
  t.equal(await store.moved.has('shop', '2'), false)

  await service.addUser({ email: 'carol@example.com', password: 'carols-own-password' })
  t.equal(await backendOf(service, 'carol', old), 'shop')
  t.equal(await backendOf(service, 'carol', old), 'shop', 'who has a password of ours stays')
  t.equal(await backendOf(service, 'carol@example.com', 'carols-own-password'), 'local')

  const eve = await service.addUser({ email: 'eve@example.com', password: old })
  await store.users.moveIn({
    userId: eve,
    ...{ backend: 'shop', subject: '9' },
    passwordHash: hash,
    loginNames: ['dave'],
    at: 1
  })
  t.equal(await store.moved.has('shop', '9'), false, 'has-password writes nothing')
  t.equal(await backendOf(service, 'dave', old), 'shop')
  for (const name of ['dave', 'dave@example.com', 'dave']) await backendOf(service, name, 'wrong')
  t.equal(await backendOf(service, 'dave', old), 429, 'all names of the account share one counter')

  await service.app.close()
  sql("insert into people values (5, 'frank', 'frank@example.com', '', 1)")
  const off = await openTestLatchkey(
    t,
    `${head(url)}${shop(false)}  - { id: local, type: local, timeout: 20s }\n`,
    {},
    folder
  )
  t.equal(await backendOf(off, 'alice', old), 400, 'also when the option is switched off')
  sql(`update people set pw = '${hash}' where id = 5`)
  t.equal(await backendOf(off, 'frank', old), 'shop')
  t.equal(await off.store.moved.has('shop', '5'), false)
}

/** Two servers of their own on one database, asked at the same moment. */
async function races(t: Test, url: string): Promise<void> {
  const { folder } = await foreignTable(t)
  const ports = [await freePort(), await freePort()]

  await writeFile(
    join(folder, 'latchkey.yaml'),
    `${head(url)}${shop(true)}  - { id: local, type: local, timeout: 20s }\n`
  )
  const servers = ports.map((port) => start(t, ['serve'], folder, { LATCHKEY_PORT: String(port) }))
  await Promise.all(servers.map((server) => server.says(/listening|curl|ready/i)))
  const body = new URLSearchParams({ grant_type: 'password', username: 'alice', password: old })
  const log = async (port = 0) => {
    const answer = await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body })
    const { access_token: token, ...refused } = (await answer.json()) as { access_token?: string }
    if (token === undefined) throw new Error(`${answer.status} ${JSON.stringify(refused)}`)
    return claimsOf(token)
  }
  const claims = await Promise.all([...ports, ...ports, ...ports, ...ports].map(log))
  t.equal(new Set(claims.map(({ sub }) => sub)).size, 1)
  t.ok(claims.every(({ backend }) => backend === 'shop' || backend === 'local'))
  t.match(await log(ports[0]), { backend: 'local' })
  await Promise.all(servers.map((server) => server.end()))
  const said = servers.map((server) => server.said()).join('')
  t.equal(said.match(/account moved to the own users/g)?.length, 1, 'one of them moved it')
  t.notMatch(said, /account could not be moved/)
  const store = await openStore({
    url: url.replace('file:', `file:${folder}/`),
    log: { debug() {}, info() {}, warn() {}, error() {} }
  })
  t.equal(await store.moved.has('shop', '1'), true)
  t.equal(await store.users.count(), 1)
  await store.close()
}

t.test('SQLite: the first right password moves somebody, once', (t) => moves(t, 'file:own.db'))
t.test('SQLite: two processes at once', (t) => races(t, 'file:own.db'))
t.test('MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const server = await startMariadb()
  t.teardown(() => server.stop())
  await moves(t, await server.database('moves'))
  await races(t, await server.database('races'))
})

t.test('a table that people leave needs somewhere to go', async (t) => {
  const { folder } = await foreignTable(t)
  const refused = (yaml: string, message: RegExp) => t.rejects(openTestLatchkey(t, yaml, {}, folder), { message })
  const yaml = `${head('file:x.db')}${shop(true)}`
  await refused(yaml, /backends\[0\]\.migrate: needs a backend of type local/)
  const client = `clients: [{ id: blog, secret: ${'b'.repeat(32)}, backends: [shop] }]\n`
  await refused(`${yaml}  - { id: own, type: local }\n${client}`, /clients\[0\]\.backends: lacks own/)
})
