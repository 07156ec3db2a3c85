import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { changePassword } from '../../src/auth/change-password.ts'
import { login as logInTo } from '../../src/auth/login.ts'
import { openTestLatchkey } from '../latchkey.ts'
import { groupsBase, peopleBase, person, serviceAccount, suffix, userPassword } from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { corpAt, openLdapWorld } from '../servers/ldap-fixtures-world.ts'
import { startSlapd } from '../servers/slapd.ts'

const dnOf = (name: string) => `uid=${name},${peopleBase}`
const policyDn = (name: string) => `cn=${name},${groupsBase}`
const newPassword = 'canary-new-password'

const policy = (name: string, rules: Readonly<Record<string, string>>) =>
  [policyDn(name), { objectClass: ['device', 'pwdPolicy'], cn: name, pwdAttribute: 'userPassword', ...rules }] as const
const under = (name: string) => ({ pwdPolicySubentry: policyDn(name) })

const slapd = await startSlapd(t, {
  passwordsOfOneself: true,
  entriesOfOneself: true,
  databaseSettings: ['overlay ppolicy', 'ppolicy_use_lockout', `ppolicy_default "${policyDn('usual')}"`],
  entries: [
    policy('usual', { pwdMinLength: '8', pwdCheckQuality: '2', pwdInHistory: '3', pwdAllowUserChange: 'TRUE' }),
    policy('strict', { pwdLockout: 'TRUE', pwdMaxFailure: '2', pwdMustChange: 'TRUE' }),
    policy('brief', { pwdMaxAge: '1' }),
    policy('graceful', { pwdMaxAge: '1', pwdGraceAuthNLimit: '2' }),
    policy('warning', { pwdMaxAge: '1000', pwdExpireWarning: '1000' }),
    policy('fixed', { pwdAllowUserChange: 'FALSE' }),
    person('alice'),
    person('locked', under('strict')),
    person('closed', { ...under('strict'), pwdAccountLockedTime: '000001010000Z' }),
    person('reset', { ...under('strict'), pwdReset: 'TRUE' }),
    person('brief', under('brief')),
    person('graceful', under('graceful')),
    person('warned', under('warning')),
    person('fixed', under('fixed'))
  ]
})

const options = { servers: [slapd.url], insecure: true, bind: slapd.bind }
// The passwords that live for a second have expired then.
await sleep(2100)
const backend = openLdapBackend(t, options)
const subjectOf = async (name: string, password = userPassword): Promise<string> => {
  const verdict = await logIn(backend, name, password)
  if (verdict.outcome === 'accepted') return verdict.identity.subject
  return ('subject' in verdict && verdict.subject) || ''
}

t.test('what the password policy says of a bind is told apart', async (t) => {
  const steps: string[] = []
  const traced = { ...questionContext(), trace: ({ text }: { text: string }) => void steps.push(text) }
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.match(await logIn(backend, 'reset'), { outcome: 'denied', reason: 'must-change-password' })
  t.match(await logIn(backend, 'reset'), { outcome: 'denied' }, 'and at each bind anew')
  t.same(await logIn(backend, 'reset', 'wrong'), { outcome: 'rejected', reason: 'wrong-password' })
  t.match(await logIn(backend, 'closed'), { outcome: 'denied', reason: 'locked' })
  t.match(await logIn(backend, 'brief'), { outcome: 'denied', reason: 'password-expired' })
  t.same(await logIn(backend, 'brief', 'wrong'), { outcome: 'rejected', reason: 'wrong-password' })
  for (let tries = 0; tries < 2; tries += 1) await logIn(backend, 'locked', 'wrong')
  t.match(await logIn(backend, 'locked'), { outcome: 'denied', reason: 'locked' })
  t.match(await logIn(backend, 'graceful', userPassword, traced), { outcome: 'accepted' })
  t.match(await logIn(backend, 'warned', userPassword, traced), { outcome: 'accepted' })
  t.match(steps.join('\n'), /will do 1 more times[\s\S]*expires in \d+ s/)
})

t.test('a login knows how long the password will do', async (t) => {
  const { log, clientId, ip } = questionContext()
  const request = { log, clientId, ip }
  const direct = { dnTemplate: `uid={username},${peopleBase}`, users: undefined, bind: undefined }
  for (const corp of [{}, direct]) {
    const { login } = await openLdapWorld(t, [corpAt(slapd.url, corp)])
    const warningsFor = async (username: string) =>
      (await logInTo({ kind: 'password', username, password: userPassword }, request, login)).warnings
    t.equal(await warningsFor('alice'), undefined, 'nothing is said')
    const { passwordExpiresInSeconds = 0, ...others } = (await warningsFor('warned')) ?? {}
    t.ok(passwordExpiresInSeconds > 900 && passwordExpiresInSeconds <= 1000, `${passwordExpiresInSeconds} s`)
    t.same(others, {})
  }
  const world = await openLdapWorld(t, [corpAt(slapd.url)])
  const asked = { grant_type: 'password', username: 'warned', password: userPassword }
  const told = (await world.token({ ...asked, warnings: 'true' })).json()
  t.ok(told.password_expires_in > 800 && told.password_expires_in <= 1000, 'in the answer of the token endpoint')
  for (const more of [{}, { warnings: 'false' }]) {
    t.notOk('password_expires_in' in (await world.token({ ...asked, ...more })).json(), 'where it was asked for')
  }
  await slapd.add([person('lasting', under('graceful'))])
  await sleep(2100)
  const { login } = await openLdapWorld(t, [corpAt(slapd.url)])
  for (const graceLoginsLeft of [1, 0]) {
    const credentials = { kind: 'password', username: 'lasting', password: userPassword } as const
    t.same((await logInTo(credentials, request, login)).warnings, { graceLoginsLeft })
  }
})

