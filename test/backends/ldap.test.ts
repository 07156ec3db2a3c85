import t from 'tap'
import Value from 'typebox/value'
import type { Identity, Verdict } from '../../src/auth/backend.ts'
import { ldapBackend } from '../../src/backends/ldap/index.ts'
import { SlowDown } from '../../src/errors.ts'
import { matchLists } from '../match.ts'
import {
  groupOfNames,
  groupsBase,
  peopleBase,
  person,
  serviceAccount,
  suffix,
  userPassword
} from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext, twoNames } from '../servers/ldap-fixtures-backend.ts'
import { startSlapd } from '../servers/slapd.ts'

const uidOf = (name: string) => `uid=${name},${peopleBase}`
const groupDn = (name: string) => `cn=${name},${groupsBase}`

const slapd = await startSlapd(t, {
  anonymous: true,
  trace: true,
  databaseSettings: [`limits dn.exact="${serviceAccount.dn}" size=10 size.prtotal=unlimited`],
  entries: [
    person('alice', {
      cn: 'Alice Example',
      givenName: ['Alice', 'Ally'],
      initials: 'AE',
      employeeNumber: '7',
      mail: ['alice@example.com', 'a.example@example.com']
    }),
    person('bob', { cn: 'Same Name', displayName: 'Bob the 1st' }),
    person('bert', { cn: 'Same Name' }),
    person('jörg müller', { cn: '(Jörg) *Müller*\\' }),
    person('nopassword', { userPassword: [] }),
    person('moving', { cn: 'Moving Person' }),
    person('unix', {
      objectClass: ['inetOrgPerson', 'posixAccount'],
      uidNumber: '5000',
      gidNumber: '5000',
      homeDirectory: '/home/unix'
    }),
    person('weird, "name" #1+x=y', { cn: 'weird' }),
    groupOfNames('editors', [uidOf('alice'), groupDn('loop')]),
    groupOfNames('staff', [groupDn('editors'), uidOf('bob')]),
    groupOfNames('loop', [groupDn('staff')]),
    groupOfNames('Weird, "Group"', ['uid=weird\\2c \\22name\\22 \\231\\2bx\\3dy,ou=users,dc=example,dc=com']),
    [groupDn('unique'), { objectClass: 'groupOfUniqueNames', cn: 'unique', uniqueMember: uidOf('alice') }],
    [groupDn('unixers'), { objectClass: 'posixGroup', cn: 'unixers', gidNumber: '5001', memberUid: ['unix', 'alice'] }],
    [groupDn('primary'), { objectClass: 'posixGroup', cn: 'primary', gidNumber: '5000' }],
    ...Array.from({ length: 25 }, (_, at) => groupOfNames(`many${at}`, [uidOf('bert')]))
  ]
})

const options = { servers: [slapd.url], insecure: true, bind: slapd.bind }

