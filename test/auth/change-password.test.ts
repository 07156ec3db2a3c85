import t from 'tap'
import type { PasswordChange, Verdict } from '../../src/auth/backend.ts'
import { authenticate } from '../../src/auth/chain.ts'
import { changePassword } from '../../src/auth/change-password.ts'
import { BackendUnavailable } from '../../src/errors.ts'
import { matchLists } from '../match.ts'
import { fakeBackend, fakeIdentity, fakeLink, fakeLog, fakeRequest, fakeTools } from './fakes.ts'

const accepted: Verdict = { outcome: 'accepted', identity: fakeIdentity() }
const mustChange: Verdict = { outcome: 'denied', reason: 'must-change-password', subject: 'subject-1' }
const old = 'canary-old-password'
const fresh = 'canary-new-password'

const world = (verdict: Verdict, answer: PasswordChange | Error, limits: Parameters<typeof fakeTools>[0] = false) => {
  const asked: string[][] = []
  const backend = fakeBackend(verdict, {
    async changePassword(...[subject, oldPassword, newPassword]) {
      asked.push([subject, oldPassword, newPassword])
      if (answer instanceof Error) throw answer
      return answer
    }
  })
  const chain = [fakeLink('local'), fakeLink('corp', { backend })]
  const tools = { ...fakeTools(limits), chain, failureFloorMs: 0 }
  const change = (account: Parameters<typeof changePassword>[0]['account'], newPassword = fresh, log = fakeLog()) =>
    changePassword({ account, oldPassword: old, newPassword }, fakeRequest(log), tools)
  return { asked, chain, tools, change }
}

t.test('after a right password that must be changed, the caller learns it, and nobody else is asked', async (t) => {
  const cases = { 'must-change-password': 'must_change', 'password-expired': 'password_expired' } as const
  const credentials = { kind: 'password', username: 'alice', password: old } as const
  for (const [reason, errorCode] of Object.entries(cases)) {
    const later = fakeBackend(accepted)
    const denying = fakeBackend({ outcome: 'denied', reason: reason as keyof typeof cases })
    const down = fakeBackend(new BackendUnavailable('down', { reason: 'connect' }))
    const chain = [
      fakeLink('down', { backend: down }),
      fakeLink('corp', { backend: denying }),
      fakeLink('later', { backend: later })
    ]
    const tools = fakeTools({ failures: 1, totalFailures: 10, windowMs: 60_000 })
    for (let times = 0; times < 3; times += 1) {
      await t.rejects(
        authenticate(chain, credentials, fakeRequest(), tools),
        { code: 'invalid_grant', statusCode: 400, errorCode, message: 'The credentials were not accepted' },
        'and a right password is no failed try'
      )
    }
    t.same(later.asked, [])
  }
  for (const reason of ['disabled', 'locked', 'expired', 'not-allowed'] as const) {
    const chain = [fakeLink('corp', { backend: fakeBackend({ outcome: 'denied', reason, subject: 'subject-1' }) })]
    const refused = await authenticate(chain, credentials, fakeRequest(), fakeTools()).catch((error) => error)
    t.match(refused, { code: 'invalid_grant' })
    t.same([refused.errorCode, refused.account], [undefined, undefined], `${reason} looks like a wrong password`)
  }
})

t.test('a password is changed at the backend that has it', async (t) => {
  const account = { backend: 'corp', subject: 'subject-1' }
  for (const verdict of [accepted, mustChange]) {
    const { asked, change } = world(verdict, { outcome: 'changed' })
    t.same(await change({ username: 'alice' }), account)
    t.same(await change({ username: 'alice', backend: 'corp' }), account)
    t.same(asked, [
      ['subject-1', old, fresh],
      ['subject-1', old, fresh]
    ])
    await t.rejects(change({ username: 'alice', backend: 'local' }), { code: 'invalid_grant' })
    await t.rejects(change({ username: 'alice', backend: 'nowhere' }), { code: 'invalid_request' })
  }
  const nameless = world({ outcome: 'denied', reason: 'must-change-password' }, { outcome: 'changed' })
  await t.rejects(nameless.change({ username: 'alice' }), { code: 'invalid_grant' }, 'nobody can tell whose it would be')
  t.same(nameless.asked, [])
  const log = fakeLog()
  const { change } = world(accepted, { outcome: 'changed' })
  t.same(await change(account, fresh, log), account)
  matchLists(t, log.lines, [{ level: 'info', fields: { event: 'password_changed', ...account } }])
  t.notMatch(JSON.stringify(log.lines), /canary/)
})

t.test('why a password is not changed', async (t) => {
  const account = { backend: 'corp', subject: 'subject-1' }
  const refused = world(accepted, { outcome: 'refused', reason: 'in-history' })
  await t.rejects(refused.change(account), {
    code: 'password_refused',
    reason: 'in-history',
    message: 'The new password was used before'
  })
  const down = world(accepted, new BackendUnavailable('corp', { reason: 'connect' }))
  await t.rejects(down.change(account), { code: 'temporarily_unavailable' })
  const { change, asked } = world({ outcome: 'rejected', reason: 'wrong-password' }, { outcome: 'changed' })
  await t.rejects(change({ username: 'alice' }), { code: 'invalid_grant' })
  for (const malformed of ['', 'new\0password', 'x'.repeat(2000)]) {
    await t.rejects(change(account, malformed), { code: 'invalid_request' })
  }
  await t.rejects(change({ backend: 'local', subject: 'x' }), { code: 'password_refused', reason: 'not-allowed' })
  await t.rejects(change({ backend: 'gone', subject: 'x' }), { code: 'password_refused', reason: 'not-allowed' })
  t.same(asked, [])
  const locked = { outcome: 'denied', reason: 'locked' } as const
  await t.rejects(world(accepted, locked).change(account), { code: 'invalid_grant' })
})

t.test('a wrong old password is a failed try, and is not answered before the failure floor', async (t) => {
  const limits = { failures: 2, totalFailures: 10, windowMs: 60_000 }
  const { change, tools } = world(accepted, { outcome: 'rejected', reason: 'wrong-password' }, limits)
  const account = { backend: 'corp', subject: 'subject-1' }
  const began = performance.now()
  const request = { account, oldPassword: old, newPassword: fresh }
  await t.rejects(changePassword(request, fakeRequest(), { ...tools, failureFloorMs: 100 }), { code: 'invalid_grant' })
  t.ok(performance.now() - began >= 99)
  await t.rejects(change(account), { code: 'invalid_grant' })
  await t.rejects(change(account), { code: 'slow_down' })
})
