import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { userToolsOf } from '../../src/auth/login.ts'
import { type SyncOptions, syncUsers } from '../../src/auth/sync.ts'
import { inOrder } from '../../src/backends/ldap/in-order.ts'
import { openTestLatchkey, type TestLatchkey, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command } from '../process.ts'
import { groupOfNames, groupsBase, peopleBase, person, personName, serviceAccount } from '../servers/ldap-fixtures.ts'
import { questionContext } from '../servers/ldap-fixtures-backend.ts'
import { startSlapd } from '../servers/slapd.ts'
import { setActive, setPasswordHash } from '../store/acts.ts'

const count = 10_000
const slapd = await startSlapd(t, {
  people: count,
  databaseSettings: [`limits dn.exact="${serviceAccount.dn}" size=500 size.prtotal=unlimited`],
  entries: [
    person('alice'),
    person('bob'),
    person('mailless', { mail: [] }),
    person('fired'),
    groupOfNames('editors', [`uid=alice,${peopleBase}`]),
    groupOfNames('former', [`uid=fired,${peopleBase}`])
  ]
})

const configuration = (more = '', filter = '(&(uid={username})(!(employeeNumber=*)))') => `
backends:
  - id: corp
    type: ldap
    servers: [${slapd.url}]
    insecure: true
    bind: { dn: "${slapd.bind.dn}", password: "${slapd.bind.password}" }
    users: [{ base: "${peopleBase}", filter: "${filter}" }]
    groups: { base: "${groupsBase}", type: groupOfNames, mirror: true }
    deny: { group: "cn=former,${groupsBase}" }
${more}
publicClient: true
`

const sync = ({ login, parts, store }: TestLatchkey, options: Partial<SyncOptions> = {}) => {
  const [link] = login.chain
  if (!link) throw new Error('no backend')
  const request = { log: parts.log, clientId: 'sync', ip: '127.0.0.1', deadline: Number.POSITIVE_INFINITY }
  const deactivate = async (id: string) => {
    await setActive(store, id, false, Date.now())
    return 'deactivated' as const
  }
  const tools = { ...userToolsOf(request, login), context: questionContext(60_000), deactivate, now: Date.now }
  return syncUsers(link, tools, { dryRun: false, maxChange: 1, ...options })
}

const emails = async ({ store }: TestLatchkey) =>
  (await store.users.list({ limit: 100 })).items.map(({ email, isActive }) => (isActive ? email : `(${email})`)).sort()

t.test('a sync does for everybody what a login does, and again nothing', async (t) => {
  const latchkey = await openTestLatchkey(t, configuration())
  const dry = await sync(latchkey, { dryRun: true })
  matchLists(t, dry, { seen: 3, created: 2, joined: 0, deactivated: [], kept: [] })
  matchLists(t, dry.refused, [{ username: 'mailless', reason: /no usable e-mail/ }])
  t.same(await emails(latchkey), [], 'a dry run writes nothing')

  t.match(await sync(latchkey), { seen: 3, created: 2 })
  t.same(await emails(latchkey), ['alice@example.com', 'bob@example.com'], 'nobody who is denied')
  const alice = await latchkey.store.users.byEmail('alice@example.com')
  matchLists(t, alice, { lastLoginAt: null, identities: [{ backend: 'corp', username: 'alice' }] })
  t.same((await latchkey.store.users.storedPermissions(alice?.id ?? '')).groups, ['editors'])
  matchLists(t, await sync(latchkey), { seen: 3, created: 0, joined: 0, deactivated: [] })
  await latchkey.accessToken('alice', 'canary-user-password')
  t.equal((await latchkey.store.users.byEmail('alice@example.com'))?.id, alice?.id)
})

