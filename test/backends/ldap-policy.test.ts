import t, { type Test } from 'tap'
import type { Identity, Verdict } from '../../src/auth/backend.ts'
import type { LdapOptions } from '../../src/backends/ldap/options.ts'
import { claimsOf, openTestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command } from '../process.ts'
import { groupOfNames, groupsBase, peopleBase, person, suffix, userPassword } from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { startSlapd } from '../servers/slapd.ts'
import { joinGroups } from '../store/acts.ts'

const uidOf = (name: string) => `uid=${name},${peopleBase}`
const groupDn = (name: string) => `cn=${name},${groupsBase}`

const slapd = await startSlapd(t, {
  trace: true,
  entries: [
    person('alice', { employeeType: ['Staff', 'night  shift'] }),
    person('bob', { employeeType: 'contractor' }),
    person('changing'),
    person('many', { mail: ['x@other.org', 'many@example.com', 'y@other.org'] }),
    person('tied', { mail: ['one@example.com', 'two@example.com'] }),
    person('mailless', { mail: [], departmentNumber: '7', roomNumber: ['1', '2'] }),
    person('twin1', { mail: 'twin@example.com' }),
    person('twin2', { mail: ['other@example.com', 'TWIN@example.com'] }),
    groupOfNames('editors', [uidOf('alice'), uidOf('changing'), uidOf('many')]),
    groupOfNames('staff', [groupDn('editors'), uidOf('bob')]),
    groupOfNames('Admins', [uidOf('alice')]),
    groupOfNames('former', [uidOf('bob')]),
    person('spelled'),
    groupOfNames('Caf\u0065\u0301', [uidOf('spelled')]),
    [
      `description=long,${groupsBase}`,
      { objectClass: 'groupOfNames', description: 'long', cn: '\u4e2d'.repeat(90), member: uidOf('spelled') }
    ]
  ]
})

const options = {
  servers: [slapd.url],
  insecure: true,
  bind: slapd.bind,
  users: [{ base: peopleBase, filter: '(uid={username})' }],
  groups: { base: groupsBase, type: 'groupOfNames', nested: true }
} as const satisfies Partial<LdapOptions>

