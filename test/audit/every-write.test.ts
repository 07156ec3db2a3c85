import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Command } from 'commander'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { createApp } from '../../src/app.ts'
import type { AuditEvent } from '../../src/auth/audit.ts'
import { backendDefinitions as definitions } from '../../src/backends/index.ts'
import { looks } from '../../src/cli/console-act.ts'
import { createProgram } from '../../src/cli/index.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { createDispatcher } from '../../src/http/dispatch.ts'
import { createReloader } from '../../src/reload.ts'
import { call, type Method } from '../http/admin-calls.ts'
import { openTestLatchkey, type TestLatchkey, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { written } from '../store/world.ts'

const password = 'correct horse battery'
const company = `
import { defineBackend, Type } from 'latchkey'
const zoe = { subject: 'zoe', username: 'zoe', emails: ['zoe@example.com'], attributes: {} }
export default defineBackend({
  options: Type.Object({}),
  open: () => ({
    takes: ['password'],
    authenticate: async () => ({ outcome: 'unknown' }),
    identity: async () => ({ state: 'present', identity: zoe }),
    async *identities() { yield zoe }
  })
})`
const yaml = `
publicClient: true
secret: a secret of at least thirty-two bytes
login: { failureFloor: 1ms }
limits: { ip: false }
passwords: { resetUrl: "https://app.example.com/reset#{token}" }
backends: [{ id: local, type: local }, { id: company, type: ./company.ts }]
webhooks: [{ id: crm, url: "https://hooks.example.com/x", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [account.locked] }]
`
const project = `
create table auth_user (id integer primary key, username text, email text, password text, first_name text, last_name text,
  is_active integer, is_superuser integer, is_staff integer, date_joined text, last_login text);
create table auth_group (id integer primary key, name text);
create table django_content_type (id integer primary key, app_label text, model text);
create table auth_permission (id integer primary key, name text, content_type_id integer, codename text);
create table auth_group_permissions (id integer primary key, group_id integer, permission_id integer);
create table auth_user_groups (id integer primary key, user_id integer, group_id integer);
create table auth_user_user_permissions (id integer primary key, user_id integer, permission_id integer);
insert into auth_user values (1, 'kim', 'kim@example.com', '!', '', '', 1, 0, 0, '2020-01-01', null);
`

interface World extends TestLatchkey {
  readonly root: string
  readonly ann: string
  readonly token: TestLatchkey['token']
  /** The events since the last time. */
  fresh(): Promise<readonly AuditEvent[]>
  sql(statement: string): void
}

async function open(t: Test, times: Parameters<typeof openTestLatchkey>[4] = {}): Promise<World> {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'company.ts'), company)
  const latchkey = await openTestLatchkey(t, yaml, {}, folder, times)
  const database = new DatabaseSync(join(folder, 'data/latchkey.db'))
  t.teardown(() => database.close())
  const seen = new Set<string>()
  const fresh = async () => {
    const { items } = await latchkey.store.audit.find({ limit: 1000 })
    const found = items.filter(({ id }) => !seen.has(id)).toReversed()
    for (const { id } of found) seen.add(id)
    return found
  }
  const root = await latchkey.addUser({ email: 'root@example.com', password, superuser: true })
  const ann = await latchkey.addUser({ email: 'ann@example.com', password })
  for (const id of ['dead-1', 'dead-2', 'dead-3', 'dead-4'])
    database.exec(`insert into latchkey_webhook_deliveries
      (id, endpoint, message, type, payload, state, attempts, due_at, created_at)
      values ('${id}', 'crm', 'msg_${id}', 'account.locked', '{}', 'dead', 9, 1, 1)`)
  return { ...latchkey, root, ann, fresh, sql: (statement) => database.exec(statement) }
}

interface Operation {
  readonly method: Method
  readonly path: string
  readonly id: string
}

const document = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8'))
const writes: readonly Operation[] = Object.entries(
  document.paths as Record<string, Record<string, { operationId: string }>>
).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([method]) => method !== 'get' && /^\/(admin|account)(\/|$)/.test(path))
    .map(([method, { operationId: id }]) => ({ method: method.toUpperCase() as Method, path, id }))
)

type Row = readonly [path: string, body?: object]

