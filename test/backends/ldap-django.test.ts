import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { User } from '../../src/auth/user-store.ts'
import { openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { createCertificates } from '../servers/certificates.ts'
import { freePort } from '../servers/free-port.ts'
import {
  groupOfNames,
  groupsBase,
  type LdapEntry,
  peopleBase,
  person,
  suffix,
  userPassword
} from '../servers/ldap-fixtures.ts'
import { requests, result, startLdapMock } from '../servers/ldap-fixtures-mock.ts'
import { corpAt, openLdapWorld } from '../servers/ldap-fixtures-world.ts'
import { startSlapd } from '../servers/slapd.ts'

/** What django-auth-ldap's own suite shows of logins, about Latchkey; groups are in ldap-django-groups.test.ts. */
const folder = await mkdtemp(join(tmpdir(), 'latchkey-certificates-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const [certificates, strangers] = await Promise.all([
  createCertificates(folder),
  createCertificates(folder, { prefix: 'stranger' })
])

const uidOf = (name: string) => `uid=${name},${peopleBase}`
const otherBase = `ou=others,${suffix}`
const dnTemplate = `uid={username},${peopleBase}`

const slapd = await startSlapd(t, {
  trace: true,
  anonymous: true,
  entriesOfOneself: true,
  tls: certificates,
  entries: [
    person('alice', { cn: 'Alice Example', givenName: 'Alice' }),
    person('bob', { cn: ['Same Name', 'Bob (the) *1st*\\'] }),
    person('bert', { cn: 'Same Name' }),
    person('jörg müller', { mail: 'joerg@example.com' }),
    person('doe, jane', { mail: 'jane@example.com' }),
    person('#hash+x=y', { mail: 'hash@example.com' }),
    [otherBase, { objectClass: 'organizationalUnit', ou: 'others' }],
    [`uid=olga,${otherBase}`, { ...person('olga')[1] }],
    [
      `ou=elsewhere,${peopleBase}`,
      { objectClass: ['referral', 'extensibleObject'], ou: 'elsewhere', ref: 'ldap://192.0.2.1/ou=elsewhere' }
    ]
  ]
})
const { bind: _bind, users: _users, ...direct } = { ...corpAt(slapd.url), dnTemplate }

const open = (t: Test, corp: object = {}, more: object = {}) => openLdapWorld(t, [corpAt(slapd.url, corp)], more)
const referralsOf = async ({ app }: TestLatchkey) => {
  const { body } = await app.inject('/metrics')
  return Number(/^latchkey_ldap_referrals_total\{backend="corp"\} (\d+)/m.exec(body)?.[1] ?? 0)
}
const inAs = (email: string) => ({ email, backend: 'corp' })

t.test('direct bind', async (t) => {
  const world = await openLdapWorld(t, [direct])
  const usernameOf = (user: User) => user.identities[0]?.username

  t.test('the right password is enough, without any service account', async (t) => {
    t.match(await world.logIn('alice'), inAs('alice@example.com'))
  })
  t.test('a wrong password is refused', async (t) => {
    t.equal(await world.logIn('alice', 'wrong'), 'invalid_grant')
  })
  t.test('an unknown user is refused', async (t) => {
    t.equal(await world.logIn('nobody'), 'invalid_grant')
  })
  t.test('the entry gives the fields, read as the user', async (t) => {
    t.match(await world.userAfter('alice'), { attributes: { firstName: 'Alice', lastName: 'Example' } })
  })
  t.test('the first login creates the user, the next one finds them', async (t) => {
    t.equal((await world.userAfter('bert')).id, (await world.userAfter('bert')).id)
  })
  t.test('another spelling of the name is the same user, under the entry’s own name', async (t) => {
    const { id } = await world.userAfter('alice')
    for (const spelling of ['ALICE', ' alice', 'alice ']) {
      const user = await world.userAfter(spelling)
      t.same([user.id, usernameOf(user)], [id, 'alice'], JSON.stringify(spelling))
    }
  })
  t.test('names with signs of a DN in them are escaped', async (t) => {
    for (const name of ['doe, jane', '#hash+x=y']) t.equal(usernameOf(await world.userAfter(name)), name)
  })
  t.test('names that are no ASCII log in', async (t) => {
    t.equal(usernameOf(await world.userAfter('JÖRG Müller')), 'jörg müller')
  })
  t.test('a name cannot lead to another entry', async (t) => {
    for (const name of ['alice,ou=users', 'x+uid=alice', 'alice\\', 'alice\\2c', `x,${uidOf('alice')}`]) {
      t.equal(await world.logIn(name), 'invalid_grant', name)
    }
  })
  t.test('a whole DN is no login name', async (t) => {
    t.equal(await world.logIn(uidOf('alice')), 'invalid_grant')
    t.equal(await world.logIn(`uid=olga,${otherBase}`), 'invalid_grant')
  })
  t.test('who may not read their own entry is an outage, and nobody', async (t) => {
    for (const search of [
      { base: otherBase, filter: '(uid={username})' },
      { base: uidOf('alice'), scope: 'base', filter: '(&(uid={username})(sn=Other))' }
    ]) {
      const blind = await openLdapWorld(t, [{ ...direct, users: [search] }])
      t.equal(await blind.logIn('alice'), 'temporarily_unavailable', search.filter)
      t.equal(await blind.store.users.count(), 0)
    }
  })
})

t.test('search and bind', async (t) => {
  const world = await open(t)

  t.test('the right password is enough', async (t) => {
    t.match(await world.logIn('alice'), inAs('alice@example.com'))
  })
  t.test('a wrong password is refused', async (t) => {
    t.equal(await world.logIn('alice', 'wrong'), 'invalid_grant')
  })
  t.test('an unknown user is refused, and nothing is bound', async (t) => {
    await slapd.operations()
    t.equal(await world.logIn('nobody'), 'invalid_grant')
    t.match(await slapd.operations(), { binds: 0, searches: 1 })
  })
  t.test('of two entries neither is bound', async (t) => {
    const byCn = await open(t, { users: [{ base: peopleBase, filter: '(cn={username})' }] })
    await byCn.logIn('Alice Example')
    await slapd.operations()
    t.equal(await byCn.logIn('Same Name'), 'invalid_grant')
    t.match(await slapd.operations(), { binds: 0, searches: 1 })
  })
  t.test('signs of a filter in a name are escaped', async (t) => {
    const byCn = await open(t, { users: [{ base: peopleBase, filter: '(cn={username})' }] })
    t.match(await byCn.logIn('Bob (the) *1st*\\'), inAs('bob@example.com'))
    for (const name of ['*', 'ali*', 'Alice*', '*)(uid=*', 'Bob \\28the\\29 \\2a1st\\2a\\5c', 'x)(|(cn=*)']) {
      t.equal(await byCn.logIn(name), 'invalid_grant', name)
    }
  })
  t.test('a referral among the results is passed over, counted and told', async (t) => {
    const referred = await open(t)
    t.match(await referred.logIn('alice'), inAs('alice@example.com'))
    t.match(referred.log(), /"event":"ldap_referrals"/)
    t.equal(await referralsOf(referred), 1)
  })
  t.test('a referral in place of a base is an outage', async (t) => {
    const users = [{ base: `ou=elsewhere,${peopleBase}`, filter: '(uid={username})' }]
    const referred = await open(t, { users })
    t.equal(await referred.logIn('alice'), 'temporarily_unavailable')
    t.equal(await referralsOf(referred), 1)
  })
  t.test('a service account with a wrong password is an outage', async (t) => {
    const refused = await open(t, { bind: { dn: uidOf('alice'), password: 'wrong' } })
    t.equal(await refused.logIn('alice'), 'temporarily_unavailable')
  })
  t.test('scope one looks right below its base only', async (t) => {
    const at = (scope: string, base: string) => open(t, { users: [{ base, scope, filter: '(uid={username})' }] })
    t.equal(await (await at('one', suffix)).logIn('alice'), 'invalid_grant')
    t.match(await (await at('sub', suffix)).logIn('alice'), inAs('alice@example.com'))
    t.match(await (await at('one', peopleBase)).logIn('alice'), inAs('alice@example.com'))
    t.match(await (await at('base', uidOf('alice'))).logIn('alice'), inAs('alice@example.com'))
  })
  t.test('another login name of the same person is the same user', async (t) => {
    const any = await open(t, { users: [{ base: peopleBase, filter: '(|(uid={username})(mail={username}))' }] })
    t.equal((await any.userAfter('Alice@Example.com')).id, (await any.userAfter('alice')).id)
  })
})

t.test('empty password', async (t) => {
  for (const [name, backend] of [
    ['a search and a bind', corpAt(slapd.url)],
    ['a direct bind', direct]
  ] as const) {
    t.test(`${name}: refused, and the directory is not asked`, async (t) => {
      const world = await openLdapWorld(t, [backend])
      await world.logIn('alice')
      await slapd.operations()
      t.match(await world.logIn('alice', ''), /^invalid_/)
      t.same(await slapd.operations(), { connections: 0, binds: 0, searches: 0 })
    })
  }
  t.test('nor does an empty name or a NUL in either reach it', async (t) => {
    const world = await openLdapWorld(t, [direct])
    await world.logIn('alice')
    await slapd.operations()
    for (const [username, password] of [
      ['', userPassword],
      ['', ''],
      ['alice\0', userPassword],
      ['alice', '\0'],
      ['alice', `${userPassword}\0`]
    ] as const) {
      t.match(await world.logIn(username, password), /^invalid_/, JSON.stringify([username, password]))
    }
    t.same(await slapd.operations(), { connections: 0, binds: 0, searches: 0 })
  })
})

t.test('mapping', async (t) => {
  const fields = {
    nick: { type: 'string', maxLength: 10, claim: true },
    floor: { type: 'number' },
    remote: { type: 'boolean' },
    hired: { type: 'date' }
  }
  let made = 0
  /** Somebody new, as the store has them after a login. */
  const userOf = async (t: Test, values: LdapEntry[1], corp: object = {}) => {
    made += 1
    await slapd.add([person(`mapped${made}`, values)])
    const world = await open(t, corp, { users: { attributes: fields } })
    const name = `mapped${made}`
    return { world, name, user: await world.userAfter(name) }
  }
  const rows: ReadonlyArray<
    readonly [name: string, entry: LdapEntry[1], attributes: object, fields: Readonly<Record<string, unknown>>]
  > = [
    [
      'the usual fields come from the usual attributes',
      { givenName: 'G', initials: 'GE', employeeNumber: '7', displayName: 'D' },
      {},
      { firstName: 'G', lastName: 'Example', initials: 'GE', employeeNumber: '7', displayName: 'D' }
    ],
    ['an attribute that is missing leaves its field out', {}, {}, { lastName: 'Example' }],
    [
      'of several values the first counts',
      { givenName: ['One', 'Two'] },
      {},
      { firstName: 'One', lastName: 'Example' }
    ],
    [
      'of several attributes the first with a value counts',
      { departmentNumber: 'b', roomNumber: 'c' },
      { nick: ['employeeType', 'departmentNumber', 'roomNumber'] },
      { lastName: 'Example', nick: 'b' }
    ],
    [
      'a configured attribute goes over the usual one',
      { givenName: 'G' },
      { firstName: 'uid', lastName: 'givenName' },
      { firstName: /^mapped/, lastName: 'G' }
    ],
    ['an empty list takes a field out', { givenName: 'G' }, { lastName: [] }, { firstName: 'G' }],
    [
      'names of attributes have no case',
      { departmentNumber: 'd' },
      { nick: 'DEPARTMENTNUMBER' },
      { lastName: 'Example', nick: 'd' }
    ],
    [
      'one attribute may fill several fields',
      { givenName: 'G' },
      { nick: 'givenName' },
      { firstName: 'G', lastName: 'Example', nick: 'G' }
    ],
    [
      'text that is no ASCII stays as it is',
      { givenName: 'Zoë 李', sn: 'Ångström' },
      {},
      { firstName: 'Zoë 李', lastName: 'Ångström' }
    ],
    ['a number of one’s own', { roomNumber: '12' }, { floor: 'roomNumber' }, { lastName: 'Example', floor: 12 }],
    ['a boolean of one’s own', { roomNumber: 'TRUE' }, { remote: 'roomNumber' }, { lastName: 'Example', remote: true }],
    [
      'a date of one’s own',
      { roomNumber: '2020-02-29' },
      { hired: 'roomNumber' },
      { lastName: 'Example', hired: '2020-02-29' }
    ],
    [
      'what is of another type is left out',
      { roomNumber: 'twelve', departmentNumber: '2021-02-29x' },
      { floor: 'roomNumber', hired: 'departmentNumber' },
      { lastName: 'Example' }
    ],
    [
      'what is too long is left out, and not cut',
      { departmentNumber: 'more than ten' },
      { nick: 'departmentNumber' },
      { lastName: 'Example' }
    ],
    [
      'bytes that are no text are left out',
      { jpegPhoto: '\u0001\u0002' },
      { nick: 'jpegPhoto' },
      { lastName: 'Example' }
    ]
  ]
  for (const [name, values, attributes, expected] of rows) {
    t.test(name, async (t) => {
      const { user } = await userOf(t, values, { attributes })
      t.match(user.attributes, expected)
      t.same(Object.keys(user.attributes).sort(), Object.keys(expected).sort())
    })
  }

  const replace = (name: string, changes: string) =>
    slapd.modify(`dn: ${uidOf(name)}\nchangetype: modify\n${changes}\n`)

  t.test('each login brings what has changed', async (t) => {
    const { world, name, user } = await userOf(t, { givenName: 'Before' })
    await replace(name, 'replace: givenName\ngivenName: After')
    const after = await world.userAfter(name)
    t.same([after.id, after.attributes.firstName], [user.id, 'After'])
  })
  t.test('what is gone from the entry is gone from the user', async (t) => {
    const { world, name } = await userOf(t, { givenName: 'Before' })
    await replace(name, 'delete: givenName')
    t.notOk('firstName' in (await world.userAfter(name)).attributes)
  })
  t.test('with updateAttributes: create the first login alone brings them', async (t) => {
    const { world, name, user } = await userOf(t, { givenName: 'Before' }, { updateAttributes: 'create' })
    await replace(name, 'replace: givenName\ngivenName: After\n-\nreplace: mail\nmail: after@example.com')
    t.match(await world.userAfter(name), { attributes: { firstName: 'Before' }, email: user.email })
  })
  t.test('a new address follows the person', async (t) => {
    const { world, name, user } = await userOf(t, {})
    await replace(name, `replace: mail\nmail: New.${name}@Example.com`)
    t.match(await world.userAfter(name), { id: user.id, email: `new.${name}@example.com` })
  })
  t.test('with create: false nobody new comes in, and who is there does', async (t) => {
    const { world, name, user } = await userOf(t, {})
    await slapd.add([person('newcomer')])
    const closed = await openLdapWorld(t, [corpAt(slapd.url, { create: false })], {}, world.folder)
    t.equal(await closed.logIn('newcomer'), 'invalid_grant')
    t.match(await closed.logIn(name), { sub: user.id })
  })
  t.test('a field may be a claim', async (t) => {
    const { world, name } = await userOf(t, { departmentNumber: 'd7' }, { attributes: { nick: 'departmentNumber' } })
    t.match(await world.logIn(name), { nick: 'd7' })
  })

  const emails: ReadonlyArray<readonly [name: string, entry: LdapEntry[1], corp: object, email: string | RegExp]> = [
    [
      'the address comes from another attribute',
      { mail: [], roomNumber: 'room@example.com' },
      { attributes: { email: ['mail', 'roomNumber'] } },
      'room@example.com'
    ],
    ['the address is written in one way', { mail: ' Up.Per@EXAMPLE.com' }, {}, 'up.per@example.com'],
    [
      'without an address there is the fallback',
      { mail: [] },
      { email: { fallback: '{uid}@example.org' } },
      /^mapped\d+@example\.org$/
    ]
  ]
  for (const [name, values, corp, email] of emails) {
    t.test(name, async (t) => t.match((await userOf(t, values, corp)).user.email, email))
  }
  const refused: ReadonlyArray<readonly [name: string, mail: readonly string[], corp: object]> = [
    ['without an address nobody is created', [], {}],
    ['of addresses that tie none is taken', ['a@example.com', 'b@example.com'], {}],
    ['an address outside the domains is refused', ['outside@example.org'], { email: { domains: ['example.com'] } }]
  ]
  for (const [name, mail, corp] of refused) {
    t.test(name, async (t) => {
      made += 1
      await slapd.add([person(`mapped${made}`, { mail })])
      const world = await open(t, corp)
      t.equal(await world.logIn(`mapped${made}`), 'invalid_grant')
      t.equal(await world.store.users.count(), 0)
    })
  }
})

t.test('errors', async (t) => {
  t.test('an error of the directory is an outage, not a wrong password, and counts for nothing', async (t) => {
    const limits = { ip: false, account: { failures: 2, window: '15m' } }
    const lost = await open(t, { users: [{ base: `ou=gone,${suffix}`, filter: '(uid={username})' }] }, { limits })
    for (let tries = 0; tries < 4; tries += 1) {
      const answer = await lost.token({ grant_type: 'password', username: 'alice', password: 'wrong' })
      t.match([answer.statusCode, answer.json().error], [503, 'temporarily_unavailable'])
      t.match(answer.headers['retry-after'], /^\d+$/)
      t.notMatch(answer.body, /gone|LDAP|uid/)
    }
  })
  t.test('a filter that cannot be parsed stops the start, and says where', async (t) => {
    const users = [{ base: peopleBase, filter: '(uid={username}' }]
    const groups = { base: groupsBase, filter: 'cn=x)' }
    await t.rejects(open(t, { users, groups }), {
      message: /backends\[0\]\.users\[0\]\.filter[\s\S]*backends\[0\]\.groups\.filter/
    })
  })
})

t.test('connection and chain', async (t) => {
  const tls = { ca: certificates.ca }
  const dead = () => freePort().then((port) => `ldap://127.0.0.1:${port}`)
  const ways: ReadonlyArray<readonly [name: string, corp: object, outcome: object | string]> = [
    ['StartTLS', { insecure: false, startTls: true, tls }, inAs('alice@example.com')],
    ['LDAPS', { insecure: false, servers: [slapd.tlsUrl], tls }, inAs('alice@example.com')],
    ['a Unix socket', { insecure: false, servers: [slapd.socketUrl] }, inAs('alice@example.com')],
    [
      'a certificate by another authority',
      { insecure: false, startTls: true, tls: { ca: strangers.ca } },
      'temporarily_unavailable'
    ],
    ['an anonymous search', { bind: undefined }, inAs('alice@example.com')]
  ]
  for (const [name, corp, outcome] of ways) {
    t.test(name, async (t) => {
      const world = await open(t, corp)
      const answer = await world.logIn('alice')
      if (typeof outcome === 'string') t.equal(answer, outcome)
      else {
        t.match(answer, outcome)
        t.equal(await world.logIn('alice', 'wrong'), 'invalid_grant')
      }
    })
  }
  t.test('a server that refuses StartTLS is told no name and no password', async (t) => {
    const mock = await startLdapMock(t, ({ operation, answer }) =>
      answer(operation === requests.extended ? result(0x78, 52) : result(0x61, 0))
    )
    const world = await open(t, { insecure: false, startTls: true, servers: [mock.url] })
    t.equal(await world.logIn('alice'), 'temporarily_unavailable')
    t.notMatch(mock.received().toString('latin1'), /canary|alice|latchkey/)
  })
  t.test('plain text without a word of consent stops the start', async (t) => {
    await t.rejects(open(t, { insecure: false }), { message: /backends\[0\]\.servers\[0\][\s\S]*in clear/ })
  })
  t.test('the next server answers for one that is dead, in order and at random', async (t) => {
    for (const strategy of ['order', 'random']) {
      const world = await open(t, { strategy, servers: [await dead(), await dead(), slapd.url] })
      t.match(await world.logIn('alice'), inAs('alice@example.com'), strategy)
    }
  })
  t.test('several searches are one directory: the first that finds somebody decides', async (t) => {
    const union = [peopleBase, otherBase].map((base) => ({ base, filter: '(uid={username})' }))
    const world = await open(t, { users: union })
    t.match(await world.logIn('alice'), inAs('alice@example.com'))
    t.match(await world.logIn('olga'), inAs('olga@example.com'))
    t.equal(await (await open(t)).logIn('olga'), 'invalid_grant', 'the second search found her')
  })
  t.test('several directories in a chain: each knows its own, and a token names it', async (t) => {
    const others = { id: 'others', users: [{ base: otherBase, filter: '(uid={username})' }] }
    const world = await openLdapWorld(t, [corpAt(slapd.url), corpAt(slapd.url, others)])
    t.match(await world.logIn('alice'), { backend: 'corp' })
    t.match(await world.logIn('olga'), { backend: 'others', email: 'olga@example.com' })
    t.equal(await world.logIn('nobody'), 'invalid_grant')
  })
  const olga = { username: 'alice', email: 'alice@example.net', password: 'a password of ours' }
  const settings = { id: 'settings', type: 'static', users: [olga] }
  t.test('another backend is asked after a wrong password, unless it is to stop there', async (t) => {
    const next = await openLdapWorld(t, [corpAt(slapd.url), settings])
    t.match(await next.logIn('alice', olga.password), { backend: 'settings' })
    const stop = await openLdapWorld(t, [corpAt(slapd.url, { onRejected: 'stop' }), settings])
    t.equal(await stop.logIn('alice', olga.password), 'invalid_grant')
  })
  t.test('another backend is asked while the directory is down, unless it is to stop there', async (t) => {
    const servers = [await dead()]
    const next = await openLdapWorld(t, [corpAt(slapd.url, { servers }), settings])
    t.match(await next.logIn('alice', olga.password), { backend: 'settings' })
    t.equal(await next.logIn('alice', 'wrong'), 'temporarily_unavailable', 'it may have been right there')
    const stop = await openLdapWorld(t, [corpAt(slapd.url, { servers, onUnavailable: 'stop' }), settings])
    t.equal(await stop.logIn('alice', olga.password), 'temporarily_unavailable')
  })
  t.test('logins share connections', async (t) => {
    const world = await open(t)
    await world.logIn('alice')
    await slapd.operations()
    for (const name of ['alice', 'bob', 'bert']) t.match(await world.logIn(name), { backend: 'corp' })
    t.same(await slapd.operations(), { connections: 0, binds: 3, searches: 3 })
  })
  t.test('a directory that is down does not keep the service from starting', async (t) => {
    const world = await openTestLatchkey(t, JSON.stringify({ backends: [corpAt(await dead())] }))
    t.equal((await world.app.inject('/readyz')).statusCode, 200)
  })
})

t.test('nobody is in a group that nobody asked for', async (t) => {
  await slapd.add([groupOfNames('unasked', [uidOf('alice')])])
  const claims = await (await open(t)).logIn('alice')
  t.same(typeof claims === 'string' ? claims : [claims.groups, claims.permissions], [[], []])
})
