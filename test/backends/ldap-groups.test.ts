import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import type { Identity, TraceStep, Verdict } from '../../src/auth/backend.ts'
import type { LdapOptions } from '../../src/backends/ldap/options.ts'
import {
  groupOfNames,
  groupsBase,
  type LdapEntry,
  peopleBase,
  person,
  serviceAccount,
  suffix
} from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { entry, message, requests, result, startLdapMock } from '../servers/ldap-fixtures-mock.ts'
import { needsSamba, startSamba } from '../servers/samba.ts'
import { adGroup, adGroupsBase, adPassword, adPeopleBase, adPerson } from '../servers/samba-fixtures.ts'
import { startSlapd } from '../servers/slapd.ts'

const uidOf = (name: string) => `uid=${name},${peopleBase}`
const groupDn = (name: string, base = groupsBase) => `cn=${name},${base}`
const otherBase = `ou=others,${suffix}`
const role = (cn: string, occupants: string[]): LdapEntry => [
  groupDn(cn),
  { objectClass: 'organizationalRole', cn, roleOccupant: occupants }
]
const chain = Array.from({ length: 40 }, (_, at) => at)

const slapd = await startSlapd(t, {
  databaseSettings: [
    `limits dn.exact="${serviceAccount.dn}" size=10 size.prtotal=unlimited`,
    'overlay memberof',
    'memberof-refint true'
  ],
  entries: [
    person('alice'),
    person('bob'),
    person('carol'),
    groupOfNames('authors', [uidOf('carol')]),
    person('deep'),
    person('posix', {
      objectClass: ['inetOrgPerson', 'posixAccount'],
      uidNumber: '1',
      gidNumber: '7',
      homeDirectory: '/'
    }),
    [otherBase, { objectClass: 'organizationalUnit', ou: 'others' }],
    groupOfNames('editors', [uidOf('alice')]),
    groupOfNames('staff', [groupDn('editors')]),
    [groupDn('editors', otherBase), { objectClass: 'groupOfNames', cn: 'editors', member: [uidOf('bob')] }],
    [groupDn('unique'), { objectClass: 'groupOfUniqueNames', cn: 'unique', uniqueMember: uidOf('alice') }],
    [groupDn('uniquer'), { objectClass: 'groupOfUniqueNames', cn: 'uniquer', uniqueMember: groupDn('unique') }],
    role('chair', [uidOf('alice')]),
    role('board', [groupDn('chair')]),
    [groupDn('seven'), { objectClass: 'posixGroup', cn: 'seven', gidNumber: '7' }],
    [groupDn('member'), { objectClass: 'posixGroup', cn: 'member', gidNumber: '8', memberUid: 'posix' }],
    ...chain.map((at) => groupOfNames(`level${at}`, [at === 0 ? uidOf('deep') : groupDn(`level${at - 1}`)]))
  ]
})

type Groups = NonNullable<LdapOptions['groups']>
const options = { servers: [slapd.url], insecure: true, bind: slapd.bind }