/** What events tell beside whom they are about. */
const granted = { details: { permission: 'shop.buy', objectType: 'shop', objectId: '1' } }
const told: Readonly<Record<string, object>> = {
  createUser: { details: { changed: ['email', 'password'] } },
  changeUser: { details: { changed: ['firstName'] } },
  setUserPassword: { details: { changed: ['password'] } },
  linkIdentity: { backend: 'company', subject: 'ann' },
  unlinkIdentity: { backend: 'company', subject: 'ann' },
  grantOnObject: granted,
  revokeOnObject: granted,
  changeAccount: { details: { changed: ['firstName'] } }
}

/** How each operation is called so that it succeeds, in this order. One that is missing here fails the test. */
const calls: Readonly<Record<string, (world: World) => Row | Promise<Row>>> = {
  createUser: () => ['/admin/users', { email: 'new@example.com', password: 'a kettle of green dice' }],
  changeUser: ({ ann }) => [`/admin/users/${ann}`, { firstName: 'Ann' }],
  setUserPassword: ({ ann }) => [`/admin/users/${ann}/password`, { password: 'a kettle of green dice' }],
  unsetUserPassword: ({ ann }) => [`/admin/users/${ann}/password`],
  endUserSessions: ({ ann }) => [`/admin/users/${ann}/sessions`],
  linkIdentity: ({ ann }) => [`/admin/users/${ann}/identities`, { backend: 'company', subject: 'ann' }],
  unlinkIdentity: ({ ann }) => [`/admin/users/${ann}/identities?backend=company&subject=ann`],
  createGroup: () => ['/admin/groups', { name: 'staff' }],
  changeGroup: async ({ store }) => [`/admin/groups/${(await store.groups.byName('staff'))?.id}`, { name: 'crew' }],
  addMember: async ({ store, ann }) => [`/admin/groups/${(await store.groups.byName('crew'))?.id}/members/${ann}`],
  removeMember: async ({ store, ann }) => [`/admin/groups/${(await store.groups.byName('crew'))?.id}/members/${ann}`],
  deleteGroup: async ({ store }) => [`/admin/groups/${(await store.groups.byName('crew'))?.id}`],
  declarePermission: () => ['/admin/permissions', { name: 'shop.buy', description: 'Can buy' }],
  describePermission: () => ['/admin/permissions/shop.buy', { description: 'Can buy all' }],
  grantOnObject: ({ ann }) => [
    '/admin/object-grants',
    { user: ann, permission: 'shop.buy', objectType: 'shop', objectId: '1' }
  ],
  revokeOnObject: ({ ann }) => [`/admin/object-grants?user=${ann}&permission=shop.buy&objectType=shop&objectId=1`],
  deletePermission: () => ['/admin/permissions/shop.buy'],
  createClient: () => ['/admin/clients', { id: 'web' }],
  changeClient: () => ['/admin/clients/web', { accessTtl: '5m' }],
  rotateClientSecret: () => ['/admin/clients/web/rotate-secret', { keep: '1h' }],
  deleteClient: () => ['/admin/clients/web'],
  endSession: async ({ store, root }) => {
    await session({ store, user: root })
    return [`/admin/sessions/${(await store.sessions.ofUser(root))[0]?.id}`]
  },
  rotateKeys: () => ['/admin/keys/rotate', { now: true }],
  revokeKey: async ({ store }) => [
    `/admin/keys/${(await store.keys.all()).find(({ state }) => state === 'retired')?.kid}`
  ],
  retryWebhookDelivery: () => ['/admin/webhooks/deliveries/dead-1/retry'],
  deleteWebhookDelivery: () => ['/admin/webhooks/deliveries/dead-2'],
  enableWebhook: async ({ store }) => {
    await store.deliveries.disable('crm', 'https://hooks.example.com/x', 1)
    return ['/admin/webhooks/crm/enable']
  },
  deleteUser: async ({ store }) => [`/admin/users/${(await store.users.byEmail('new@example.com'))?.id}`],
  changeAccount: () => ['/account', { firstName: 'Rita' }],
  endOwnSession: async ({ store, root }) => {
    await session({ store, user: root })
    return [`/account/sessions/${(await store.sessions.ofUser(root))[0]?.id}`]
  },
  changeOwnPassword: () => [
    '/account/password',
    { currentPassword: password, newPassword: 'a kettle full of red dice' }
  ],
  endOwnSessions: () => ['/account/sessions'],
  askForPasswordReset: () => ['/account/password-reset', { email: 'root@example.com' }],
  resetPassword: async ({ parts, store, root }) => {
    const { resetFor } = await import('../../src/auth/password-reset.ts')
    const user = await store.users.byId(root)
    if (!user) throw new Error('no root')
    const { token } = await resetFor(user, parts.resets.tools)
    return ['/account/password-reset/confirm', { token, newPassword: 'a kettle full of blue dice' }]
  }
}

