import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AdministrationTransaction } from '../../src/auth/administration-store.ts'
import { checkedAttributes } from '../../src/auth/attribute-checks.ts'
import type { Along } from '../../src/auth/audit.ts'
import type { Identity } from '../../src/auth/backend.ts'
import type { Chain, Link } from '../../src/auth/link.ts'
import type { Login } from '../../src/auth/login-record.ts'
import type { NewUser, User } from '../../src/auth/user-store.ts'
import { recordLogin } from '../../src/auth/users.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { joinGroups, setActive } from '../store/acts.ts'
import { fakeBackend, fakeIdentity, fakeLink, fakeLog } from './fakes.ts'

const refused = { code: 'invalid_grant', statusCode: 400 }

async function openUsers(t: Test, chain: Chain) {
  const store = await openStore({ url: `file:${join(await temporaryFolder(t), 'test.db')}`, log: fakeLog() })
  t.teardown(() => store.close())
  const log = fakeLog()
  const holders = new Set<string>()
  let at = 1000
  const record = (backend: Link, identity: Identity, email: Login['email']) =>
    recordLogin(
      { backend, identity, email, at: at++ },
      {
        store: store.users,
        chain,
        log,
        privileged: async ({ id, isSuperuser }) => isSuperuser || holders.has(id),
        checked: (given) => given
      }
    )
  return { store, log, holders, record }
}

const newUser = (more: Partial<NewUser> = {}): NewUser => ({
  email: 'alice@example.com',
  emailVouched: true,
  attributes: {},
  ownAttributes: {},
  isSuperuser: false,
  passwordHash: null,
  lastLoginAt: null,
  at: 1,
  ...more
})

const vouched = (value = 'alice@example.com') => ({ value, vouched: true })
const unvouched = (value = 'alice@example.com') => ({ value, vouched: false })

const same = (given: Identity): Identity => given

async function created(store: Store, user: NewUser): Promise<User> {
  const answer = await store.users.create(user)
  if (answer === 'taken') throw new Error('taken')
  return answer
}

t.test('a join needs every one of its conditions', async (t) => {
  const yes = [true, false]
  const cases = yes.flatMap((addressVouched) =>
    yes.flatMap((holderVouched) =>
      yes.flatMap((sameBackend) =>
        yes.flatMap((superuser) =>
          yes.map((admin) => ({ addressVouched, holderVouched, sameBackend, superuser, admin }))
        )
      )
    )
  )
  t.equal(cases.length, 32)
  const ldap = fakeLink('ldap')
  const { store, record, holders, log } = await openUsers(t, [ldap])
  for (const [at, { addressVouched, holderVouched, sameBackend, superuser, admin }] of cases.entries()) {
    const email = `u${at}@example.com`
    const holder = await created(store, newUser({ email, emailVouched: holderVouched, isSuperuser: superuser }))
    if (admin) holders.add(holder.id)
    if (sameBackend) {
      const earlier = {
        backend: 'ldap',
        subject: `earlier-${at}`,
        username: 'x',
        attributes: {},
        isSuperuser: false,
        lastSeenAt: 0
      }
      await store.users.link(holder.id, earlier)
    }
    const identity = fakeIdentity({ subject: `s${at}` })
    const outcome = await record(ldap, identity, { value: email, vouched: addressVouched }).then(
      ({ id }) => id === holder.id,
      ({ code }: { code: string }) => (code === 'invalid_grant' ? false : code)
    )
    const expected = addressVouched && holderVouched && !sameBackend && !superuser && !admin
    t.equal(outcome, expected, JSON.stringify(cases[at]))
    const logged = log.lines.some(
      ({ fields }) =>
        'event' in fields && fields.event === 'identity_conflict' && 'user' in fields && fields.user === holder.id
    )
    t.equal(logged, !expected, 'a refused join is in the log')
  }
  t.equal(await store.users.count(), 32, 'no case made a user')
})