t.test('who is gone is deactivated, after a complete run and under the guard', async (t) => {
  const names = ['leaver1', 'leaver2', 'leaver3', 'stays1', 'stays2', 'stays3']
  await slapd.add(names.map((name) => person(name)))
  const latchkey = await openTestLatchkey(t, configuration())
  await sync(latchkey)
  const withPassword = await latchkey.store.users.byEmail('leaver3@example.com')
  await setPasswordHash(latchkey.store, withPassword?.id ?? '', 'hash', 1)
  for (const name of ['leaver1', 'leaver2', 'leaver3']) {
    await slapd.modify(`dn: uid=${name},${peopleBase}\nchangetype: delete\n`)
  }
  // who is denied is not gone
  await slapd.modify(`dn: cn=former,${groupsBase}\nchangetype: modify\nadd: member\nmember: uid=stays1,${peopleBase}\n`)
  await t.rejects(sync(latchkey, { maxChange: 0.2 }), { name: 'MassChange', message: /^2 of 8 / })
  matchLists(t, await sync(latchkey, { dryRun: true }), { deactivated: ['leaver1@example.com', 'leaver2@example.com'] })
  t.notMatch((await emails(latchkey)).join(), /\(/, 'nobody was deactivated')

  const report = await sync(latchkey, { maxChange: 0.25 })
  matchLists(t, report, { deactivated: ['leaver1@example.com', 'leaver2@example.com'], kept: ['leaver3@example.com'] })
  t.match(await emails(latchkey), ['(leaver1@example.com)', '(leaver2@example.com)', 'alice@example.com'])
  matchLists(t, await sync(latchkey), { deactivated: [] }, 'once')
})

t.test('an account that the directory cannot tell about ends a sync in words, whoever is waited for', async (t) => {
  const items = async function* () {
    yield* ['slow', 'failing', 'slow']
  }
  const work = async (item: string) => {
    if (item === 'failing') throw new Error('cut')
    await sleep(50)
    return item
  }
  const answers: string[] = []
  const all = async () => {
    for await (const answer of inOrder(items(), work)) answers.push(answer)
  }
  await t.rejects(all(), { message: 'cut' })
  t.same(answers, ['slow'])

  const narrow = await startSlapd(t, {
    people: 7,
    databaseSettings: [`limits dn.exact="${serviceAccount.dn}" size=20`],
    entries: [
      person('zoe'),
      ...Array.from({ length: 21 }, (_, at) => groupOfNames(`group${at}`, [`uid=zoe,${peopleBase}`]))
    ]
  })
  const everybody = configuration('', '(uid={username})').replace(slapd.url, narrow.url)
  const { folder } = await openTestLatchkey(t, everybody)
  const { code, stderr } = await command(t, ['ldap', 'sync', 'corp'], folder)
  t.same(
    [code, stderr],
    [1, 'BackendUnavailable: backend corp is unavailable: size-limit: group search: LDAP result 4\n']
  )
})

t.test('who is deleted while the sync is about them is refused, and all others are brought up to date', async (t) => {
  await slapd.add([person('deleted1'), person('deleted2'), person('outlives')])
  const latchkey = await openTestLatchkey(t, configuration())
  const { store, login } = latchkey
  await sync(latchkey)
  await latchkey.addUser({ email: 'taken@example.com' })
  const mailOf = (name: string, mail: string) =>
    slapd.modify(`dn: uid=${name},${peopleBase}\nchangetype: modify\nreplace: mail\nmail: ${mail}\n`)
  await mailOf('deleted1', 'new@example.com')
  await mailOf('deleted2', 'taken@example.com')
  await mailOf('outlives', 'lives@example.com')
  const deleted = new Set<string>()
  const users: typeof store.users = {
    ...store.users,
    async recordLogin(record) {
      const { username } = record.identity
      // of the second one it is known first that somebody else has the new address
      const isSecondTry = username === 'deleted2' && record.email === undefined
      if (!deleted.has(username) && (username === 'deleted1' || isSecondTry)) {
        deleted.add(username)
        await store.administration.change(({ users }) => users.delete(record.userId))
      }
      return store.users.recordLogin(record)
    }
  }
  const report = await sync({ ...latchkey, login: { ...login, store: users } })
  t.same([...deleted].sort(), ['deleted1', 'deleted2'])
  const gone = report.refused.filter(({ username }) => deleted.has(username))
  t.same(
    gone.map(({ reason }) => reason),
    ['the user is gone', 'the user is gone']
  )
  t.equal(report.created, 0)
  const left = await emails(latchkey)
  t.ok(left.includes('lives@example.com'))
  t.notMatch(left.join(), 'deleted', 'and nobody comes back by it')
  for (const name of ['deleted1', 'deleted2', 'outlives'])
    await slapd.modify(`dn: uid=${name},${peopleBase}\nchangetype: delete\n`)
})

t.test('who is gone there, and deleted here meanwhile, ends no sync', async (t) => {
  const folder = await temporaryFolder(t)
  // asked whether somebody is gone, it deletes them behind the back of the command
  await writeFile(
    join(folder, 'company.ts'),
    `import { DatabaseSync } from 'node:sqlite'
    import { defineBackend, Type } from 'latchkey'
    const identityOf = (name) => ({ subject: name, username: name, emails: [name + '@example.com'], attributes: {} })
    const names = (process.env.NAMES ?? '').split(',')
    export default defineBackend({
      options: Type.Object({}),
      open: () => ({
        takes: ['password'],
        authenticate: async () => ({ outcome: 'unknown' }),
        async *identities() { yield* names.map(identityOf) },
        async identity() {
          const db = new DatabaseSync('data/latchkey.db')
          db.exec("delete from latchkey_users where email = 'ann@example.com'")
          db.close()
          return { state: 'gone' }
        }
      })
    })`
  )
  await writeFile(
    join(folder, 'latchkey.yaml'),
    'publicClient: true\nbackends: [{ id: company, type: ./company.ts }]\n'
  )
  const run = (NAMES: string) =>
    command(t, ['ldap', 'sync', 'company', '--max-change', '100%'], folder, { env: { NAMES } })
  t.match(await run('ann,bea,zoe'), { code: 0, stdout: /^found 3: 3 created/ })
  const { code, stdout, stderr } = await run('zoe')
  t.match([code, stderr], [0, ''])
  t.match(stdout, /^found 1: 0 created[\s\S]*deactivated bea@example.com: gone\n/)
  const shown = await command(t, ['users', 'list', '--json'], folder)
  const left = shown.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  matchLists(t, left, [
    { email: 'bea@example.com', isActive: false },
    { email: 'zoe@example.com', isActive: true }
  ])
})

t.test('the last active superuser stays, though gone', async (t) => {
  await slapd.add([person('boss1'), person('boss2')])
  const latchkey = await openTestLatchkey(t, configuration())
  await sync(latchkey)
  const { administration, users } = latchkey.store
  await administration.change(async (tx) => {
    for (const name of ['boss1', 'boss2']) {
      const user = await users.byEmail(`${name}@example.com`)
      await tx.users.update(user?.id ?? '', { isSuperuser: true }, 1)
    }
  })
  for (const name of ['boss1', 'boss2']) await slapd.modify(`dn: uid=${name},${peopleBase}\nchangetype: delete\n`)
  const dry = await sync(latchkey, { dryRun: true })
  matchLists(t, dry, { deactivated: ['boss1@example.com'], lastSuperusers: ['boss2@example.com'] })
  const { code, stdout } = await command(t, ['ldap', 'sync', 'corp', '--max-change', '100%'], latchkey.folder)
  t.equal(code, 0)
  t.match(stdout, /deactivated boss1@example.com: gone\nkept boss2@example.com: .*the last active superuser/)
  t.match(await users.byEmail('boss2@example.com'), { isActive: true })
  t.match(await users.byEmail('boss1@example.com'), { isActive: false })
})

t.test('many who are gone are deactivated together', async (t) => {
  const names = Array.from({ length: 12 }, (_, at) => `quitter${at}`)
  await slapd.add(names.map((name) => person(name)))
  const latchkey = await openTestLatchkey(t, configuration())
  await sync(latchkey)
  for (const name of names) await slapd.modify(`dn: uid=${name},${peopleBase}\nchangetype: delete\n`)
  const began = performance.now()
  const { code, stdout } = await command(t, ['ldap', 'sync', 'corp', '--max-change', '100%'], latchkey.folder)
  const ms = performance.now() - began
  t.equal(code, 0)
  t.equal(stdout.match(/^deactivated quitter\d+@example\.com: gone$/gm)?.length, 12)
  t.ok(ms < 9000, `not a second each: ${Math.round(ms)} ms`)
})

t.test('an outage on the way deactivates nobody', async (t) => {
  await slapd.add([person('early')])
  const latchkey = await openTestLatchkey(t, configuration())
  await sync(latchkey)
  await slapd.modify(`dn: uid=early,${peopleBase}\nchangetype: delete\n`)
  await slapd.kill()
  await t.rejects(sync(latchkey), { name: 'BackendUnavailable' })
  await slapd.start()
  t.notMatch((await emails(latchkey)).join(), /\(/)
  const narrow = await openTestLatchkey(t, configuration('', '(&(uid={username})(uid=nobody))'), {}, latchkey.folder)
  await t.rejects(sync(narrow), { name: 'MassChange' }, 'a source that tells of nobody is not believed')
  t.notMatch((await emails(latchkey)).join(), /\(/)
})

t.test(`${count} people come in within a minute, from the command line`, async (t: Test) => {
  const latchkey = await openTestLatchkey(t, configuration('', '(uid={username})'))
  const began = performance.now()
  const first = await command(t, ['ldap', 'sync', 'corp', '--json'], latchkey.folder)
  const seconds = (performance.now() - began) / 1000
  t.equal(first.code, 0, first.stderr)
  t.ok(JSON.parse(first.stdout).created >= count)
  t.comment(`${seconds.toFixed(1)} s`)
  t.match(await latchkey.store.users.byEmail(`${personName(count)}@example.com`), { lastLoginAt: null })
  const wrong = await command(t, ['ldap', 'sync', 'nobody'], latchkey.folder)
  t.match([wrong.code, wrong.stderr], [1, /to be synced there is corp/])
  t.equal((await command(t, ['ldap', 'sync', 'corp', '--max-change', '10'], latchkey.folder)).code, 2)
})