/** A login that can be refreshed. */
const session = ({ store, user }: Pick<World, 'store'> & { user: string }) => {
  const [at, soon] = [Date.now(), Date.now() + 3_600_000]
  const begun = store.sessions.creation({
    ...{ id: crypto.randomUUID(), userId: user, backend: 'local', subject: user, clientId: 'public' },
    ...{ audience: 'http://localhost:8000', scope: null, amr: ['pwd'], counter: 0, rotatedAt: at },
    ...{ authenticatedAt: at, createdAt: at, expiresAt: soon, idleExpiresAt: soon }
  })
  return written(store, begun)
}

t.test('every request that writes leaves one event', async (t) => {
  const world = await open(t)
  t.same(writes.map(({ id }) => id).sort(), Object.keys(calls).sort(), 'every operation that writes is tried here')
  let rootsPassword = password
  matchLists(t, await world.fresh(), [{ action: 'keys.create', actor: 'service' }])
  for (const [id, row] of Object.entries(calls)) {
    const { method } = writes.find((one) => one.id === id) as Operation
    const bearer = await world.accessToken('root@example.com', rootsPassword)
    const [url, body] = await row(world)
    if (id === 'changeOwnPassword') rootsPassword = 'a kettle full of red dice'
    await world.fresh()
    const answer = await call(world, bearer, method, url, body)
    t.ok(answer.status < 300, `${id}: ${answer.status} ${JSON.stringify(answer.body)}`)
    let events = await world.fresh()
    for (; id === 'askForPasswordReset' && events.length === 0; await new Promise(setImmediate))
      events = await world.fresh()
    t.equal(events.length, 1, `${id}: ${JSON.stringify(events)}`)
    const [event] = events
    t.ok(event?.action === id || event?.kind.startsWith('password_'), id)
    const about = event?.user ?? event?.target ?? event?.session
    t.ok(about || id === 'rotateKeys', `${id} says what it was done to`)
    if (url.includes(world.ann) || JSON.stringify(body)?.includes(world.ann))
      t.equal(event?.user, world.ann, `${id} is found by the user`)
    if (event?.kind === 'administration') t.equal(event.actor, world.root)
    if (event?.kind === 'administration' || event?.kind === 'account') t.equal(event.client, 'public')
    matchLists(t, event, told[id] ?? {})
    const again = id.startsWith('delete') ? await call(world, bearer, method, url, body) : undefined
    if (again) matchLists(t, await world.fresh(), [{ action: id, outcome: 'refused', reason: '404' }])
  }
})

type Line = readonly string[] | ((world: World) => readonly string[] | Promise<readonly string[]>)