t.test('a join that is refused anyway asks nobody what the user holds', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, log } = await openUsers(t, [ldap])
  await created(store, newUser({ passwordHash: 'x' }))
  let asked = 0
  let isPrivileged = true
  const privileged = async () => {
    asked++
    return isPrivileged
  }
  const tools = { ...{ store: store.users, chain: [ldap], log, privileged }, checked: same }
  const join = (email: Login['email']) => recordLogin({ backend: ldap, identity: fakeIdentity(), email, at: 2 }, tools)
  await t.rejects(join(unvouched()), refused)
  t.equal(asked, 0, 'a backend that can not tell would make an outage of it')
  await t.rejects(join(vouched()), refused)
  t.equal(asked, 1, 'nor what the account would bring, where the user has enough already')
  isPrivileged = false
  await join(vouched())
  t.equal(asked, 3)
})

t.test('a value that a field does not allow is left out, with the reason in the log', async (t) => {
  const log = fakeLog()
  const rules = {
    short: { type: 'string', maxLength: 3 },
    count: { type: 'number', maxLength: 0 },
    isIn: { type: 'boolean', maxLength: 0 },
    since: { type: 'date', maxLength: 0 }
  } as const
  const wrong = {
    short: 'four',
    count: 'many',
    isIn: 1,
    since: '2026-02-30',
    firstName: 'a\u0000',
    lastName: 5,
    other: 'x'
  }
  const right = { short: 'abc', count: '3', isIn: 't', since: '2024-02-29' }
  const kept = (attributes: Identity['attributes']) =>
    checkedAttributes(fakeIdentity({ attributes }), fakeLink('ldap'), rules, log).attributes
  t.same(kept(right), { short: 'abc', count: 3, isIn: true, since: '2024-02-29' })
  t.same(log.lines, [])
  t.same(kept(wrong), {})
  t.same(
    log.lines.map(({ fields }) =>
      Object.entries(fields).flatMap(([name, value]) => (/^(attribute|reason)$/.test(name) ? value : []))
    ),
    [
      ['short', 'too-long'],
      ['count', 'wrong-type'],
      ['isIn', 'wrong-type'],
      ['since', 'wrong-type'],
      ['firstName', 'malformed'],
      ['lastName', 'wrong-type'],
      ['other', 'undeclared']
    ]
  )
})

t.test('what a backend mirrors is never taken for what administrators made, whatever it is called', async (t) => {
  const directory = fakeLink('local', { type: 'ldap' })
  const { store, record } = await openUsers(t, [directory])
  const { id } = await record(directory, fakeIdentity({ mirroredGroups: ['staff'] }), vouched())
  await joinGroups(store, id, ['editors'], 2)
  await record(directory, fakeIdentity({ mirroredGroups: [] }), vouched())
  t.same((await store.users.storedPermissions(id)).groups, ['editors'])
})

t.test('mirrored groups have the names that groups have here, whoever spells them', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, record } = await openUsers(t, [ldap])
  const mirroredGroups = ['Cafe\u0301', 'Caf\u00e9', '\u7fa4'.repeat(100), ' x', '']
  const { id } = await record(ldap, fakeIdentity({ mirroredGroups }), vouched())
  t.same((await store.users.storedPermissions(id)).groups, ['Caf\u00e9'], 'one, and none beyond 255 bytes')
})

t.test('a first login', async (t) => {
  const [ldap, none] = [fakeLink('ldap'), fakeLink('closed', { create: false })]
  const { store, record } = await openUsers(t, [ldap, none])
  await t.rejects(record(none, fakeIdentity(), vouched()), refused, 'create: false')
  t.equal(await store.users.count(), 0)
  const user = await record(ldap, fakeIdentity({ attributes: { firstName: 'Alice', initials: 'AE' } }), unvouched())
  t.match(user, { email: 'alice@example.com', emailVouched: false, isActive: true, hasPassword: false })
  t.same(user.attributes, { firstName: 'Alice', initials: 'AE' })
  t.same(await store.users.byId(user.id), user, 'what is answered is what is stored')
  const again = await record(ldap, fakeIdentity({ attributes: { firstName: 'Alicia' } }), unvouched())
  t.equal(again.id, user.id)
  t.same(again.attributes, { firstName: 'Alicia' }, 'fields are refreshed at each login, and vanish with their source')
  t.same(await store.users.byId(user.id), again)
})

