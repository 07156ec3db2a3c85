import t from 'tap'
import type { Verdict } from '../../src/auth/backend.ts'
import { type Dirsrv, needsDirsrv, startDirsrv } from '../servers/dirsrv.ts'
import { groupOfNames, groupsBase, peopleBase, person, userPassword } from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { entry, requests, result, startLdapMock } from '../servers/ldap-fixtures-mock.ts'

const skip = needsDirsrv()
const dnOf = (name: string) => `uid=${name},${peopleBase}`
const newPassword = 'canary-new-password'
const subjectOf = (verdict: Verdict): string =>
  verdict.outcome === 'accepted' ? verdict.identity.subject : ('subject' in verdict && verdict.subject) || ''

const set = (name: string, attribute: string, value: string): string =>
  `dn: ${dnOf(name)}\nchangetype: modify\nreplace: ${attribute}\n${attribute}: ${value}\n`

/** With whatever a preset knows by itself. */
const optionsOf = ({ tlsUrl, ca, bind }: Dirsrv) => ({
  ...{ servers: [tlsUrl], tls: { ca }, bind, users: [{ base: peopleBase }] },
  groups: { base: groupsBase, nested: true }
})

const groups = [
  groupOfNames('editors', [dnOf('alice')]),
  groupOfNames('staff', [`cn=editors,${groupsBase}`]),
  groupOfNames('others', [dnOf('bob')])
]

t.test('389 Directory Server', { skip }, async (t) => {
  const names = ['alice', 'bob', 'disabled', 'locked', 'expired', 'mustchange', 'warned', 'changing', 'moving']
  // in clear, so that the server hashes it and remembers it in the history
  const people = names.map((name) => person(name, { userPassword, cn: name }))
  const directory = await startDirsrv(t, { entries: [...people, ...groups] })
  const options = { ...optionsOf(directory), preset: '389ds' as const }
  const backend = openLdapBackend(t, options)
  const held = async (more: object) => {
    const other = openLdapBackend(t, { ...options, ...more })
    const rights = await other.permissions({ subject: subjectOf(await logIn(other, 'alice')) }, questionContext())
    return [...(rights.groups ?? [])].sort()
  }

  t.test('one person by uid and by mail, whose subject is the nsUniqueId and follows a new name', async (t) => {
    const alice = await logIn(backend, 'alice')
    const [nsUniqueId] = await directory.read(dnOf('alice'), 'nsUniqueId')
    t.match(alice, { outcome: 'accepted', identity: { subject: nsUniqueId, username: 'alice' } })
    t.match(nsUniqueId, /^[0-9a-f]{8}(-[0-9a-f]{8}){3}$/)
    t.same(await logIn(backend, 'alice@example.com'), alice)
    t.same(await logIn(backend, 'alice', 'wrong'), { outcome: 'rejected', reason: 'wrong-password' })
    t.same(await logIn(backend, 'nobody'), { outcome: 'unknown' })
    const { preset: _preset, ...unsaid } = options
    const told = openLdapBackend(t, { ...unsaid, users: [{ base: peopleBase, filter: '(uid={username})' }] })
    t.equal(subjectOf(await logIn(told, 'alice')), nsUniqueId, 'the server says itself which it is')
    const subject = subjectOf(await logIn(backend, 'moving'))
    await directory.modify(`dn: ${dnOf('moving')}\nchangetype: modrdn\nnewrdn: uid=moved\ndeleteoldrdn: 1\n`)
    t.match(await backend.identity(subject, questionContext()), { state: 'present', identity: { username: 'moved' } })
    t.same(await backend.identity('0-0-0-0', questionContext()), { state: 'gone' })
  })

  t.test('groups of groups, by members and by memberOf', async (t) => {
    const nested = { base: groupsBase, nested: true }
    t.same(await held({}), ['editors', 'staff'])
    t.same(await held({ groups: { ...nested, type: 'memberOf' } }), ['editors', 'staff'])
    t.same(await held({ groups: { base: groupsBase, type: 'groupOfNames' } }), ['editors'])
  })

  t.test('the states of an account are told apart, after a right password and without one', async (t) => {
    await directory.modify(set('disabled', 'nsAccountLock', 'true'))
    await directory.modify(set('expired', 'passwordExpirationTime', '20200101000000Z'))
    await directory.modify('dn: cn=config\nchangetype: modify\nreplace: passwordMustChange\npasswordMustChange: on\n')
    await directory.modify(set('mustchange', 'userPassword', userPassword))
    for (let tries = 0; tries < 3; tries += 1) await logIn(backend, 'locked', 'wrong')
    const states: Readonly<Record<string, string>> = {
      ...{ disabled: 'disabled', locked: 'locked', expired: 'password-expired', mustchange: 'must-change-password' }
    }
    for (const [name, reason] of Object.entries(states)) {
      t.match(await logIn(backend, name), { outcome: 'denied', reason }, name)
    }
    for (const name of ['expired', 'mustchange'])
      t.same(await logIn(backend, name, 'wrong'), { outcome: 'rejected', reason: 'wrong-password' }, name)
    const [subject = ''] = await directory.read(dnOf('disabled'), 'nsUniqueId')
    t.match(await backend.identity(subject, questionContext()), { state: 'disabled', reason: 'disabled' })
    await directory.modify(set('disabled', 'nsAccountLock', 'false'))
    t.match(await logIn(backend, 'disabled'), { outcome: 'accepted' }, 'and in again')
    t.match(await backend.identity(subject, questionContext()), { state: 'present' })
  })

  t.test('a login knows how long the password will do', async (t) => {
    const soon = new Date(Date.now() + 3600_000).toISOString().replace(/[-:T]|\.\d+/g, '')
    await directory.modify(set('warned', 'passwordExpirationTime', soon))
    const verdict = await logIn(backend, 'warned')
    const { passwordExpiresInSeconds = 0 } = (verdict.outcome === 'accepted' && verdict.warnings) || {}
    // the first warning is given the whole time of warning: one day
    t.ok(passwordExpiresInSeconds > 86_300 && passwordExpiresInSeconds <= 86_400, `${passwordExpiresInSeconds} s`)
    const other = await logIn(backend, 'alice')
    t.equal(other.outcome === 'accepted' && other.warnings, undefined, 'nothing is said of a password that lasts')
  })

  t.test('a password is changed as the user, and the policy has its word', async (t) => {
    const change = async (name: string, old: string, fresh: string) => {
      const [subject = ''] = await directory.read(dnOf(name), 'nsUniqueId')
      return backend.changePassword?.(subject, old, fresh, questionContext())
    }
    t.same(await change('changing', 'wrong', newPassword), { outcome: 'rejected', reason: 'wrong-password' })
    t.same(await change('changing', userPassword, 'short'), { outcome: 'refused', reason: 'too-simple' })
    t.same(await change('changing', userPassword, newPassword), { outcome: 'changed' })
    t.match(await logIn(backend, 'changing', newPassword), { outcome: 'accepted' })
    t.same(await change('changing', newPassword, userPassword), { outcome: 'refused', reason: 'in-history' })
    t.same(await change('mustchange', userPassword, newPassword), { outcome: 'changed' })
    t.match(await logIn(backend, 'mustchange', newPassword), { outcome: 'accepted' })
    t.same(await change('expired', userPassword, newPassword), { outcome: 'denied', reason: 'password-expired' })
  })
})

