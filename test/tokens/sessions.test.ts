import t from 'tap'
import type { Along } from '../../src/auth/audit.ts'
import { TemporarilyUnavailable } from '../../src/errors.ts'
import { createRefreshTokens } from '../../src/tokens/refresh-token.ts'
import type { Session } from '../../src/tokens/session-store.ts'
import { createSessions, type SessionOptions } from '../../src/tokens/sessions.ts'
import { fakeLog } from '../auth/fakes.ts'

const start = 1_767_225_600_000

/** One session in a database that may be hanging, and a clock. */
const open = () => {
  const state = { now: start, hangs: false, ended: false }
  const session: Session = {
    ...{ id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11', userId: 'u', backend: 'corp', subject: 'S', clientId: 'web' },
    ...{ audience: 'a', scope: null, amr: ['pwd'], counter: 0, rotatedAt: start, authenticatedAt: start },
    ...{ createdAt: start, expiresAt: start + 1e9, idleExpiresAt: start + 1e9 }
  }
  const stored = { ...session }
  const store = {
    async byId() {
      if (state.hangs) throw new TemporarilyUnavailable('hangs')
      return state.ended ? undefined : { ...stored }
    },
    rotation: (_id: string, counter: number, { at }: { at: number }) => {
      Object.assign(stored, { counter: counter + 1, rotatedAt: at })
      return { isPending: true as const }
    },
    async end() {
      state.ended = true
    }
  } as Partial<SessionOptions['store']> as SessionOptions['store']
  const refreshTokens = createRefreshTokens(['x'.repeat(32)])
  const sessions = createSessions({
    store,
    refreshTokens,
    refreshTtlMs: 1e9,
    refreshIdleTtlMs: 1e9,
    now: () => state.now
  })
  return { state, sessions, token: sessions.tokenOf(session) }
}

const log = fakeLog()

t.test('a rotation that a hanging database did after all is a lost reply', async (t) => {
  for (const told of [true, false]) {
    const { state, sessions, token } = open()
    const along: Along[] = []
    const successor = sessions.tokenOf(sessions.rotate(await sessions.find(token, 'web', log), along, log))
    state.now += 4000
    if (told) along[0]?.unanswered?.()
    else {
      state.hangs = true
      await t.rejects(sessions.find(token, 'web', log), { code: 'temporarily_unavailable' }, 'met by a second try')
      state.hangs = false
    }
    state.now += 60_000
    const found = await sessions.find(token, 'web', log)
    t.equal(sessions.tokenOf(sessions.rotate(found, along, log)), successor, 'the same for whoever tries again')
    t.equal(state.ended, false)
  }
})

t.test('without such a time, and long after it, another use of an old token ends the session', async (t) => {
  for (const [hung, later] of [
    [false, 31_000],
    [true, 301_000]
  ] as const) {
    const { state, sessions, token } = open()
    const along: Along[] = []
    sessions.rotate(await sessions.find(token, 'web', log), along, log)
    if (hung) along[0]?.unanswered?.()
    state.now += later
    await t.rejects(sessions.find(token, 'web', log), { code: 'invalid_grant' })
    t.equal(state.ended, true)
  }
})

t.test('a rotation from before a time without answers is not excused by it', async (t) => {
  const { state, sessions, token } = open()
  const along: Along[] = []
  sessions.rotate(await sessions.find(token, 'web', log), along, log)
  state.now += 60_000
  along[0]?.unanswered?.()
  state.now += 1000
  await t.rejects(sessions.find(token, 'web', log), { code: 'invalid_grant' })
})
