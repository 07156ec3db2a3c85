import t from 'tap'
import type { PasswordWarnings, Verdict } from '../../src/auth/backend.ts'
import {
  expiryAttribute,
  passwordExpiryOfEntry,
  stateOfBind,
  stateOfEntry
} from '../../src/backends/ldap/account-state.ts'
import type { Entry } from '../../src/backends/ldap/entry.ts'
import { passwordPolicyOid } from '../../src/backends/ldap/password-policy.ts'
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

const nowMs = Date.UTC(2026, 0, 1)
/** 100 ns from 1601. */
const fileTime = (ms: number): string => `${BigInt(ms + 11_644_473_600_000) * 10_000n}`
const never = '9223372036854775807'

t.test('the state of an account from the answer to its bind', async (t) => {
  const stateOf = (code: number, diagnostic: string, isActiveDirectory = false, policy?: number[]) => {
    const controls = new Map(policy && [[passwordPolicyOid, Buffer.from([0x30, policy.length, ...policy])]])
    return stateOfBind({ code, diagnostic, controls }, { isActiveDirectory })
  }
  const data = (hex: string) =>
    `80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext error, data ${hex}, v4563`
  for (const [hex, expected] of Object.entries({
    ...{ '52e': undefined, '525': undefined, '530': 'not-allowed', '531': 'not-allowed', '532': 'password-expired' },
    ...{ '533': 'disabled', '701': 'expired', '773': 'must-change-password', '775': 'locked', '7750': undefined }
  })) {
    t.equal(stateOf(49, data(hex), true), expected, `Active Directory: ${hex}`)
    t.equal(stateOf(49, data(hex)), undefined, `any other: ${hex}`)
    t.equal(stateOf(0, data(hex), true), undefined, `after a good bind: ${hex}`)
  }
  t.equal(stateOf(49, '', true), undefined)
  const words: ReadonlyArray<readonly [number, string, string | undefined]> = [
    [53, 'Account inactivated. Contact system administrator.', 'disabled'],
    [53, 'Account (Kerberos principal) is expired', 'expired'],
    [53, 'Too many failed logins.', 'locked'],
    [53, 'Entry permanently locked.', 'locked'],
    [53, 'Server is busy', undefined],
    [49, 'Account inactivated. Contact system administrator.', undefined],
    [19, 'Exceed password retry limit. Contact system administrator to reset.', 'locked'],
    [19, 'Constraint violation', undefined],
    [49, 'retry limit', undefined]
  ]
  for (const [code, diagnostic, expected] of words) {
    t.equal(stateOf(code, diagnostic), expected, `${code} ${diagnostic}`)
    t.equal(stateOf(code, diagnostic, true), expected, `${code} ${diagnostic}, wherever it is said`)
  }
  const errors = ['password-expired', 'locked', 'must-change-password', undefined, undefined]
  for (const [number, expected] of errors.entries())
    for (const code of [0, 49]) t.equal(stateOf(code, '', false, [0x81, 1, number]), expected, `policy: ${number}`)
  t.equal(stateOf(0, '', false, [0xa0, 3, 0x80, 1, 60]), undefined, 'a warning is no refusal')
})

t.test('the state that an entry tells of', async (t) => {
  const entryWith = (values: Readonly<Record<string, string>>): Entry => ({
    dn: 'cn=x',
    values: new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), [Buffer.from(value)]]))
  })
  const computed = 'msDS-User-Account-Control-Computed'
  const cases: ReadonlyArray<readonly [Readonly<Record<string, string>>, string | undefined]> = [
    [{}, undefined],
    [{ userAccountControl: '512' }, undefined],
    [{ userAccountControl: '514' }, 'disabled'],
    [{ nsAccountLock: 'TRUE' }, 'disabled'],
    [{ nsAccountLock: 'true' }, 'disabled'],
    [{ nsAccountLock: 'FALSE' }, undefined],
    [{ accountExpires: fileTime(nowMs) }, 'expired'],
    [{ accountExpires: fileTime(nowMs + 1) }, undefined],
    [{ accountExpires: fileTime(0) }, 'expired'],
    ...['0', never, 'soon', '-1'].map((accountExpires) => [{ accountExpires }, undefined] as const),
    [{ krbPrincipalExpiration: '20260101000000Z' }, 'expired'],
    [{ krbPrincipalExpiration: '20260101000001Z' }, undefined],
    [{ krbPrincipalExpiration: '202512312359Z' }, 'expired'],
    [{ krbPrincipalExpiration: 'soon' }, undefined],
    [{ [computed]: '16' }, 'locked'],
    [{ pwdAccountLockedTime: '000001010000Z' }, 'locked'],
    [{ pwdAccountLockedTime: '20250101000000Z' }, undefined],
    [{ pwdLastSet: '0' }, 'must-change-password'],
    [{ pwdLastSet: '0', userAccountControl: '66048' }, undefined],
    [{ pwdLastSet: fileTime(0), userAccountControl: '512' }, undefined],
    [{ pwdReset: 'TRUE' }, 'must-change-password'],
    [{ pwdReset: 'FALSE' }, undefined],
    [{ [computed]: '8388608' }, 'password-expired'],
    [{ userAccountControl: '514', accountExpires: fileTime(0), [computed]: '16' }, 'disabled'],
    [{ accountExpires: fileTime(0), [computed]: '16' }, 'expired'],
    [{ [computed]: '8388624', pwdLastSet: '0' }, 'locked'],
    [{ [computed]: '8388608', pwdReset: 'TRUE' }, 'must-change-password']
  ]
  for (const [values, expected] of cases)
    t.equal(stateOfEntry(entryWith(values), nowMs), expected, JSON.stringify(values))

  const expiry = (time?: string) =>
    passwordExpiryOfEntry(entryWith(time === undefined ? {} : { [expiryAttribute]: time }), nowMs)
  t.same([fileTime(nowMs + 90_500), fileTime(nowMs), fileTime(0)].map(expiry), [90, 0, 0])
  t.same(
    [undefined, '0', never, 'soon'].map(expiry),
    [undefined, undefined, undefined, undefined],
    'never, or not said'
  )
})

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