t.test('a directory as FreeIPA has it', { skip }, async (t) => {
  const id = 'a5a7b0f2-eb3b-11f1-b8cf-bc997569735f'
  const ipa = (name: string, ipaUniqueID: string, more = {}) =>
    person(name, {
      ...{ objectClass: ['inetOrgPerson', 'ipaObject', 'krbPrincipalAux'], cn: name, ipaUniqueID, userPassword },
      ...more
    })
  const directory = await startDirsrv(t, {
    isFreeipa: true,
    entries: [
      ipa('alice', id),
      ipa('bob', '2', { krbPrincipalExpiration: '20200101000000Z' }),
      ipa('carl', '3', { krbPrincipalExpiration: '22000101000000Z' }),
      ipa('dora', '4', { nsAccountLock: 'TRUE' }),
      ...groups
    ]
  })
  const options = optionsOf(directory)
  const told = { ...options, users: [{ base: peopleBase, filter: '(uid={username})' }] }
  for (const [how, backend] of Object.entries({
    'as the server says': openLdapBackend(t, told),
    'by its preset': openLdapBackend(t, { ...options, preset: 'freeipa' })
  })) {
    const alice = await logIn(backend, 'alice')
    t.match(alice, { outcome: 'accepted', identity: { subject: id, username: 'alice' } }, how)
    t.match(await backend.identity(id, questionContext()), { state: 'present', identity: { username: 'alice' } })
    const rights = await backend.permissions({ subject: id }, questionContext())
    t.same([...(rights.groups ?? [])].sort(), ['editors', 'staff'])
    t.match(await backend.identity('2', questionContext()), { state: 'disabled', reason: 'expired' })
    t.match(await backend.identity('3', questionContext()), { state: 'present' })
    t.match(await backend.identity('4', questionContext()), { state: 'disabled', reason: 'disabled' })
    t.match(await logIn(backend, 'dora'), { outcome: 'denied', reason: 'disabled' })
  }
})

t.test('what FreeIPA’s own plugins say where they refuse a bind is a state, and no outage', async (t) => {
  let diagnostic = ''
  const { url } = await startLdapMock(t, ({ operation, bytes, answer }) => {
    if (operation === requests.bind) return answer(result(0x61, 53, diagnostic))
    if (operation !== requests.search) return undefined
    const found = bytes.includes('supportedCapabilities')
      ? entry('', { vendorName: ['389 Project'], ipaDomainLevel: ['1'] })
      : entry(dnOf('alice'), { uid: ['alice'], mail: ['alice@example.com'], ipaUniqueID: ['1'], nsUniqueId: ['2'] })
    return answer(found, result(0x65, 0))
  })
  const users = [{ base: peopleBase, filter: '(uid={username})' }]
  const backend = openLdapBackend(t, { servers: [url], insecure: true, users })
  for (const [words, reason] of Object.entries({
    'Account (Kerberos principal) is expired': 'expired',
    'Too many failed logins.\n': 'locked',
    'Entry permanently locked.\n': 'locked',
    'Account inactivated. Contact system administrator.': 'disabled'
  })) {
    diagnostic = words
    t.same(await logIn(backend, 'alice'), { outcome: 'denied', reason, subject: '1' }, words)
  }
  diagnostic = 'The server is going down'
  await t.rejects(logIn(backend, 'alice'), { name: 'BackendUnavailable' })
})
