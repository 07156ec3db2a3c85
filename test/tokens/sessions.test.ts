import { join } from 'node:path'
import t from 'tap'
import { createAudit } from '../../src/audit/audit.ts'
import type { Along } from '../../src/auth/audit.ts'
import { TemporarilyUnavailable } from '../../src/errors.ts'
import { createRefreshTokens } from '../../src/tokens/refresh-token.ts'
import type { Session } from '../../src/tokens/session-store.ts'
import { createSessions, type SessionOptions } from '../../src/tokens/sessions.ts'
import { fakeLog } from '../auth/fakes.ts'
import { temporaryFolder } from '../latchkey.ts'
import { at, newUser, open as openStore, silent, written } from '../store/world.ts'

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

t.test('who repeats a refresh token in time gets its successor, however long the backend takes then', async (t) => {
  const store = await openStore(`file:${join(await temporaryFolder(t), 'latchkey.db')}`)
  t.teardown(() => store.close())
  const user = await store.users.create(newUser('ann@example.com'))
  if (user === 'taken') throw new Error('taken')
  let now = at
  const refreshTokens = createRefreshTokens(['secret'.repeat(8)])
  const lives = { refreshTtlMs: 3_600_000, refreshIdleTtlMs: 3_600_000 }
  const sessions = createSessions({ store: store.sessions, refreshTokens, ...lives, now: () => now })
  const metrics = { audited() {}, unaudited() {} }
  const audit = createAudit({ store: store.audit, metrics, refusalsPerMinute: 100 })

  const times = { rotatedAt: at, authenticatedAt: at, createdAt: at, expiresAt: at * 2, idleExpiresAt: at * 2 }
  const who = { userId: user.id, backend: 'corp', subject: '1', clientId: 'blog', audience: 'a', scope: null }
  const id = '01a20208-8dfb-7543-ad4c-038bbb0f4783'
  const session = { id, ...who, amr: ['pwd'], counter: 0, ...times }
  await written(store, store.sessions.creation(session))
  const first = sessions.tokenOf(session)

  const refresh = async (backendMs: number): Promise<string> => {
    const along: Along[] = []
    const found = await sessions.find(first, 'blog', silent)
    now += backendMs
    const next = sessions.rotate(found, along, silent)
    await audit.record({ kind: 'refresh', outcome: 'success' }, silent, along)
    return sessions.tokenOf(next)
  }
  const second = await refresh(0)
  now += 29_000
  t.equal(await refresh(2000), second)
  t.match(await store.sessions.byId(id), { counter: 1 }, 'the session lives on')
  await t.rejects(refresh(0), { code: 'invalid_grant' }, 'half a minute later it is a theft')
  t.equal(await store.sessions.byId(id), undefined)
})