t.test('who logs in through create: false may join', async (t) => {
  const none = fakeLink('closed', { create: false })
  const { store, record } = await openUsers(t, [none])
  const holder = await created(store, newUser())
  t.equal((await record(none, fakeIdentity(), vouched())).id, holder.id)
})

t.test('a rename and a new e-mail follow the person', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, record, log } = await openUsers(t, [ldap])
  const alice = await record(ldap, fakeIdentity({ subject: 'a', username: 'alice' }), vouched())
  const renamed = await record(ldap, fakeIdentity({ subject: 'a', username: 'alice.new' }), vouched('new@example.com'))
  t.equal(renamed.id, alice.id)
  t.equal(renamed.email, 'new@example.com')
  t.equal(renamed.identities[0]?.username, 'alice.new')
  const second = await record(ldap, fakeIdentity({ subject: 'b', username: 'alice' }), vouched())
  t.not(second.id, alice.id, 'who has the old name and the old address now is another person')

  const stays = await record(ldap, fakeIdentity({ subject: 'a' }), vouched('alice@example.com'))
  t.equal(stays.id, alice.id)
  t.equal(stays.email, 'new@example.com', 'an address that another user has is not taken')
  matchLists(t, log.lines, [{ level: 'warn', fields: { event: 'identity_conflict', reason: 'email-taken' } }])
  t.match(
    await store.users.byId(alice.id),
    { email: 'new@example.com', lastLoginAt: stays.lastLoginAt },
    'the login goes on'
  )
})

t.test('each field has one owner: the first backend in the chain that has a value', async (t) => {
  const local = fakeLink('local')
  const [ldap, sql] = [fakeLink('ldap'), fakeLink('sql')]
  const { store, record } = await openUsers(t, [ldap, local, sql])
  const first = await record(
    sql,
    fakeIdentity({ attributes: { firstName: 'sql', lastName: 'sql', initials: 'sql' } }),
    vouched()
  )
  const both = await record(ldap, fakeIdentity({ attributes: { firstName: 'ldap' } }), vouched())
  t.equal(both.id, first.id)
  t.same(both.attributes, { firstName: 'ldap', lastName: 'sql', initials: 'sql' })
  const later = await record(
    sql,
    fakeIdentity({ attributes: { firstName: 'sql2', lastName: 'sql2' } }),
    vouched('other@example.com')
  )
  t.same(later.attributes, { firstName: 'ldap', lastName: 'sql2' }, 'a later backend changes only what it owns')
  t.equal(later.email, 'alice@example.com', 'the e-mail too belongs to the first')
  const owner = await created(
    store,
    newUser({ email: 'own@example.com', ownAttributes: { firstName: 'own', lastName: 'own' } })
  )
  const joined = await record(
    ldap,
    fakeIdentity({ subject: 'o1', attributes: { firstName: 'ldap' } }),
    vouched('own@example.com')
  )
  t.equal(joined.id, owner.id)
  t.same(joined.attributes, { firstName: 'ldap', lastName: 'own' }, 'our own values stand where local stands')
  const third = await record(
    sql,
    fakeIdentity({ subject: 'o1', attributes: { lastName: 'sql', initials: 'sql' } }),
    vouched('own@example.com')
  )
  t.same(third.attributes, { firstName: 'ldap', lastName: 'own', initials: 'sql' })
})

t.test('of two accounts at one backend the same one is the owner, whichever logs in', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, record } = await openUsers(t, [ldap])
  const usual = () =>
    record(ldap, fakeIdentity({ subject: 's1', attributes: { firstName: 'Alice' } }), vouched('alice@example.com'))
  const administrator = () =>
    record(
      ldap,
      fakeIdentity({ subject: 's2', attributes: { firstName: 'Admin', lastName: 'Two' } }),
      vouched('alice.admin@example.com')
    )
  const { id } = await usual()
  const account = { backend: 'ldap', subject: 's2', username: 'adm', attributes: {}, isSuperuser: false, lastSeenAt: 1 }
  t.equal(await store.users.link(id, account), 'linked')
  for (const logIn of [administrator, usual, administrator]) {
    const user = await logIn()
    t.same([user.id, user.email, user.attributes], [id, 'alice@example.com', { firstName: 'Alice', lastName: 'Two' }])
  }
  const renamed = await record(ldap, fakeIdentity({ subject: 's1' }), vouched('alice.b@example.com'))
  t.same([renamed.email, renamed.attributes], ['alice.b@example.com', { firstName: 'Admin', lastName: 'Two' }])
})