/** How each command succeeds, in this order. One that is missing here, and does not only look, fails the test. */
const lines: Readonly<Record<string, Line>> = {
  'users.create': ['users', 'create', 'eve@example.com'],
  'users.create-superuser': ['users', 'create-superuser', '--email', 'sue@example.com', '--password-stdin'],
  'users.change': ['users', 'change', 'eve@example.com', '--attribute', 'firstName=Eve'],
  'users.set-password': ['users', 'set-password', 'ann@example.com', '--unset'],
  'users.reset-link': ['users', 'reset-link', 'ann@example.com'],
  'users.deactivate': ['users', 'deactivate', 'eve@example.com'],
  'users.activate': ['users', 'activate', 'eve@example.com'],
  'users.superuser': ['users', 'superuser', 'eve@example.com'],
  'users.link': ['users', 'link', 'eve@example.com', 'company', 'eve'],
  'users.unlink': ['users', 'unlink', 'eve@example.com', 'company', 'eve'],
  'permissions.create': ['permissions', 'create', 'shop.buy', 'Can buy'],
  'permissions.describe': ['permissions', 'describe', 'shop.buy', 'Can buy all'],
  'users.grant': ['users', 'grant', 'eve@example.com', 'shop.buy', '--object', 'shop:1'],
  'users.revoke': ['users', 'revoke', 'eve@example.com', 'shop.buy', '--object', 'shop:1'],
  'groups.create': ['groups', 'create', 'staff'],
  'groups.rename': ['groups', 'rename', 'staff', 'crew'],
  'groups.grant': ['groups', 'grant', 'crew', 'shop.buy'],
  'groups.revoke': ['groups', 'revoke', 'crew', 'shop.buy'],
  'groups.add': ['groups', 'add', 'crew', 'eve@example.com'],
  'groups.remove': ['groups', 'remove', 'crew', 'eve@example.com'],
  'groups.import': async ({ folder }) => {
    await writeFile(join(folder, 'groups.jsonl'), '{"name":"brought","permissions":[],"objectGrants":[]}\n')
    return ['groups', 'import', join(folder, 'groups.jsonl')]
  },
  'groups.delete': ['groups', 'delete', 'crew'],
  'permissions.delete': ['permissions', 'delete', 'shop.buy'],
  'users.delete': ['users', 'delete', 'eve@example.com'],
  'users.import': async ({ folder }) => {
    await writeFile(join(folder, 'people.csv'), 'email\nli@example.com\n')
    return ['users', 'import', join(folder, 'people.csv')]
  },
  'import.django': ({ folder }) => {
    const database = new DatabaseSync(join(folder, 'project.sqlite3'))
    database.exec(project)
    database.close()
    return ['import', 'django', `file:${join(folder, 'project.sqlite3')}`]
  },
  'ldap.sync': ['ldap', 'sync', 'company'],
  'clients.create': ['clients', 'create', 'web'],
  'clients.change': ['clients', 'change', 'web', '--access-ttl', '5m'],
  'clients.rotate-secret': ['clients', 'rotate-secret', 'web'],
  'clients.delete': ['clients', 'delete', 'web'],
  'sessions.revoke': ['sessions', 'revoke', '--user', 'ann@example.com'],
  'keys.rotate': ['keys', 'rotate', '--now'],
  'keys.revoke': async ({ store }) => ['keys', 'revoke', (await store.keys.all())[0]?.kid ?? ''],
  'webhooks.retry': ['webhooks', 'retry', 'dead-3'],
  'webhooks.delete': ['webhooks', 'delete', 'dead-4'],
  'webhooks.enable': async ({ store }) => {
    await store.deliveries.disable('crm', 'https://hooks.example.com/x', 1)
    return ['webhooks', 'enable', 'crm']
  }
}

/** Commands that are more than a command: the service itself, and what speaks to it. */
const ofService = ['serve', 'reload']

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
const pathOf = (command: Command): string[] =>
  command.parent === null ? [] : [...pathOf(command.parent), command.name()]