const subjectIn = (verdict: Verdict) => {
  if (verdict.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(verdict)}`)
  return verdict.identity.subject
}

/** What somebody gets: the names of the groups, and permissions. */
const answerFor = async (t: Test, name: string, more: Partial<LdapOptions>) => {
  const backend = openLdapBackend(t, { ...options, ...more })
  const subject = subjectIn(await logIn(backend, name))
  const { groups = [], grants } = await backend.permissions({ subject }, questionContext())
  return { groups: groups.toSorted(), permissions: grants.map(({ permission }) => permission).sort() }
}
const groupsOf = async (t: Test, name: string, groups: Partial<Groups>) =>
  (await answerFor(t, name, { groups: { base: groupsBase, ...groups } })).groups

t.test('each kind of group, flat and nested', async (t) => {
  const cases: readonly (readonly [type: Groups['type'] & string, name: string, flat: string[], nested: string[]])[] = [
    ['groupOfNames', 'alice', ['editors'], ['editors', 'staff']],
    ['groupOfUniqueNames', 'alice', ['unique'], ['unique', 'uniquer']],
    ['organizationalRole', 'alice', ['chair'], ['board', 'chair']],
    ['memberOf', 'alice', ['editors'], ['editors', 'staff']],
    ['posixGroup', 'posix', ['member', 'seven'], ['member', 'seven']],
    ['posixGroup', 'alice', [], []],
    ['active-directory', 'alice', [], []],
    ['memberOf', 'bob', [], []]
  ]
  for (const [type, name, flat, nested] of cases) {
    t.same(await groupsOf(t, name, { type }), flat, type)
    t.same(await groupsOf(t, name, { type, nested: true }), nested, `${type}, nested`)
  }
  t.same(await groupsOf(t, 'alice', { nested: true }), ['editors', 'staff'], 'by default groupOfNames')
  t.same(await groupsOf(t, 'alice', { type: 'memberOf', nested: true, filter: '(cn=staff)' }), [])
})

t.test('a group gives permissions by DN, by id, by name in a base and by pattern; never by a bare name', async (t) => {
  const found = execFileSync('ldapsearch', [
    ...['-x', '-LLL', '-H', slapd.url, '-D', serviceAccount.dn, '-w', serviceAccount.password],
    ...['-b', groupDn('staff'), 'entryUUID']
  ]).toString()
  const [, id = ''] = /entryUUID: (\S+)/.exec(found) ?? []
  const permissions = {
    [groupDn('editors')]: ['by.dn'],
    [id.toUpperCase()]: ['by.id'],
    [`Editors in ${groupsBase}`]: ['by.name'],
    [`editors in ${otherBase}`]: ['by.other'],
    [`*t* in ${suffix}`]: ['by.pattern'],
    [`editors in ${uidOf('x')}`]: ['by.nowhere']
  }
  const wide = { groups: { base: suffix, type: 'groupOfNames', nested: true } as const, permissions }
  t.same((await answerFor(t, 'alice', wide)).permissions, ['by.dn', 'by.id', 'by.name', 'by.pattern', 'by.pattern'])
  t.same((await answerFor(t, 'bob', wide)).permissions, ['by.other', 'by.pattern'])
})

t.test('a login sees its own groups at once, their nesting after `cache`; a refresh sees all at once', async (t) => {
  const groups = { base: groupsBase, type: 'groupOfNames', nested: true } as const
  const open = (cache: string | 0) => openLdapBackend(t, { ...options, groups, cache })
  const [remembering, forgetful] = [open('1h'), open(0)]
  const namesFor = async (backend: typeof remembering, identity: Identity) => {
    const { subject } = identity
    return (await backend.permissions({ subject, identity }, questionContext())).groups?.toSorted()
  }
  const atLogin = async (backend: typeof remembering) => {
    const verdict = await logIn(backend, 'carol')
    if (verdict.outcome !== 'accepted') throw new Error('not accepted')
    return namesFor(backend, verdict.identity)
  }
  const add = (name: string, member: string) => slapd.add([groupOfNames(name, [member])])

  t.same(await atLogin(remembering), ['authors'])
  await add('writers', groupDn('authors'))
  await add('direct', uidOf('carol'))
  t.same(await atLogin(forgetful), ['authors', 'direct', 'writers'])
  await slapd.modify(`dn: ${groupDn('direct')}\nchangetype: delete\n`)
  t.same(await atLogin(remembering), ['authors'], 'that its group is in another one is not asked again')
  const subject = subjectIn(await logIn(remembering, 'carol'))
  const answer = await remembering.identity(subject, questionContext())
  if (answer.state !== 'present') throw new Error('not present')
  t.same(await namesFor(remembering, answer.identity), ['authors', 'writers'])
  await add('direct', uidOf('carol'))
  t.ok((await atLogin(remembering))?.includes('direct'), 'what the account itself is in is asked at each login')
})

t.test('what is too deep, and a list that the server cuts, are refused and not cut', async (t) => {
  const deep = openLdapBackend(t, { ...options, groups: { base: groupsBase, type: 'groupOfNames', nested: true } })
  const subject = subjectIn(await logIn(deep, 'deep'))
  await t.rejects(deep.permissions({ subject }, questionContext()), {
    name: 'BackendUnavailable',
    reason: 'size-limit'
  })
  const viaMemberOf = openLdapBackend(t, { ...options, groups: { base: groupsBase, type: 'memberOf', nested: true } })
  await t.rejects(viaMemberOf.permissions({ subject }, questionContext()), {
    name: 'BackendUnavailable',
    reason: 'size-limit'
  })
})

const sid = (last: number) => {
  const bytes = Buffer.from('010500000000000515000000010000000200000003000000', 'hex')
  const number = Buffer.alloc(4)
  number.writeUInt32LE(last)
  return Buffer.concat([bytes, number])
}

/** A directory that calls itself Active Directory, with one account, and answers each search by what its filter holds. */
const startMock = (
  t: Test,
  account: Record<string, (string | Buffer)[]>,
  answers: (asked: string) => Buffer[] | undefined
) => {
  const asked: string[] = []
  const mock = startLdapMock(t, ({ operation, bytes, answer, id, socket }) => {
    const text = bytes.toString('latin1')
    if (operation === requests.bind) return answer(result(0x61, 0))
    if (operation !== requests.search) return undefined
    if (text.includes('supportedCapabilities')) {
      return answer(entry('', { supportedCapabilities: ['1.2.840.113556.1.4.800'] }), result(0x65, 0))
    }
    const found = answers(text)
    if (found === undefined) {
      const guid = Buffer.alloc(16, 7)
      return answer(entry(uidOf('ann'), { uid: ['ann'], objectGUID: [guid], ...account }), result(0x65, 0))
    }
    asked.push(text)
    return socket.write(Buffer.concat(found.map((part) => message(id, part))))
  })
  return mock.then(({ url }) => ({ url, asked }))
}
const done = (code = 0) => result(0x65, code)
const mocked = async (t: Test, url: string, groups: Partial<Groups>) => {
  const backend = openLdapBackend(t, {
    servers: [url],
    insecure: true,
    users: [{ base: peopleBase, filter: '(uid={username})' }],
    groups: { base: groupsBase, ...groups }
  })
  const subject = subjectIn(await logIn(backend, 'ann'))
  return backend.permissions({ subject }, questionContext())
}

t.test('memberOf in ranges is followed to its end', async (t) => {
  const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => groupDn(`g${from + at}`))
  const read = (text: string) => {
    const [, name] = /cn=(g\d+),ou=groups/.exec(text) ?? []
    return name === undefined ? undefined : [entry(groupDn(name), { cn: [name] }), done()]
  }
  const whole = await startMock(t, { memberOf: [], 'memberOf;range=0-2': names(0, 2) }, (text) => {
    if (text.includes('range=3-*')) return [entry(uidOf('ann'), { 'memberOf;range=3-4': names(3, 4) }), done()]
    if (text.includes('range=5-*')) return [entry(uidOf('ann'), { 'memberOf;range=5-*': names(5, 6) }), done()]
    return read(text)
  })
  t.equal((await mocked(t, whole.url, { type: 'memberOf' })).groups?.length, 7)
  const stuck = await startMock(t, { 'memberOf;range=0-2': names(0, 2) }, (text) =>
    text.includes('range=3-*') ? [entry(uidOf('ann'), {}), done()] : read(text)
  )
  await t.rejects(mocked(t, stuck.url, { type: 'memberOf' }), { name: 'BackendUnavailable', reason: 'protocol' })
})

t.test('Active Directory: the primary group counts, and a size limit refuses', async (t) => {
  const account = { objectSid: [sid(1105)], primaryGroupID: ['513'] }
  const mock = await startMock(t, account, (text) => {
    if (!text.includes('objectClass\x04\x05group')) return undefined
    const users = entry(groupDn('Domain Users'), { cn: ['Domain Users'] })
    return text.includes(sid(513).toString('latin1')) ? [users, done()] : [done()]
  })
  t.same((await mocked(t, mock.url, {})).groups, ['Domain Users'])
  t.notOk(mock.asked.some((text) => text.includes('1.2.840.113556.1.4.1941')))
  t.ok((await mocked(t, mock.url, { type: 'active-directory', nested: true })).groups?.includes('Domain Users'))
  t.ok(
    mock.asked.some((text) => text.includes('1.2.840.113556.1.4.1941')),
    'the server follows the chain itself'
  )
  const limited = await startMock(t, account, (text) => (text.includes('\x05group') ? [done(4)] : undefined))
  await t.rejects(mocked(t, limited.url, {}), { name: 'BackendUnavailable', reason: 'size-limit' })
})

t.test('a real Active Directory: every way gives the same groups', { skip: needsSamba() }, async (t) => {
  const samba = await startSamba(t)
  const annDn = `CN=ann,${adPeopleBase}`
  const dn = (name: string) => `CN=${name},${adGroupsBase}`
  await samba.add([
    adPerson('ann'),
    adPerson('ben'),
    adGroup('Editors', [`CN=ann,${adPeopleBase}`]),
    adGroup('Staff', [dn('Editors')]),
    [
      dn('All (of) Us\\, *'),
      { objectClass: 'group', cn: 'All (of) Us, *', sAMAccountName: 'all', member: dn('Staff') }
    ],
    adGroup('Loop', [dn('All (of) Us\\, *')]),
    [dn('Letters'), { objectClass: 'group', cn: 'Letters', sAMAccountName: 'letters', groupType: '2', member: annDn }]
  ])
  await samba.modify(`dn: ${dn('Editors')}\nchangetype: modify\nadd: member\nmember: ${dn('Loop')}\n`)
  const options = {
    servers: [samba.url],
    tls: { ca: samba.ca },
    bind: samba.bind,
    users: [{ base: adPeopleBase, filter: '(sAMAccountName={username})' }]
  }
  const groups = async (name: string, more: Partial<Groups>) => {
    const backend = openLdapBackend(t, { ...options, groups: { base: samba.suffix, ...more } })
    const verdict = await logIn(backend, name, adPassword)
    const answer = await backend.permissions({ subject: subjectIn(verdict) }, questionContext())
    return answer.groups?.filter((group) => group !== 'Letters').toSorted()
  }
  const told = async (more: Partial<Groups>) => {
    const said: string[] = []
    const trace = ({ text }: { text: string }) => void said.push(text)
    const deny = { any: [{ group: dn('Letters') }, { group: dn('Editors') }, { group: dn('Nobody') }] }
    const backend = openLdapBackend(t, { ...options, deny, groups: { base: samba.suffix, ...more } })
    await backend.probe({ ...questionContext(), trace })
    return said.filter((text) => text.includes('nobody is in it'))
  }
  const nobody = `there is no group ${dn('Nobody')} that could be seen: nobody is in it`
  const letters = `${dn('Letters')} is a distribution group, and these are not in tokenGroups: nobody is in it`
  t.same(await told({ nested: true }), [letters, nobody])
  t.same(await told({ nested: true, type: 'active-directory' }), [nobody])
  t.same(await told({}), [nobody])
  const failed: string[] = []
  const trace = ({ outcome, text }: TraceStep) => void (outcome === 'failed' && failed.push(text))
  const whole = openLdapBackend(t, { ...options, groups: { base: samba.suffix } })
  await whole.probe({ ...questionContext(), trace })
  t.same(failed, [], 'a server that minds no size limit is no mistake')
  const nested = ['All (of) Us, *', 'Domain Users', 'Editors', 'Loop', 'Staff']
  t.same(await groups('ann', {}), ['Domain Users', 'Editors'])
  for (const more of [{ nested: true }, { type: 'active-directory', nested: true }] as const) {
    const found = (await groups('ann', more)) ?? []
    t.same(
      nested.filter((name) => !found.includes(name)),
      [],
      JSON.stringify(more)
    )
    t.same(
      found.filter((name) => !nested.includes(name)),
      ['Users'],
      'the group that Domain Users is in'
    )
  }
  t.same(
    await groups('ann', { type: 'memberOf' }),
    ['Domain Users', 'Editors'],
    'the attribute leaves the primary group out'
  )
  t.same(await groups('ann', { type: 'memberOf', nested: true }), [...nested, 'Users'])
  t.same(await groups('ben', {}), ['Domain Users'])
})