t.test('updateAttributes: create', async (t) => {
  const once = fakeLink('once', { updateAttributes: 'create' })
  const { record } = await openUsers(t, [once])
  const first = await record(once, fakeIdentity({ attributes: { firstName: 'First' } }), vouched())
  const later = await record(once, fakeIdentity({ attributes: { firstName: 'Later' } }), vouched('later@example.com'))
  t.equal(later.id, first.id)
  t.same([later.email, later.attributes], ['alice@example.com', { firstName: 'First' }])
})

t.test('an inactive user', async (t) => {
  const ldap = fakeLink('ldap')
  const lenient = fakeLink('lenient', { backend: fakeBackend({ outcome: 'unknown' }, { allowsInactive: true }) })
  const { store, record } = await openUsers(t, [ldap, lenient])
  const alice = await record(ldap, fakeIdentity(), vouched())
  await setActive(store, alice.id, false, 5)
  await t.rejects(record(ldap, fakeIdentity({ attributes: { firstName: 'X' } }), vouched()), refused)
  t.match(
    await store.users.byId(alice.id),
    { isActive: false, lastLoginAt: alice.lastLoginAt, attributes: {} },
    'nothing is written'
  )
  await t.rejects(
    record(fakeLink('second'), fakeIdentity({ subject: 'x' }), vouched()),
    refused,
    'nor joined by another backend'
  )
  t.equal((await store.users.byId(alice.id))?.identities.length, 1)
  t.equal(
    (await record(lenient, fakeIdentity({ subject: 'l' }), vouched())).isActive,
    false,
    'allowsInactive lets in, and changes nothing'
  )
})

t.test('a superuser by an identity', async (t) => {
  const [one, two] = [fakeLink('static'), fakeLink('ldap')]
  const { record } = await openUsers(t, [one, two])
  t.equal((await record(one, fakeIdentity({ isSuperuser: true }), vouched())).isSuperuser, true)
  await t.rejects(record(two, fakeIdentity(), vouched()), refused, 'nobody joins a superuser')
  t.equal(
    (await record(one, fakeIdentity({ isSuperuser: false }), vouched())).isSuperuser,
    false,
    'for as long as it says so'
  )
  t.equal((await record(two, fakeIdentity({ isSuperuser: true }), vouched())).isSuperuser, true)
  t.equal(
    (await record(one, fakeIdentity({ isSuperuser: false }), vouched())).isSuperuser,
    true,
    "another identity's flag stays"
  )
})

t.test('fifty first logins at once', async (t) => {
  const [ldap, sql] = [fakeLink('ldap'), fakeLink('sql')]
  const { store, record } = await openUsers(t, [ldap, sql])
  const logins = Array.from({ length: 50 }, (_, at) => record(at % 2 === 0 ? ldap : sql, fakeIdentity(), vouched()))
  const ids = new Set((await Promise.all(logins)).map(({ id }) => id))
  t.equal(ids.size, 1)
  t.equal(await store.users.count(), 1)
  t.equal((await store.users.byEmail('alice@example.com'))?.identities.length, 2)
})

t.test('an identity over our own table is its user, whatever the rules of joining', async (t) => {
  const local = fakeLink('local', { vouches: 'always' })
  const { store, record } = await openUsers(t, [local])
  const admin = await created(store, newUser({ isSuperuser: true }))
  const user = await record(local, fakeIdentity({ subject: admin.id, userId: admin.id }), vouched())
  t.equal(user.id, admin.id)
  t.same(
    user.identities.map(({ backend, subject }) => [backend, subject]),
    [['local', admin.id]]
  )
})