t.test('every command that writes leaves one event', async (t) => {
  const world = await open(t)
  const acts = leaves(createProgram())
    .filter((command) => !looks.includes(command.name()))
    .map((command) => pathOf(command).join('.'))
    .filter((path) => !ofService.includes(path))
  t.same([...acts].sort(), Object.keys(lines).sort(), 'every command that writes is tried here')
  const { PATH = '' } = process.env
  const child = fork(new URL('../cli/several.ts', import.meta.url), {
    ...{ cwd: world.folder, env: { PATH, HOME: world.folder }, execArgv: [] },
    stdio: ['pipe', 'pipe', 'pipe', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk))
  child.stdin?.end(password)
  const run = async (args: readonly string[]): Promise<number> => {
    said = ''
    const answered = once(child, 'message')
    child.send([...args])
    return (await answered)[0] as number
  }
  await world.fresh()
  for (const [path, line] of Object.entries(lines)) {
    const args = typeof line === 'function' ? await line(world) : line
    t.equal(await run(args), 0, `${path}: ${said}`)
    const events = await world.fresh()
    t.match(
      events,
      [{ kind: 'administration', action: path, actor: 'console', outcome: 'success', reason: null }],
      path
    )
    t.equal(events.length, 1, path)
    if (/^(users|groups)\.(grant|revoke)$/.test(path)) {
      const object = path.startsWith('users') ? { object: 'shop:1' } : {}
      t.same(events[0]?.details, { permissions: ['shop.buy'], ...object }, `${path} tells what`)
    }
  }
  const refused = [
    [['users', 'deactivate', 'nobody@example.com'], 'users.deactivate'],
    [['users', 'create', 'ann@example.com'], 'users.create'],
    [['webhooks', 'enable', 'none'], 'webhooks.enable'],
    [['keys', 'revoke', 'none'], 'keys.revoke']
  ] as const
  for (const [args, action] of refused) {
    t.equal(await run(args), 1)
    const events = await world.fresh()
    matchLists(t, events, [{ action, actor: 'console', outcome: 'refused' }])
    t.equal(events.length, 1, action)
  }
  t.equal(await run(['webhooks', 'delete', 'dead-3', 'none']), 1, 'one of two is not there')
  matchLists(t, await world.fresh(), [{ action: 'webhooks.delete', outcome: 'success' }], 'the other one is gone')
  world.sql("create trigger no_audit before insert on latchkey_audit begin select raise(abort, 'disk full'); end")
  t.equal(await run(['users', 'reset-link', 'root@example.com']), 1)
  t.notMatch(said, /https:\/\/app/, 'no link that nobody has written down')
  const before = await world.store.keys.all()
  const current = before.find(({ state }) => state === 'current')?.kid ?? ''
  for (const args of [['rotate'], ['rotate', '--now'], ['revoke', current]]) {
    t.equal(await run(['keys', ...args]), 1)
    t.same(await world.store.keys.all(), before, `keys ${args[0]} changes no key without its event`)
  }
})

t.test('no key changes without its event, over HTTP and by itself', async (t) => {
  // a key is due at each reading, which comes when it is asked for
  const world = await open(t, { keyTimes: { rotateMs: 0, leadMs: 0, rereadMs: 2 ** 30 } })
  const { keys } = world.tokens
  const bearer = await world.accessToken('root@example.com', password)
  const before = await world.store.keys.all()
  const change = (method: Method, path: string) => call(world, bearer, method, `/admin/keys/${path}`)
  const refuse = "create trigger no_audit before insert on latchkey_audit begin select raise(abort, 'disk full'); end"
  world.sql(refuse)
  await keys.refresh()
  t.same(await world.store.keys.all(), before, 'none is published')
  t.equal((await change('POST', 'rotate')).status, 503)
  t.equal((await change('DELETE', before[0]?.kid ?? '')).status, 503)
  t.same(await world.store.keys.all(), before)
  world.sql('drop trigger no_audit')
  await world.fresh()
  await keys.refresh()
  matchLists(t, await world.fresh(), [{ action: 'keys.publish', actor: 'service', outcome: 'success' }])
  world.sql(refuse)
  await keys.refresh()
  matchLists(t, await world.store.keys.all(), [{ state: 'current' }, { state: 'next' }], 'it does not sign yet')
  world.sql('drop trigger no_audit')
  await keys.refresh()
  matchLists(t, await world.fresh(), [{ action: 'keys.activate', details: { previous: before[0]?.kid } }])
  const now = await world.store.keys.all()
  matchLists(t, now, [{ state: 'retired' }, { state: 'current' }])
  const { all } = world.store.keys
  Object.assign(world.store.keys, { all: async () => before })
  t.equal((await change('POST', 'rotate')).status, 409, 'somebody else changed them since they were read')
  Object.assign(world.store.keys, { all })
  matchLists(t, await world.fresh(), [{ action: 'rotateKeys', outcome: 'refused', reason: '409' }])
  t.same(await all(), now)
})

t.test('what the service does by itself: a reload', async (t) => {
  const world = await open(t)
  const path = join(world.folder, 'latchkey.yaml')
  const dispatcher = createDispatcher()
  await dispatcher.switchTo(await createApp(world.parts, { handle: dispatcher.handle }), 0)
  const read = () => readConfig({ path, env: {}, definitions, cwd: world.folder })
  const reloader = createReloader({ latchkey: world, dispatcher, read, log: world.parts.log as never })
  t.teardown(() => reloader.close())
  await world.fresh()
  t.match(await reloader.reload(), { reloaded: true })
  await writeFile(path, 'nonsense: true')
  t.match(await reloader.reload(), { reloaded: false })
  const events = await world.fresh()
  t.match(events, [
    { action: 'reload', actor: 'service', outcome: 'success' },
    { action: 'reload', actor: 'service', outcome: 'refused', reason: 'invalid-configuration' }
  ])
  t.equal(events.length, 2)
})