t.test('a later look sees what an administrator did', async (t) => {
  t.match(await backend.identity(await subjectOf('reset'), questionContext()), {
    state: 'disabled',
    reason: 'must-change-password'
  })
  t.match(await backend.identity(await subjectOf('closed'), questionContext()), { state: 'disabled', reason: 'locked' })
  t.match(await backend.identity(await subjectOf('alice'), questionContext()), { state: 'present' })
})

t.test('a password is changed as the user (RFC 3062), and the policy has its word', async (t) => {
  const change = async (name: string, old: string, fresh: string) =>
    backend.changePassword?.(await subjectOf(name, old), old, fresh, questionContext())
  const alice = await subjectOf('alice')
  const wrong = await backend.changePassword?.(alice, 'wrong', newPassword, questionContext())
  t.same(wrong, { outcome: 'rejected', reason: 'wrong-password' })
  t.same(await change('alice', userPassword, 'short'), { outcome: 'refused', reason: 'too-short' })
  t.same(await change('alice', userPassword, newPassword), { outcome: 'changed' })
  t.match(await logIn(backend, 'alice', newPassword), { outcome: 'accepted' })
  t.same(await change('alice', newPassword, userPassword), { outcome: 'refused', reason: 'in-history' })
  t.same(await change('fixed', userPassword, newPassword), { outcome: 'refused', reason: 'not-allowed' })
  t.same(await change('reset', userPassword, newPassword), { outcome: 'changed' })
  t.match(await logIn(backend, 'reset', newPassword), { outcome: 'accepted' })
  t.same(await change('brief', userPassword, newPassword), { outcome: 'denied', reason: 'password-expired' })
})

t.test('a template: bound at once, the entry read as the user', async (t) => {
  const template = { servers: [slapd.url], insecure: true, dnTemplate: `uid={username},${peopleBase}` }
  const direct = openLdapBackend(t, { ...template, bind: slapd.bind })
  t.match(await logIn(direct, 'nobody'), { outcome: 'rejected' })
  t.match(await logIn(direct, 'brief'), { outcome: 'denied', reason: 'password-expired' })
  t.match(await logIn(direct, 'alice, x'), { outcome: 'rejected' })
})

t.test('who must change a password does so by name, with a search and with a template', async (t) => {
  const template = { dnTemplate: `uid={username},${peopleBase}`, users: undefined }
  const { log, clientId, ip } = questionContext()
  for (const [name, corp] of Object.entries({ searched: {}, direct: template })) {
    await slapd.add([person(name, { ...under('strict'), pwdReset: 'TRUE' })])
    const { login, logIn: enter } = await openLdapWorld(t, [corpAt(slapd.url, corp)])
    const request = () => ({ log, clientId, ip, deadline: performance.now() + 5000 })
    const change = (oldPassword: string) =>
      changePassword({ account: { username: name }, oldPassword, newPassword }, request(), login)
    t.equal(await enter(name), 'invalid_grant')
    await t.rejects(change('wrong'), { code: 'invalid_grant' })
    t.match(await change(userPassword), { backend: 'corp' }, name)
    t.match(await enter(name, newPassword), { backend: 'corp' })
  }
})

t.test('only a right password that must be changed is told to the caller', async (t) => {
  const latchkey = await openTestLatchkey(
    t,
    `
publicClient: true
login: { failureFloor: 20ms }
limits: { ip: false, account: false }
backends:
  - id: corp
    type: ldap
    servers: ["${slapd.url}"]
    insecure: true
    bind: { dn: "${serviceAccount.dn}", password: "${serviceAccount.password}" }
    users: [{ base: "${suffix}", filter: "(uid={username})" }]
  - { id: settings, type: static, users: [{ username: brief, email: brief@example.com, password: "${userPassword}" }] }
`
  )
  const answer = async (username: string, password = userPassword) =>
    (await latchkey.token({ grant_type: 'password', username, password })).json()
  const refused = { error: 'invalid_grant', error_description: 'The credentials were not accepted' }
  t.same(await answer('brief'), { ...refused, error_code: 'password_expired' }, 'nor does a later backend let in')
  for (const name of ['locked', 'closed', 'nobody']) t.same(await answer(name), refused, name)
  await slapd.modify(`dn: ${dnOf('alice')}\nchangetype: modify\nadd: pwdReset\npwdReset: TRUE\n`)
  await slapd.modify(
    `dn: ${dnOf('alice')}\nchangetype: modify\nadd: pwdPolicySubentry\npwdPolicySubentry: ${policyDn('strict')}\n`
  )
  t.same(await answer('alice', newPassword), { ...refused, error_code: 'must_change' })
  t.same(await answer('alice', 'wrong'), refused)
  t.match(latchkey.log(), /denied: must-change-password/)
})