const identityIn = (verdict: Verdict): Identity => {
  if (verdict.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(verdict)}`)
  return verdict.identity
}

type Condition = NonNullable<LdapOptions['require']>
const group = (name: string): Condition => ({ group: groupDn(name) })
const employee = (...types: string[]): Condition => ({ attribute: { employeeType: types } })

t.test('require and deny are one language', async (t) => {
  const cases: readonly (readonly [require: Condition, whoGetsIn: readonly string[]])[] = [
    [group('editors'), ['alice']],
    [group('staff'), ['alice', 'bob']],
    [{ group: `CN = Staff , OU=Groups,${suffix.toUpperCase()}` }, ['alice', 'bob']],
    [group('missing'), []],
    [{ any: [group('missing'), group('editors')] }, ['alice']],
    [{ all: [group('missing'), group('editors')] }, []],
    [{ all: [group('staff'), group('former')] }, ['bob']],
    [{ not: group('former') }, ['alice']],
    [{ not: group('missing') }, ['alice', 'bob']],
    [{ all: [group('staff'), { not: { any: [group('former'), group('missing')] } }] }, ['alice']],
    [employee('STAFF'), ['alice']],
    [employee('night shift', 'contractor'), ['alice', 'bob']],
    [{ attribute: { employeeType: 'staff', uid: 'bob' } }, []],
    [{ attribute: { roomNumber: '7' } }, []],
    [{ attribute: { employeeType: 'sta*' } }, []],
    [{ group: `admins in ${groupsBase}` }, ['alice']],
    [{ group: `*ors in ${suffix}` }, ['alice']],
    [{ group: `* in ou=elsewhere,${groupsBase}` }, []]
  ]
  const everybody = ['alice', 'bob']
  const allowed = async (t: Test, condition: Partial<LdapOptions>) => {
    const backend = openLdapBackend(t, { ...options, ...condition })
    const in_: string[] = []
    for (const name of everybody) {
      const verdict = await logIn(backend, name)
      if (verdict.outcome === 'accepted') in_.push(name)
      else t.same(verdict, { outcome: 'denied', reason: 'not-allowed' })
      t.same(await logIn(backend, name, 'wrong'), { outcome: 'rejected', reason: 'wrong-password' }, 'tells nothing')
    }
    return in_
  }
  for (const [require, expected] of cases) {
    t.same(await allowed(t, { require }), expected, `require ${JSON.stringify(require)}`)
    const others = everybody.filter((name) => !expected.includes(name))
    t.same(await allowed(t, { deny: require }), others, `deny ${JSON.stringify(require)}`)
  }
  t.same(await allowed(t, { require: group('staff'), deny: group('former') }), ['alice'])
})

t.test('a wrong password asks for no groups; groups that can’t be told let nobody in', async (t) => {
  const backend = openLdapBackend(t, { ...options, require: group('staff') })
  await logIn(backend, 'alice')
  await slapd.operations()
  await logIn(backend, 'alice', 'wrong')
  t.match(await slapd.operations(), { searches: 1, binds: 1 })
  for (const condition of [
    { require: group('staff') },
    { deny: group('staff') },
    { require: { not: group('staff') } }
  ]) {
    const lost = openLdapBackend(t, {
      ...options,
      ...condition,
      groups: { ...options.groups, base: `ou=gone,${groupsBase}` }
    })
    await t.rejects(logIn(lost, 'alice'), { name: 'BackendUnavailable', reason: 'no-such-object' })
  }
})

t.test('flags, and what a live check says of who is let in no longer', async (t) => {
  const conditions = { require: group('staff'), flags: { isSuperuser: group('admins') } }
  const backend = openLdapBackend(t, { ...options, ...conditions })
  t.equal(identityIn(await logIn(backend, 'alice')).isSuperuser, true)
  t.equal(identityIn(await logIn(backend, 'bob')).isSuperuser, false)
  const { subject } = identityIn(await logIn(backend, 'changing'))
  t.match(await backend.identity(subject, questionContext()), { state: 'present', identity: { isSuperuser: false } })
  const member = `member: ${uidOf('changing')}\n`
  const change = (word: string) =>
    slapd.modify(`dn: ${groupDn('editors')}\nchangetype: modify\n${word}: member\n${member}`)
  await change('delete')
  const gone = openLdapBackend(t, { ...options, ...conditions, cache: 0 })
  t.same(await backend.identity(subject, questionContext()), { state: 'disabled', reason: 'not-allowed' })
  t.same(await gone.permissions({ subject }, questionContext()), { grants: [], known: false })
  await change('add')
  matchLists(t, await gone.permissions({ subject }, questionContext()), { groups: ['editors', 'staff'] })
})

t.test('what is remembered: by subject, strangers too, one look-up for many who ask at once', async (t) => {
  const { subject } = identityIn(await logIn(openLdapBackend(t, options), 'alice'))
  const stranger = '00000000-0000-0000-0000-000000000000'
  const ask = async (cache: LdapOptions['cache'], who: string, times: number) => {
    const backend = openLdapBackend(t, { ...options, ...(cache === undefined ? {} : { cache }) })
    await backend.probe(questionContext())
    await slapd.operations()
    const all = await Promise.all(
      Array.from({ length: times }, () => backend.permissions({ subject: who }, questionContext()))
    )
    all.push(await backend.permissions({ subject: who }, questionContext()))
    for (const answer of all) t.same(answer, all[0])
    const { searches } = await slapd.operations()
    return { backend, searches }
  }
  const one = await ask('1m', subject, 10)
  t.equal(one.searches, 4, 'the entry, and three levels of groups')
  await one.backend.identity(subject, questionContext())
  t.equal((await slapd.operations()).searches, 1, 'a live check goes past it')
  t.equal((await ask('1m', stranger, 10)).searches, 1)
  t.equal((await ask(0, stranger, 10)).searches, 11)
  const short = await ask('50ms', stranger, 1)
  await new Promise((resolve) => setTimeout(resolve, 60))
  await short.backend.permissions({ subject: stranger }, questionContext())
  t.equal((await slapd.operations()).searches, 1)
})

const configuration = (more: string) => `
backends:
  - id: corp
    type: ldap
    servers: [${slapd.url}]
    insecure: true
    bind: { dn: "${slapd.bind.dn}", password: "${slapd.bind.password}" }
    users: [{ base: "${peopleBase}", filter: "(uid={username})" }]
    ${more}
  - { id: local, type: local }
publicClient: true
`
const groups = `base: "${groupsBase}", type: groupOfNames, nested: true`

t.test('mirrored groups follow each login, and nothing else is touched', async (t) => {
  const folder = t.testdir()
  const world = async (mirror: string) =>
    openTestLatchkey(t, configuration(`groups: { ${groups}, mirror: ${mirror} }`), {}, folder)
  const groupsAfter = async (mirror: string, name = 'alice') => {
    const latchkey = await world(mirror)
    await latchkey.accessToken(name, userPassword)
    const user = await latchkey.store.users.byEmail(`${name}@example.com`)
    return (await latchkey.store.users.storedPermissions(user?.id ?? '')).groups
  }
  t.same(await groupsAfter('[editors, admins, missing]'), ['admins', 'editors'], 'in the spelling of the configuration')
  const first = await world('true')
  const alice = await first.store.users.byEmail('alice@example.com')
  await joinGroups(first.store, alice?.id ?? '', ['mine', 'staff'], 1)
  t.same(await groupsAfter('true'), ['Admins', 'editors', 'mine', 'staff'])
  t.same(await groupsAfter('{ except: [STAFF, admins] }'), ['editors', 'mine', 'staff'], 'staff is a local one')
  t.same(await groupsAfter('[]'), ['mine', 'staff'])
  t.same(await groupsAfter('true', 'changing'), ['editors', 'staff'])
  t.same(await groupsAfter('false', 'changing'), ['editors', 'staff'], 'switched off, nothing changes')

  const lost = configuration(`groups: { base: "ou=gone,${groupsBase}", mirror: true }`)
  const broken = await openTestLatchkey(t, lost, {}, folder)
  t.equal(
    (await broken.token({ grant_type: 'password', username: 'changing', password: userPassword })).statusCode,
    503
  )
  const changing = await broken.store.users.byEmail('changing@example.com')
  t.same((await broken.store.users.storedPermissions(changing?.id ?? '')).groups, ['editors', 'staff'])
})

t.test('a group is the local one of its name in whatever form it is written; one too long is left out', async (t) => {
  const latchkey = await openTestLatchkey(
    t,
    configuration(`groups: { ${groups}, mirror: true, groupPermissions: true }`)
  )
  await command(t, ['groups', 'create', 'Caf\u00e9', '--permission', 'blog.cafe'], latchkey.folder)
  const token = await latchkey.accessToken('spelled', userPassword)
  t.same(claimsOf(token).permissions, ['blog.cafe'])
  const user = await latchkey.store.users.byEmail('spelled@example.com')
  t.same((await latchkey.store.users.storedPermissions(user?.id ?? '')).groups, ['Caf\u00e9'])
  const { stdout } = await command(t, ['groups', 'list'], latchkey.folder)
  t.match(stdout, /^\S+ {2}Caf\u00e9 {2}blog\.cafe\n$/, 'and no other is made')
})

t.test('local groups of the same name give their permissions without being joined', async (t) => {
  const latchkey = await openTestLatchkey(t, configuration(`groups: { ${groups}, groupPermissions: true }`))
  const holder = await latchkey.addUser({ email: 'holder@example.com', groups: ['editors', 'admins'] })
  t.ok(holder)
  await latchkey.store.permissions.declare({ 'blog.edit': '', 'blog.admin': '' })
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(`${latchkey.folder}/data/latchkey.db`)
  database.exec(`insert into latchkey_group_permissions
    select id, case name when 'editors' then 'blog.edit' else 'blog.admin' end from latchkey_groups`)
  database.close()
  const claims = claimsOf(await latchkey.accessToken('alice', userPassword))
  t.same(claims.permissions, ['blog.edit'], 'admins is not Admins')
  const alice = await latchkey.store.users.byEmail('alice@example.com')
  t.same((await latchkey.store.users.storedPermissions(alice?.id ?? '')).groups, [])
})

t.test('authorizeAll speaks of users of other backends, by an e-mail that exactly one entry has', async (t) => {
  const permissions = `{ "${groupDn('editors')}": [blog.edit] }`
  const more = `authorizeAll: true\n    grants: [known.here]\n    groups: { ${groups} }\n    permissions: ${permissions}`
  const latchkey = await openTestLatchkey(t, configuration(more))
  const password = 'a local password'
  const held = async (email: string) => {
    await latchkey.addUser({ email, password })
    return claimsOf(await latchkey.accessToken(email, password)).permissions
  }
  t.same(await held('alice@example.com'), ['blog.edit', 'known.here'])
  t.same(await held('many@example.com'), ['blog.edit', 'known.here'], 'one of its addresses')
  t.same(await held('stranger@example.com'), [])
  t.same(await held('twin@example.com'), [], 'two entries have it')
})

t.test('of several addresses the first domain decides; a fallback where there is none', async (t) => {
  const email = (more: string) =>
    openTestLatchkey(t, configuration(`email: { domains: [example.com, other.org]${more} }`))
  const emailOf = async (world: Awaited<ReturnType<typeof email>>, username: string) => {
    const answer = await world.token({ grant_type: 'password', username, password: userPassword })
    return answer.statusCode === 200
      ? claimsOf(answer.json<{ access_token: string }>().access_token).email
      : answer.json().error
  }
  const plain = await email('')
  t.equal(await emailOf(plain, 'many'), 'invalid_grant')
  t.equal(await emailOf(plain, 'mailless'), 'invalid_grant')
  const careful = await email(', prefer: domain, fallback: "{uid}@other.org"')
  t.equal(await emailOf(careful, 'many'), 'many@example.com')
  t.equal(await emailOf(careful, 'tied'), 'invalid_grant')
  t.equal(await emailOf(careful, 'mailless'), 'mailless@other.org')
  t.equal(await emailOf(careful, 'alice'), 'alice@example.com')
  const made = await email(', fallback: "d{DepartmentNumber}.{uid}@other.org"')
  t.equal(await emailOf(made, 'mailless'), 'd7.mailless@other.org', 'of any attribute, however it is spelled')
  for (const name of ['roomNumber', 'carLicense', 'no attribute']) {
    const unfilled = await email(`, fallback: "{${name}}@other.org"`)
    t.equal(await emailOf(unfilled, 'mailless'), 'invalid_grant', name)
    const { stdout } = await command(t, ['explain', 'mailless'], unfilled.folder)
    t.match(stdout, /FAIL email .*it gave none\n +→ what `email\.fallback` names is not there, or has several values/)
  }
})
