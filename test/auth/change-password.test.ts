import t from 'tap'
import type { PasswordChange, Verdict } from '../../src/auth/backend.ts'
import { authenticate } from '../../src/auth/chain.ts'
import { changePassword } from '../../src/auth/change-password.ts'
import type { Link } from '../../src/auth/link.ts'
import { changeOwnPassword, type OwnPasswordTools } from '../../src/auth/own-password.ts'
import type { User } from '../../src/auth/user-store.ts'
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
  await t.rejects(
    nameless.change({ username: 'alice' }),
    { code: 'invalid_grant' },
    'nobody can tell whose it would be'
  )
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

  const down = world(accepted, new BackendUnavailable('corp', { reason: 'connect' }), limits)
  for (let n = 0; n < 4; n++)
    await t.rejects(down.change(account), { code: 'temporarily_unavailable' }, 'an outage is none')
  const right = world(accepted, { outcome: 'changed' }, limits)
  for (let n = 0; n < 4; n++) t.same(await right.change(account), account)
})

t.test(
  'one’s own password is changed where one logged in, else at the first that knows one and changes any',
  async (t) => {
    const changes = () => fakeBackend(accepted, { changePassword: async () => ({ outcome: 'changed' }) })
    const local = fakeLink('local', { backend: fakeBackend(accepted, { keepsOwnPasswords: true }) })
    const fixed = fakeLink('fixed', { backend: fakeBackend(accepted) })
    const [corp, lake] = ['corp', 'lake'].map((id) => fakeLink(id, { backend: changes() })) as [Link, Link]
    const seen = (backend: string, subject: string, lastSeenAt = 1) => {
      return { backend, subject, lastSeenAt, username: 'alice', attributes: {}, isSuperuser: false }
    }
    const loggedOut: unknown[] = []
    const place = (
      chain: readonly Link[],
      [backend, subject]: readonly [backend: string, subject: string | undefined],
      identities: ReadonlyArray<ReturnType<typeof seen>>,
      hasPassword = false
    ) => {
      const tools = {
        ...{ ...fakeTools(), chain, failureFloorMs: 0, now: () => 7 },
        store: {
          logOut: async (...told: unknown[]) => void loggedOut.push(told),
          replacePasswordHash: async () => true
        },
        accounts: { byId: async () => ({ passwordHash: `hash of ${old}` }) },
        policy: { demand: async () => {} }
      } as unknown as OwnPasswordTools
      const user = { id: 'u1', identities, hasPassword } as unknown as User
      const change = { user, backend, subject, session: 's1', currentPassword: old, newPassword: fresh }
      return changeOwnPassword(change, fakeRequest(), tools)
    }
    const all = [local, fixed, corp, lake]
    const everywhere = [seen('fixed', 'f'), seen('corp', 'c'), seen('lake', 'l')]
    t.same(await place(all, ['lake', 'l'], everywhere, true), { backend: 'lake', subject: 'l' })
    t.same(loggedOut, [['u1', 7, 's1']], 'all other sessions end')
    t.same(await place(all, ['fixed', 'f'], everywhere, true), { backend: 'local', subject: 'u1' })
    t.same(
      await place(all, ['fixed', 'f'], everywhere),
      { backend: 'corp', subject: 'c' },
      'without a password of ours'
    )
    t.same(await place([fixed, corp, local], ['fixed', 'f'], everywhere, true), { backend: 'corp', subject: 'c' })
    t.same(await place(all, ['local', 'u1'], everywhere, true), { backend: 'local', subject: 'u1' })
    const two = [seen('corp', 'new', 2), seen('corp', 'old', 1), seen('fixed', 'old', 3)]
    for (const [backend, subject, expected] of [
      ['corp', 'old', 'old'],
      ['corp', 'gone', 'new'],
      ['corp', undefined, 'new'],
      ['fixed', 'old', 'new']
    ] as const)
      t.same(await place(all, [backend, subject], two), { backend: 'corp', subject: expected }, `${backend} ${subject}`)
    for (const identities of [[], [seen('fixed', 'f')], [seen('left', 'x')]])
      await t.rejects(place(all, ['fixed', 'f'], identities), { code: 'password_refused', reason: 'not-allowed' })
  }
)
