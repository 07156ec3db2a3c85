import t from 'tap'
import type { PasswordWarnings, Verdict } from '../../src/auth/backend.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { needsSamba, startSamba } from '../servers/samba.ts'
import {
  adGroup,
  adGroupsBase,
  adPassword,
  adPeopleBase,
  adPerson,
  adSuffix,
  unicodePwd
} from '../servers/samba-fixtures.ts'

const dnOf = (name: string) => `CN=${name},${adPeopleBase}`
const newPassword = 'Canary-User-2'
const identityIn = (verdict: Verdict) => (verdict.outcome === 'accepted' ? verdict.identity : verdict)

t.test('Active Directory', { skip: needsSamba() }, async (t) => {
  const samba = await startSamba(t, {
    entries: [
      adPerson('alice', { cn: 'alice', givenName: 'Alice', displayName: 'Alice Example' }),
      adPerson('upn', { userPrincipalName: 'someone.else@example.com', mail: 'box@example.com' }),
      adPerson('disabled', { userAccountControl: '514' }),
      adPerson('expired', { accountExpires: '116444736000000000' }),
      adPerson('mustchange', { pwdLastSet: '0' }),
      adPerson('locked'),
      adPerson('stations', { userWorkstations: 'ELSEWHERE' }),
      adPerson('old'),
      adPerson('hours', { logonHours: '\0'.repeat(21) }),
      adPerson('mallory', { unicodePwd: unicodePwd('Canary-Other-9'), mail: 'alice' }),
      adPerson('moving'),
      adPerson('changing'),
      adPerson('lasting', { userAccountControl: '66048' }),
      adPerson('machine', { userAccountControl: '66048', pwdLastSet: '0' }),
      adGroup('editors', [dnOf('alice')]),
      adGroup('staff', [`CN=editors,${adGroupsBase}`]),
      adGroup('primary', [dnOf('alice')])
    ]
  })
  const options = {
    servers: [samba.url],
    tls: { ca: samba.ca },
    bind: samba.bind,
    preset: 'active-directory' as const,
    users: [{ base: adPeopleBase, domain: 'CORP' }]
  }
  const backend = openLdapBackend(t, options)

  t.test('one person by the short name, the UPN, DOMAIN\\user and the mail', async (t) => {
    const alice = await logIn(backend, 'alice', adPassword)
    t.match(alice, {
      outcome: 'accepted',
      identity: {
        subject: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
        username: 'alice',
        emails: ['alice@example.com'],
        attributes: { firstName: 'Alice', displayName: 'Alice Example' }
      }
    })
    const names = ['ALICE', 'alice@corp.example.com', 'CORP\\alice', 'corp\\Alice', 'alice@example.com']
    for (const name of names) t.same(identityIn(await logIn(backend, name, adPassword)), identityIn(alice), name)
    t.match(await logIn(backend, 'box@example.com', adPassword), { identity: { username: 'upn' } })
    t.match(await logIn(backend, 'someone.else@example.com', adPassword), { identity: { username: 'upn' } })
    for (const name of ['OTHER\\alice', 'CORP\\', '\\alice', 'CORP\\alice@example.com', 'nobody', 'editors', 'DC1$']) {
      t.same(await logIn(backend, name, adPassword), { outcome: 'unknown' }, name)
    }
    t.same(await logIn(backend, 'alice', 'wrong'), { outcome: 'rejected', reason: 'wrong-password' })
  })

  t.test('the subject is the objectGUID as Windows writes it, and follows a move and a new name', async (t) => {
    const before = await logIn(backend, 'moving', adPassword)
    const subject = before.outcome === 'accepted' ? before.identity.subject : ''
    const [guid = ''] = await samba.read(dnOf('moving'), 'objectGUID')
    const bytes = Buffer.from(guid, 'base64')
    t.equal(subject.slice(0, 8), Buffer.from(bytes.subarray(0, 4)).reverse().toString('hex'))
    t.equal(subject.slice(24), bytes.subarray(10).toString('hex'))
    await samba.modify(
      `dn: ${dnOf('moving')}\nchangetype: modrdn\nnewrdn: CN=moved\ndeleteoldrdn: 1\nnewsuperior: CN=Users,${adSuffix}\n`
    )
    await samba.modify(
      `dn: CN=moved,CN=Users,${adSuffix}\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: moved\n`
    )
    const wide = openLdapBackend(t, { ...options, users: [{ base: adSuffix }] })
    t.match(await logIn(wide, 'moved', adPassword), { outcome: 'accepted', identity: { subject, username: 'moved' } })
    t.match(await wide.identity(subject, questionContext()), { state: 'present', identity: { username: 'moved' } })
    t.same(await backend.identity(subject, questionContext()), { state: 'gone' }, 'outside the base')
  })

  t.test('states are told apart, after a right password and without one', async (t) => {
    for (let tries = 0; tries < 3; tries += 1) await logIn(backend, 'locked', 'wrong')
    await samba.setPasswordTime(dnOf('old'), new Date(Date.now() - 43 * 86_400_000))
    const states: Readonly<Record<string, Verdict>> = {
      disabled: { outcome: 'denied', reason: 'disabled' },
      expired: { outcome: 'denied', reason: 'expired' },
      mustchange: { outcome: 'denied', reason: 'must-change-password' },
      locked: { outcome: 'denied', reason: 'locked' },
      old: { outcome: 'denied', reason: 'password-expired' },
      stations: { outcome: 'denied', reason: 'not-allowed' },
      hours: { outcome: 'denied', reason: 'not-allowed' }
    }
    for (const [name, verdict] of Object.entries(states)) {
      const steps: string[] = []
      const context = { ...questionContext(), trace: ({ step }: { step: string }) => void steps.push(step) }
      const answer = await logIn(backend, name, adPassword, context)
      t.match(answer, verdict, name)
      t.ok(steps.includes('state'), `${name}: ${steps}`)
      const wrong = await logIn(backend, name, 'Wrong-Password-1')
      if (name !== 'locked') t.match(wrong, { outcome: 'rejected' }, `${name}, wrong`)
      const subject = 'subject' in answer ? answer.subject : undefined
      if (subject === undefined || verdict.outcome !== 'denied' || verdict.reason === 'not-allowed') continue
      const { outcome, ...reason } = verdict
      t.match(await backend.identity(subject, questionContext()), { state: 'disabled', ...reason }, `${name}, later`)
    }
  })

  t.test('a password that never expires need not be changed, whatever pwdLastSet says', async (t) => {
    const verdict = await logIn(backend, 'machine', adPassword)
    t.equal(verdict.outcome, 'accepted', 'the domain controller takes it')
    const subject = verdict.outcome === 'accepted' ? verdict.identity.subject : ''
    t.match(await backend.identity(subject, questionContext()), { state: 'present' }, 'and so does a refresh')
  })

  t.test('a login knows how long the password will do, as the domain’s policy has it', async (t) => {
    const warningsFor = async (name: string) => {
      const verdict = await logIn(backend, name, adPassword)
      return verdict.outcome === 'accepted' ? verdict.warnings : verdict
    }
    const { passwordExpiresInSeconds = 0 } = (await warningsFor('alice')) as PasswordWarnings
    const policy = 42 * 86_400
    t.ok(passwordExpiresInSeconds > policy - 600 && passwordExpiresInSeconds <= policy, `${passwordExpiresInSeconds} s`)
    t.equal(await warningsFor('lasting'), undefined, 'a password that never expires')
  })

  t.test('a password is changed as the user, also by whom it must be changed, or who comes too late', async (t) => {
    const change = async (name: string, old: string, fresh: string) => {
      const [guid = ''] = await samba.read(dnOf(name), 'objectGUID')
      const hex = Buffer.from(guid, 'base64')
      const swapped = Buffer.concat([
        Buffer.from(hex.subarray(0, 4)).reverse(),
        Buffer.from(hex.subarray(4, 6)).reverse(),
        Buffer.from(hex.subarray(6, 8)).reverse(),
        hex.subarray(8)
      ]).toString('hex')
      const subject = swapped.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
      return backend.changePassword?.(subject, old, fresh, questionContext())
    }
    t.same(await change('changing', 'Wrong-Password-1', newPassword), { outcome: 'rejected', reason: 'wrong-password' })
    t.same(await change('changing', adPassword, 'short'), { outcome: 'refused', reason: 'too-short' })
    t.same(await change('changing', adPassword, 'simple-simple'), { outcome: 'refused', reason: 'too-simple' })
    t.same(await change('changing', adPassword, newPassword), { outcome: 'changed' })
    t.match(await logIn(backend, 'changing', newPassword), { outcome: 'accepted' })
    t.same(await change('changing', newPassword, adPassword), { outcome: 'refused', reason: 'in-history' })
    t.same(await change('mustchange', 'Wrong-Password-1', newPassword), {
      outcome: 'rejected',
      reason: 'wrong-password'
    })
    t.match(await logIn(backend, 'mustchange', adPassword), { reason: 'must-change-password' })
    t.same(await change('mustchange', adPassword, newPassword), { outcome: 'changed' })
    t.match(await logIn(backend, 'mustchange', newPassword), { outcome: 'accepted' })
    t.same(await change('old', 'Wrong-Password-1', newPassword), { outcome: 'rejected', reason: 'wrong-password' })
    t.same(await change('old', adPassword, newPassword), { outcome: 'changed' })
    t.match(await logIn(backend, 'old', newPassword), { outcome: 'accepted' }, 'expired no longer')
    t.same(await change('disabled', adPassword, newPassword), { outcome: 'denied', reason: 'disabled' })
    const missing = '00000000-0000-0000-0000-000000000000'
    t.same(await backend.changePassword?.(missing, adPassword, newPassword, questionContext()), { outcome: 'unknown' })
  })

  t.test('without a service account: bound by the UPN, the entry read as the user', async (t) => {
    const { bind: _bind, ...anonymous } = options
    const direct = openLdapBackend(t, { ...anonymous, dnTemplate: '{username}@corp.example.com' })
    const searched = await logIn(backend, 'alice', adPassword)
    t.same(identityIn(await logIn(direct, 'alice', adPassword)), identityIn(searched))
    t.same(await logIn(direct, 'alice', 'wrong'), { outcome: 'rejected', reason: 'wrong-password' })
    t.match(await logIn(direct, 'nobody', adPassword), { outcome: /rejected|unknown/ })
    t.match(await logIn(direct, 'disabled', adPassword), { outcome: 'denied', reason: 'disabled' })
    // alice binds with her own password; the search finds who calls their mail alice.
    const byMail = [{ base: adPeopleBase, filter: '(mail={username})' }]
    const confused = openLdapBackend(t, { ...anonymous, dnTemplate: '{username}@corp.example.com', users: byMail })
    t.same(await logIn(confused, 'alice', adPassword), { outcome: 'rejected', reason: 'wrong-password' })
  })

  t.test('no password over a connection without TLS', async (t) => {
    const plain = openLdapBackend(t, { ...options, tls: {}, servers: [samba.plainUrl], insecure: true })
    await t.rejects(logIn(plain, 'alice', adPassword), { name: 'BackendUnavailable' })
    const startTls = openLdapBackend(t, { ...options, servers: [samba.plainUrl], startTls: true })
    t.match(await logIn(startTls, 'alice', adPassword), { outcome: 'accepted' })
  })
})