const identityIn = (verdict: Verdict): Identity => {
  if (verdict.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(verdict)}`)
  return verdict.identity
}

t.test('one person by two login names: the entry says who it is', async (t) => {
  const backend = openLdapBackend(t, options)
  const byUid = identityIn(await logIn(backend, 'alice'))
  const byCn = identityIn(await logIn(backend, 'Alice Example'))
  t.match(byUid.subject, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
  t.same(byCn, byUid)
  t.equal(byUid.username, 'alice')
  for (const spelling of ['ALICE', 'alice ', 'ａlice', 'alice  example']) {
    t.equal(identityIn(await logIn(backend, spelling)).username, 'alice', spelling)
  }
})

t.test('attributes are mapped: the first that has a value, of several values the first', async (t) => {
  const usual = openLdapBackend(t, options)
  const alice = identityIn(await logIn(usual, 'alice'))
  t.same(alice.attributes, { firstName: 'Alice', lastName: 'Example', initials: 'AE', employeeNumber: '7' })
  t.same(alice.emails, ['alice@example.com', 'a.example@example.com'])
  t.match(alice.source, { uid: 'alice', sn: 'Example' })
  t.notOk('mail' in (alice.source ?? {}), 'an attribute with two values is no source of a template')

  const attributes = {
    email: ['otherMailbox', 'mail'],
    displayName: ['DISPLAYNAME', 'cn'],
    initials: [],
    nick: 'givenName'
  }
  const mapped = openLdapBackend(t, { ...options, attributes })
  t.same(identityIn(await logIn(mapped, 'alice')).attributes, {
    firstName: 'Alice',
    lastName: 'Example',
    displayName: 'Alice Example',
    employeeNumber: '7',
    nick: 'Alice'
  })
  const bob = identityIn(await logIn(mapped, 'bob'))
  t.match([bob.attributes.displayName, bob.emails], ['Bob the 1st', ['bob@example.com']])
})

t.test('wrong, unknown, ambiguous and empty are told apart', async (t) => {
  const backend = openLdapBackend(t, options)
  const cases: readonly (readonly [username: string, password: string, verdict: Verdict])[] = [
    ['alice', 'wrong', { outcome: 'rejected', reason: 'wrong-password' }],
    ['alice', `${userPassword} `, { outcome: 'rejected', reason: 'wrong-password' }],
    ['nopassword', userPassword, { outcome: 'rejected', reason: 'wrong-password' }],
    ['alice', '', { outcome: 'rejected', reason: 'empty-password' }],
    ['alice', `${userPassword}\0`, { outcome: 'rejected', reason: 'malformed' }],
    ['alice', '\0', { outcome: 'rejected', reason: 'malformed' }],
    ['alice\0', userPassword, { outcome: 'unknown' }],
    ['', userPassword, { outcome: 'unknown' }],
    ['nobody', userPassword, { outcome: 'unknown' }],
    ['*', userPassword, { outcome: 'unknown' }],
    ['ali*', userPassword, { outcome: 'unknown' }],
    [')(uid=*', userPassword, { outcome: 'unknown' }],
    ['alice)(|(uid=*', userPassword, { outcome: 'unknown' }],
    ['\\61lice', userPassword, { outcome: 'unknown' }],
    ['$&{username}', userPassword, { outcome: 'unknown' }],
    [uidOf('alice'), userPassword, { outcome: 'unknown' }],
    ['EXTERNAL', userPassword, { outcome: 'unknown' }],
    ['Same Name', userPassword, { outcome: 'rejected', reason: 'ambiguous' }]
  ]
  for (const [username, password, verdict] of cases) {
    t.same(await logIn(backend, username, password), verdict, JSON.stringify([username, password]))
  }
})

t.test('names that are no plain words log in', async (t) => {
  const backend = openLdapBackend(t, {
    ...options,
    users: [{ base: suffix, filter: '(|(uid={username})(cn={username}))' }]
  })
  for (const name of ['jörg müller', 'JÖRG MÜLLER', '(Jörg) *Müller*\\', 'weird, "name" #1+x=y']) {
    t.match(await logIn(backend, name), { outcome: 'accepted' }, name)
  }
})

t.test('the first search that finds anybody decides, and an error in one is an error', async (t) => {
  const shadowed = openLdapBackend(t, {
    ...options,
    users: [{ base: peopleBase, filter: '(sn={username})' }, ...twoNames]
  })
  t.same(await logIn(shadowed, 'Example'), { outcome: 'rejected', reason: 'ambiguous' }, 'more than the size limit')
  t.match(await logIn(shadowed, 'alice'), { outcome: 'accepted' })

  const broken = openLdapBackend(t, {
    ...options,
    users: [{ base: `ou=gone,${suffix}`, filter: '(uid={username})' }, ...twoNames]
  })
  await t.rejects(logIn(broken, 'alice'), { name: 'BackendUnavailable', backend: 'corp', reason: 'no-such-object' })

  const narrow = openLdapBackend(t, { ...options, users: [{ base: suffix, scope: 'one', filter: '(uid={username})' }] })
  t.same(await logIn(narrow, 'alice'), { outcome: 'unknown' }, 'scope one does not look deeper')
})

t.test('the limiter stands between finding an account and trying its password', async (t) => {
  const backend = openLdapBackend(t, options)
  const { subject } = identityIn(await logIn(backend, 'alice'))
  await slapd.operations()
  const found: string[] = []
  const locked = questionContext(5000, async (subject) => {
    found.push(subject)
    throw new SlowDown(9)
  })
  await t.rejects(logIn(backend, 'Alice Example', userPassword, locked), SlowDown)
  t.same(found, [subject])
  t.match(await slapd.operations(), { binds: 0 }, 'the password was not tried')
  const unasked = questionContext(5000, async () => void t.fail('a stranger was found'))
  t.same(await logIn(backend, 'nobody', userPassword, unasked), { outcome: 'unknown' })
})

t.test('a login on warm connections is one search and one bind', async (t) => {
  const backend = openLdapBackend(t, options)
  await logIn(backend, 'alice')
  await slapd.operations()
  for (let login = 0; login < 10; login += 1) await logIn(backend, login % 2 === 0 ? 'alice' : 'bob')
  t.same(await slapd.operations(), { connections: 0, binds: 10, searches: 10 })
})

t.test('64 at once share a bounded pool, and nobody gets another one’s answer', async (t) => {
  const backend = openLdapBackend(t, { ...options, pool: { max: 4 } })
  await slapd.operations()
  const names = ['alice', 'bob', 'bert', 'unix']
  const answers = await Promise.all(
    Array.from({ length: 64 }, async (_, at) => {
      const name = names[at % names.length] ?? 'alice'
      const isRight = at % 3 !== 0
      return { name, isRight, verdict: await logIn(backend, name, isRight ? userPassword : 'wrong') }
    })
  )
  for (const { name, isRight, verdict } of answers) {
    if (isRight) t.equal(identityIn(verdict).username, name)
    else t.same(verdict, { outcome: 'rejected', reason: 'wrong-password' })
  }
  t.equal((await slapd.operations()).connections, 8, 'four for searches and four for binds')
  const impatient = openLdapBackend(t, { ...options, pool: { max: 1, maxWaiting: 0 } })
  const both = await Promise.allSettled([logIn(impatient, 'alice'), logIn(impatient, 'bob')])
  t.match(
    both.find(({ status }) => status === 'rejected'),
    { reason: { name: 'BackendUnavailable', reason: 'busy' } }
  )
})

t.test('without a service account the search is anonymous', async (t) => {
  const { bind: _, ...anonymous } = options
  const backend = openLdapBackend(t, anonymous)
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.match(await logIn(backend, 'alice', 'wrong'), { outcome: 'rejected' })
})

t.test('rename, move and a new uid keep the subject; gone is gone', async (t) => {
  const backend = openLdapBackend(t, options)
  const before = identityIn(await logIn(backend, 'moving'))
  await slapd.modify(`dn: ${uidOf('moving')}\nchangetype: modrdn\nnewrdn: uid=moved\ndeleteoldrdn: 1\n`)
  await slapd.modify(`dn: ${uidOf('moved')}\nchangetype: modify\nreplace: mail\nmail: moved@example.com\n`)
  const after = identityIn(await logIn(backend, 'moved'))
  t.equal(after.subject, before.subject)
  t.equal(after.username, 'moved')
  const again = await backend.identity(before.subject, questionContext())
  matchLists(t, again, { state: 'present', identity: { username: 'moved', emails: ['moved@example.com'] } })
  t.same(again.state === 'present' && again.identity, after)

  await slapd.modify(`dn: ${uidOf('moved')}\nchangetype: delete\n`)
  await slapd.add([person('moved', { cn: 'Moving Person' })])
  t.same(await backend.identity(before.subject, questionContext()), { state: 'gone' }, 'a reused uid is another person')
  t.not(identityIn(await logIn(backend, 'moved')).subject, before.subject)
  for (const subject of ['', 'nonsense', '*', before.subject.toUpperCase(), '00000000-0000-0000-0000-000000000000']) {
    t.same(await backend.identity(subject, questionContext()), { state: 'gone' }, subject)
  }
})

t.test('an account that the filter no longer lets in is gone', async (t) => {
  const filter = '(&(uid={username})(!(employeeNumber=7)))'
  const { subject } = identityIn(await logIn(openLdapBackend(t, options), 'alice'))
  const backend = openLdapBackend(t, { ...options, users: [{ base: peopleBase, filter }] })
  t.same(await logIn(backend, 'alice'), { outcome: 'unknown' })
  t.same(await backend.identity(subject, questionContext()), { state: 'gone' })
})

t.test('another attribute may be the subject; it is compared as bytes, and there must be one', async (t) => {
  const byUid = openLdapBackend(t, { ...options, subject: 'uid' })
  t.equal(identityIn(await logIn(byUid, 'ALICE')).subject, 'alice')
  t.match(await byUid.identity('alice', questionContext()), { state: 'present' })
  t.same(await byUid.identity('ALICE', questionContext()), { state: 'gone' })
  for (const subject of ['departmentNumber', 'mail']) {
    const without = openLdapBackend(t, { ...options, subject })
    await t.rejects(logIn(without, 'alice'), { name: 'BackendUnavailable', reason: 'protocol' }, subject)
  }
})

t.test('groups give permissions, each kind of group in its way', async (t) => {
  const editors = 'CN = Editors , OU=Groups,dc=EXAMPLE,DC=com'
  const permissions = {
    [editors]: ['blog.add_post', 'blog.change_post'],
    [groupDn('staff')]: ['blog.view_post'],
    [groupDn('unique')]: ['blog.unique'],
    [groupDn('primary')]: ['unix.primary'],
    [`cn=\\75nixers,${groupsBase}`]: ['unix.member'],
    [`cn=weird\\, \\"group\\",${groupsBase}`]: ['weird.group'],
    [`cn=editors,${suffix}`]: ['never.by_bare_name']
  }
  const answerOf = async (name: string, groups: NonNullable<Parameters<typeof openLdapBackend>[1]['groups']>) => {
    const backend = openLdapBackend(t, { ...options, permissions, groups })
    const identity = identityIn(await logIn(backend, name))
    const inLogin = await backend.permissions({ subject: identity.subject, identity }, questionContext())
    t.same(
      await backend.permissions({ subject: identity.subject }, questionContext()),
      inLogin,
      'the same without the identity'
    )
    return {
      names: inLogin.grants.map(({ permission }) => permission).sort(),
      groups: inLogin.groups?.toSorted(),
      grants: inLogin.grants
    }
  }
  const names = { base: groupsBase, type: 'groupOfNames' } as const
  const flat = await answerOf('alice', names)
  matchLists(t, flat, { names: ['blog.add_post', 'blog.change_post'], groups: ['editors'] })
  t.equal(flat.grants[0]?.origin, `group ${groupDn('editors')}`)
  t.match(await answerOf('alice', { ...names, nested: true }), {
    names: ['blog.add_post', 'blog.change_post', 'blog.view_post'],
    groups: ['editors', 'loop', 'staff']
  })
  matchLists(t, await answerOf('alice', { ...names, nested: true, filter: '(!(cn=staff))' }), { groups: ['editors'] })
  matchLists(t, await answerOf('weird', names), { names: ['weird.group'], groups: ['Weird, "Group"'] })
  matchLists(t, await answerOf('alice', { base: groupsBase, type: 'groupOfUniqueNames' }), { names: ['blog.unique'] })
  const posix = { base: groupsBase, type: 'posixGroup' } as const
  matchLists(t, await answerOf('unix', posix), {
    names: ['unix.member', 'unix.primary'],
    groups: ['primary', 'unixers']
  })
  matchLists(t, await answerOf('alice', posix), { names: ['unix.member'] })
  t.equal((await answerOf('bert', { ...names, nested: true })).groups?.length, 25, 'more than the size limit, by pages')
})

t.test('without groups none are asked for, and anonymous has none', async (t) => {
  const without = openLdapBackend(t, options)
  const identity = identityIn(await logIn(without, 'alice'))
  await slapd.operations()
  t.same(await without.permissions({ subject: identity.subject, identity }, questionContext()), { grants: [] })
  const groups = { base: groupsBase, type: 'groupOfNames' } as const
  const withGroups = openLdapBackend(t, { ...options, groups })
  t.same(await withGroups.permissions({ subject: null }, questionContext()), { grants: [] })
  t.match(await slapd.operations(), { searches: 0 })
  const stranger = { subject: '00000000-0000-0000-0000-000000000000' }
  t.same(await withGroups.permissions(stranger, questionContext()), { grants: [], known: false })
  const lost = openLdapBackend(t, { ...options, groups: { ...groups, base: `ou=gone,${suffix}` } })
  await t.rejects(lost.permissions({ subject: identity.subject, identity }, questionContext()), {
    name: 'BackendUnavailable',
    reason: 'no-such-object'
  })
})

t.test('only passwords are its business', async (t) => {
  const backend = openLdapBackend(t, options)
  t.same(backend.takes, ['password'])
  const token = { kind: 'token', token: 'x', tokenType: 'y' } as const
  t.same(await backend.authenticate(token, questionContext()), { outcome: 'unknown' })
  await backend.probe(questionContext())
})

t.test('unsafe and contradictory options are found at the start, each at its place', async (t) => {
  const users = twoNames
  const secure = { servers: ['ldaps://dc1.example.com'], users }
  const mistakes = (changes: object) => ldapBackend.mistakes?.({ ...secure, ...changes }).map(({ path }) => path)
  const groups = { base: groupsBase, type: 'groupOfNames' }
  const search = (filter: string, base = peopleBase) => ({ users: [{ base, filter }] })
  const cases: readonly (readonly [changes: object, ...paths: string[]])[] = [
    [{}],
    [{ servers: ['ldapi://%2Frun%2Fslapd%2Fldapi'] }],
    [{ servers: ['ldap://dc1'], startTls: true, tls: { ca: 'ca.pem' } }],
    [{ servers: ['ldap://dc1'], insecure: true }],
    [{ servers: ['ldaps://dc1', 'ldap://127.0.0.1:389'] }, '/servers/1'],
    [{ servers: ['ldaps://dc1'], startTls: true }, '/servers/0'],
    [{ servers: ['ldap://dc1'], startTls: true, insecure: true }, '/insecure'],
    [{ servers: [] }, '/servers'],
    [{ servers: ['http://dc1'] }, '/servers/0'],
    [{ servers: ['ldaps://'] }, '/servers/0'],
    [{ servers: ['ldaps://dc1:99999'] }, '/servers/0'],
    [{ servers: ['ldaps://user@dc1'] }, '/servers/0'],
    [{ servers: ['ldaps://dc1/dc=example'] }, '/servers/0'],
    [{ servers: ['ldapi://'] }, '/servers/0'],
    [{ servers: ['ldapi://%'] }, '/servers/0'],
    [{ servers: ['ldap://dc1'], insecure: true, tls: { ca: 'ca.pem' } }, '/tls'],
    [{ servers: ['ldaps+srv://example.com'] }],
    [{ servers: ['ldap+srv://example.com'], startTls: true }],
    [{ servers: ['ldap+srv://example.com'] }, '/servers/0'],
    [{ servers: ['ldaps+srv://example.com'], startTls: true }, '/servers/0'],
    [{ servers: ['ldaps+srv://example.com:636'] }, '/servers/0'],
    [{ servers: ['ldaps+srv://'] }, '/servers/0'],
    [{ servers: ['ldaps+srv://example.com/dc=example'] }, '/servers/0'],
    [{ servers: ['ldapi+srv://example.com'] }, '/servers/0'],
    [{ servers: ['ldap+srv://example.com'], insecure: true, tls: { pin: 'x' } }, '/tls'],
    [{ pool: { min: 2, max: 2 } }],
    [{ pool: { min: 3, max: 2 } }, '/pool/min'],
    [{ pool: { min: 17 } }, '/pool/min'],
    [{ users: [{ base: peopleBase }] }, '/users/0/filter'],
    [{ users: [{ base: peopleBase }], preset: 'openldap' }],
    [{ users: undefined, dnTemplate: 'uid=alice' }, '/dnTemplate'],
    [{ users: undefined, dnTemplate: '{username}@example.com' }, '/dnTemplate'],
    [{ users: undefined, dnTemplate: `cn=x+uid={username},${peopleBase}` }, '/dnTemplate'],
    [{ users: undefined, dnTemplate: `uid={username},${peopleBase}` }],
    [{ dnTemplate: '{username}@example.com' }],
    [{ tls: { key: 'key.pem' } }, '/tls/key'],
    [{ tls: { cert: 'cert.pem' } }, '/tls/cert'],
    [{ bind: { dn: 'nonsense', password: 'x' } }, '/bind/dn'],
    [{ bind: { dn: 'cn=x', password: 'a\0b' } }, '/bind/password'],
    [search('(uid={username}'), '/users/0/filter'],
    [search('(&(objectClass=person)(uid={username})'), '/users/0/filter'],
    [search('(&(uid={username})(!(objectClass=computer))'), '/users/0/filter'],
    [search('(&\n  (objectClass=person)\n  (uid={username})\n)\n')],
    [{ servers: ['dc1.example.com'], tls: { ca: 'ca.pem' } }, '/servers/0'],
    [search('uid={username}'), '/users/0/filter'],
    [search('(uid=alice)'), '/users/0/filter'],
    [search('(!(uid={username}))'), '/users/0/filter'],
    [search('({username}=alice)'), '/users/0/filter'],
    [search('(&(uid={username})(cn=\\c3\\a9))'), '/users/0/filter'],
    [search('(uid={username})', 'ou=users;dc=example'), '/users/0/base'],
    [{ groups: { ...groups, filter: '(cn=' } }, '/groups/filter'],
    [{ groups: { ...groups, filter: '(member={username})' } }, '/groups/filter'],
    [{ groups: { ...groups, base: 'x' } }, '/groups/base'],
    [{ groups: { ...groups, type: 'posixGroup', nested: true } }, '/groups/nested'],
    [{ permissions: { 'cn=a': ['b.c'] } }, '/permissions'],
    [{ groups, permissions: { nonsense: ['b.c'] } }, '/permissions/nonsense'],
    [
      { groups: { ...groups, base: 'o=b/c' }, permissions: { 'cn=a,o=b/c': ['b.c'], 'CN=A, O=b/c': ['b.d'] } },
      '/permissions/CN=A, O=b~1c'
    ],
    [{ groups, permissions: { 'cn=a,o=elsewhere': ['b.c'] } }, '/permissions/cn=a,o=elsewhere'],
    [{ groups, permissions: { 'editors in o=elsewhere': ['b.c'] } }, '/permissions/editors in o=elsewhere'],
    [{ groups, permissions: { editors: ['b.c'] } }, '/permissions/editors'],
    [{ require: { group: groupDn('staff') } }, '/require'],
    [{ groups, require: { any: [{ group: groupDn('staff') }, { group: 'staff' }] } }, '/require/any/1/group'],
    [{ groups, deny: { not: { group: 'cn=a,o=elsewhere' } } }, '/deny/not/group'],
    [{ groups, flags: { isSuperuser: { all: [{ group: '' }] } } }, '/flags/isSuperuser/all/0/group']
  ]
  for (const [changes, ...paths] of cases) t.same(mistakes(changes), paths, JSON.stringify(changes))
})

t.test('what is commonly mistaken is told with the way out', async (t) => {
  const users = [{ base: peopleBase, filter: '(uid={username})' }]
  const groups = { base: groupsBase }
  const cases: readonly (readonly [changes: object, told: RegExp])[] = [
    [{ users: [{ base: peopleBase, filter: '(uid=%(user)s)' }] }, /write \{username\} instead of %\(user\)s/],
    [{ users: undefined, dnTemplate: `uid=%(user)s,${peopleBase}` }, /write \{username\} instead of %\(user\)s/],
    [{ users: [{ base: peopleBase, filter: '(&(uid={username})' }] }, /a closing parenthesis is missing/],
    [{ users: [{ base: peopleBase, filter: '(uid={username}))' }] }, /an opening parenthesis is missing/],
    [
      { users: [{ base: 'ou="a, b",o=c', filter: '(uid={username})' }] },
      /a backslash goes before each ", and no quotes/
    ],
    [{ users: [{ base: 'ou=a;o=c', filter: '(uid={username})' }] }, /a backslash goes before each ;/],
    [{ bind: { dn: 'latchkey@example.com', password: 'x' } }, /not a DN such as cn=latchkey,dc=example,dc=com/],
    [{ groups, require: { group: 'staff' } }, /write its DN, its id or `staff in BASE`/],
    [{ groups, permissions: { staff: ['a.b'] } }, /write its DN, its id or `staff in BASE`/]
  ]
  for (const [changes, told] of cases) {
    const mistakes = ldapBackend.mistakes?.({ servers: ['ldaps://dc1.example.com'], users, ...changes }) ?? []
    t.equal(mistakes.length, 1, JSON.stringify(changes))
    t.match(mistakes[0]?.message, told)
  }
})

t.test('what is not built yet is no option', async (t) => {
  const good = { servers: ['ldaps://dc1'], users: twoNames }
  t.ok(Value.Check(ldapBackend.options, good))
  for (const unknown of [{ cache: 5 }, { tls: { pin: 'x' } }, { require: {} }]) {
    t.notOk(Value.Check(ldapBackend.options, { ...good, ...unknown }), JSON.stringify(unknown))
  }
})