t.test('a first login that another process finishes between two look-ups', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, record } = await openUsers(t, [ldap])
  const alice = await record(ldap, fakeIdentity(), vouched())
  let looked = 0
  const late = {
    ...store.users,
    byIdentity: async () => (looked++ === 0 ? undefined : store.users.byIdentity('ldap', 'subject-1'))
  }
  const tools = {
    store: late,
    chain: [ldap],
    log: fakeLog(),
    privileged: async () => false,
    checked: (given: Identity) => given
  }
  const again = await recordLogin({ backend: ldap, identity: fakeIdentity(), email: vouched(), at: 9 }, tools)
  t.equal(again.id, alice.id, 'is no second identity at the same backend')
  t.equal((await store.users.byId(alice.id))?.lastLoginAt, 9)
})

t.test('an account that was seen a moment ago is written down again only where it says something new', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, log } = await openUsers(t, [ldap])
  let written = 0
  const recordLoginOf: Store['users']['recordLogin'] = (record) => {
    written++
    return store.users.recordLogin(record)
  }
  const tools = {
    store: { ...store.users, recordLogin: recordLoginOf },
    chain: [ldap],
    log,
    privileged: async () => false,
    checked: (given: Identity) => given
  }
  const see = (at: number, more: Partial<Login> = {}) =>
    recordLogin({ backend: ldap, identity: fakeIdentity(), email: vouched(), at, isLogin: false, ...more }, tools)
  const user = await see(1000)
  t.equal((await see(2000)).id, user.id)
  t.equal(written, 0, 'nothing new')
  await see(3000, { isLogin: true })
  t.equal(written, 1, 'a login')
  await see(4000, { identity: fakeIdentity({ username: 'Alice' }) })
  await see(4000, { identity: fakeIdentity({ username: 'Alice', attributes: { firstName: 'A' } }) })
  await see(4000, { identity: fakeIdentity({ username: 'Alice', attributes: { firstName: 'A' }, isSuperuser: true }) })
  t.equal(written, 4, 'another name, field or right')
  const same = { identity: fakeIdentity({ username: 'Alice', attributes: { firstName: 'A' }, isSuperuser: true }) }
  await see(5000, { ...same, email: vouched('new@example.com') })
  t.match(await store.users.byEmail('new@example.com'), { id: user.id })
  await see(303_999, { ...same, email: vouched('new@example.com') })
  t.equal(written, 5)
  await see(305_000, { ...same, email: vouched('new@example.com') })
  t.equal(written, 6, 'five minutes later')
})

t.test('an account of our own that changed while its password was verified', async (t) => {
  const local = fakeLink('local', { vouches: 'always' })
  const { store, record } = await openUsers(t, [local])
  const own = (user: User): Identity =>
    fakeIdentity({ subject: user.id, userId: user.id, username: user.email, emails: [user.email] })
  const change = (work: (users: AdministrationTransaction['users']) => Promise<unknown>) =>
    store.administration.change(async (tx) => {
      await work(tx.users)
    })
  const before = await created(store, newUser())
  await record(local, own(before), vouched())

  await change((users) => users.update(before.id, { email: 'alicia@example.com', emailVouched: true }, 2000))
  const after = await record(local, own(before), vouched())
  t.equal(after.email, 'alicia@example.com', 'the address of before does not come back')
  t.equal((await store.users.byId(before.id))?.email, 'alicia@example.com')

  const fresh = await created(store, newUser({ email: 'bob@example.com' }))
  await change((users) => users.delete(fresh.id))
  await t.rejects(record(local, own(fresh), vouched('bob@example.com')), refused, 'nobody is made anew')
  await change((users) => users.delete(before.id))
  await created(store, newUser())
  await t.rejects(record(local, own(before), vouched()), refused, 'nor is somebody else joined who has the address now')
  t.equal(await store.users.count(), 1)
  t.equal((await store.users.byEmail('alice@example.com'))?.identities.length, 0)
})

t.test('who was logged out after presenting a password logs in anew', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, log } = await openUsers(t, [ldap])
  const tools = { store: store.users, chain: [ldap], log, privileged: async () => false, checked: same }
  const login = { backend: ldap, identity: fakeIdentity(), email: vouched() }
  const { id } = await recordLogin({ ...login, at: 1000, began: 1000 }, tools)
  await store.users.logOut(id, 5000)
  await t.rejects(recordLogin({ ...login, at: 7000, began: 4900 }, tools), refused)
  t.match(await recordLogin({ ...login, at: 7000, began: 6000 }, tools), { id, lastLoginAt: 7000 })
})

t.test('a user who is administered while the login goes on', async (t) => {
  const ldap = fakeLink('ldap', { vouches: 'always' })
  const { store, log } = await openUsers(t, [ldap])
  const { users, administration } = store
  let meanwhile = async (_id: string): Promise<unknown> => undefined
  const overtaken: Store['users'] = {
    ...users,
    async recordLogin(record) {
      const act = meanwhile
      meanwhile = async () => undefined
      await act(record.userId)
      return users.recordLogin(record)
    }
  }
  const tools = { store: overtaken, chain: [ldap], log, privileged: async () => false, checked: same }
  const seen = (firstName: string, email = vouched()) =>
    ({ backend: ldap, identity: fakeIdentity({ attributes: { firstName } }), email, at: 1000 }) as const
  const { id } = await recordLogin(seen('Alice'), tools)
  const ownAttributes = { nick: 'Al' }
  const attributes = { firstName: 'Alice', ...ownAttributes }
  meanwhile = () => administration.change(({ users }) => users.update(id, { attributes, ownAttributes }, 2))
  const after = await recordLogin(seen('Alicia', vouched('alicia@example.com')), tools)
  t.match(after, { id, email: 'alicia@example.com' })
  t.same(after.attributes, { firstName: 'Alicia', nick: 'Al' }, 'both are there')
  t.same((await users.byId(id))?.attributes, after.attributes)

  const holder = await users.byId(id)
  if (!holder) throw new Error('no user')
  const identity = { backend: 'ldap', subject: 'subject-1' }
  meanwhile = () => administration.change(({ users }) => users.unlink(id, identity, 3))
  const again = { ...seen('Alicia', vouched('third@example.com')), holder, isLogin: false }
  await t.rejects(recordLogin(again, tools), { ...refused, reason: 'logged-out' })
  t.match(await users.byId(id), { email: 'alicia@example.com', identities: [] })
  t.equal(await users.count(), 1, 'nobody is made of an identity that was taken away')
})

t.test('a user who is administered faster than a login can follow is refused for now', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, log } = await openUsers(t, [ldap])
  const along: Along[] = []
  const tools = { store: store.users, chain: [ldap], log, along, privileged: async () => false, checked: same }
  const login = { backend: ldap, identity: fakeIdentity(), email: vouched(), at: 1000 }
  const { id } = await recordLogin(login, tools)
  await recordLogin(login, tools)
  const change = () => store.administration.change(({ users }) => users.update(id, { attributes: {} }, 2))
  const follow = async (writing: Along | undefined, round = 0): Promise<number> => {
    if (!writing) throw new Error('nothing goes along')
    await change()
    t.same(await store.audit.append([], [writing.write]), { refused: 0 })
    const next = await writing.refused().catch((error) => {
      t.match(error, { code: 'temporarily_unavailable' })
    })
    return next ? follow(next, round + 1) : round
  }
  t.equal(await follow(along[0]), 5)
})

t.test('a user who is deleted while the login goes on', async (t) => {
  const ldap = fakeLink('ldap')
  const { store, log } = await openUsers(t, [ldap])
  const along: Along[] = []
  const tools = { store: store.users, chain: [ldap], log, along, privileged: async () => false, checked: same }
  const login = { backend: ldap, identity: fakeIdentity(), email: vouched(), at: 1000 }
  const { id } = await recordLogin(login, tools)
  await recordLogin(login, tools)
  const [written] = along
  if (!written) throw new Error('nothing goes along')
  await store.administration.change(({ users }) => users.delete(id))
  t.same(await store.audit.append([], [written.write]), { refused: 0 })
  await t.rejects(written.refused(), refused)
  const identity = { ...fakeIdentity(), backend: 'ldap', isSuperuser: false, lastSeenAt: 1 }
  const { emails: _, ...seen } = identity
  t.equal(await store.users.link(id, seen), 'gone')
  t.equal(await store.users.recordLogin({ userId: id, identity: seen, at: 1 }), 'gone')
})
