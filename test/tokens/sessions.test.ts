import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAudit } from '../../src/audit/audit.ts'
import type { Along, Trail } from '../../src/auth/audit.ts'
import type { LoggedIn } from '../../src/auth/login.ts'
import { TemporarilyUnavailable } from '../../src/errors.ts'
import { newId } from '../../src/new-id.ts'
import type { Store } from '../../src/store/index.ts'
import { createRefreshTokens } from '../../src/tokens/refresh-token.ts'
import type { Session, SessionStore } from '../../src/tokens/session-store.ts'
import { createSessions, type NewSession } from '../../src/tokens/sessions.ts'
import { fakeLog } from '../auth/fakes.ts'
import { temporaryFolder } from '../latchkey.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { at, newUser, open as openStore, silent, written } from '../store/world.ts'

/** What is asked of a database of either dialect, which is empty at first. */
type Ask = (t: Test, store: Store) => Promise<void>

const asks: Array<readonly [name: string, ask: Ask]> = []
const test = (name: string, ask: Ask): void => {
  asks.push([name, ask])
}

/** One session in a database that may be hanging, and a clock. */
const open = async (store: Store) => {
  const state = { now: at, hangs: false }
  const user = await store.users.create(newUser(`${newId()}@example.com`))
  if (user === 'taken') throw new Error('taken')
  const session: Session = {
    ...{ id: newId(), userId: user.id, backend: 'corp', subject: 'S', clientId: 'web' },
    ...{ audience: 'a', scope: null, amr: ['pwd'], counter: 0, rotatedAt: at, authenticatedAt: at },
    ...{ createdAt: at, expiresAt: at + 1e9, idleExpiresAt: at + 1e9 }
  }
  await written(store, store.sessions.creation(session))
  const byId: SessionStore['byId'] = async (id) => {
    if (state.hangs) throw new TemporarilyUnavailable('hangs')
    return store.sessions.byId(id)
  }
  const sessions = createSessions({
    store: { ...store.sessions, byId },
    refreshTokens: createRefreshTokens(['x'.repeat(32)]),
    refreshTtlMs: 1e9,
    refreshIdleTtlMs: 1e9,
    now: () => state.now
  })
  const token = sessions.tokenOf(session)
  /** A refresh as far as the database; what is answered to it is another matter. */
  const rotated = async (): Promise<{ successor: string; along: Along; isWritten: boolean }> => {
    const gathered: Along[] = []
    const successor = sessions.tokenOf(sessions.rotate(await sessions.find(token, 'web', log), gathered, log))
    const [along] = gathered
    if (along === undefined) throw new Error('nothing goes along')
    return { successor, along, isWritten: await written(store, along.write) }
  }
  const isEnded = async (): Promise<boolean> => (await store.sessions.byId(session.id)) === undefined
  return { state, sessions, token, rotated, isEnded }
}

const log = fakeLog()

test('a rotation that a hanging database did after all is a lost reply', async (t, store) => {
  for (const told of [true, false]) {
    const { state, sessions, token, rotated, isEnded } = await open(store)
    const { successor, along, isWritten } = await rotated()
    t.ok(isWritten)
    state.now += 4000
    if (told) along.unanswered?.()
    else {
      state.hangs = true
      await t.rejects(sessions.find(token, 'web', log), { code: 'temporarily_unavailable' }, 'met by a second try')
      state.hangs = false
    }
    state.now += 60_000
    const again = await rotated()
    t.equal(again.successor, successor, 'the same for whoever tries again')
    t.notOk(again.isWritten, 'which is there already')
    t.equal(await again.along.refused(), undefined, 'and no reason to refuse')
    t.notOk(await isEnded())
  }
})

test('without such a time, and long after it, another use of an old token ends the session', async (t, store) => {
  for (const [hung, later] of [
    [false, 31_000],
    [true, 301_000]
  ] as const) {
    const { state, sessions, token, rotated, isEnded } = await open(store)
    const { along } = await rotated()
    if (hung) along.unanswered?.()
    state.now += later
    await t.rejects(sessions.find(token, 'web', log), { code: 'invalid_grant' })
    t.ok(await isEnded())
  }
})

test('a rotation from before a time without answers is not excused by it', async (t, store) => {
  const { state, sessions, token, rotated } = await open(store)
  const { along } = await rotated()
  state.now += 60_000
  along.unanswered?.()
  state.now += 1000
  await t.rejects(sessions.find(token, 'web', log), { code: 'invalid_grant' })
})

test('who repeats a refresh token in time gets its successor, however long the backend takes then', async (t, store) => {
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

test('a session ends when nobody refreshes it for too long, and at its end whoever does', async (t, store) => {
  const user = await store.users.create(newUser('bob@example.com'))
  if (user === 'taken') throw new Error('taken')
  let now = at
  const lives = { refreshTtlMs: 10_000, refreshIdleTtlMs: 4000 }
  const refreshTokens = createRefreshTokens(['x'.repeat(32)])
  const sessions = createSessions({ store: store.sessions, refreshTokens, ...lives, now: () => now })
  const begin = async (more: Partial<NewSession> = {}, proof?: { until: number }): Promise<Session> => {
    const along: Along[] = []
    const loggedIn = { user, backend: { id: 'corp' }, subject: 'S', at, ...(proof && { proof }) } as unknown as LoggedIn
    const session = sessions.begin({ loggedIn, clientId: 'web', audience: 'a', scope: null, amr: [], ...more }, along)
    for (const { write } of along) await written(store, write)
    return session
  }
  const ends = ({ expiresAt, idleExpiresAt }: Session) => [expiresAt - at, idleExpiresAt - at]
  t.same(ends(await begin({ refreshTtlMs: 2000 })), [2000, 2000], "the client's own")
  t.same(ends(await begin({ refreshTtlMs: 20_000 })), [20_000, 4000])
  t.same(ends(await begin({}, { until: at + 1500 })), [1500, 1500], 'no longer than the proof')

  const session = await begin()
  t.same(ends(session), [10_000, 4000])
  const refresh = async (when: number, token: string): Promise<Session> => {
    now = at + when
    const along: Along[] = []
    const next = sessions.rotate(await sessions.find(token, 'web', log), along, log)
    for (const { write } of along) t.ok(await written(store, write))
    return next
  }
  const expired = { code: 'invalid_grant', reason: 'session-expired' }
  const first = sessions.tokenOf(session)
  now = at + 4000
  const trail: Trail = { kind: 'refresh' }
  await t.rejects(sessions.find(first, 'web', log, trail), expired)
  t.match(trail, { user: user.id, backend: 'corp', subject: 'S', session: session.id }, 'whose it was is known')
  const second = await refresh(3999, first)
  t.same(ends(second), [10_000, 7999])
  const third = await refresh(7000, sessions.tokenOf(second))
  t.same(ends(third), [10_000, 10_000])
  t.match(await store.sessions.byId(session.id), { expiresAt: at + 10_000, idleExpiresAt: at + 10_000 })
  now = at + 9999
  t.ok(await sessions.find(sessions.tokenOf(third), 'web', log))
  await t.rejects(refresh(10_000, sessions.tokenOf(third)), expired)
  t.match(await sessions.owned(sessions.tokenOf(third), 'web'), { id: session.id }, 'its owner may still end it')
  t.equal(await sessions.owned(sessions.tokenOf(third), 'other'), undefined)
})

test('the token before the last answers for thirty seconds, also for who was on the way', async (t, store) => {
  const { state, sessions, token, rotated, isEnded } = await open(store)
  const late: Along[] = []
  sessions.rotate(await sessions.find(token, 'web', log), late, log)
  state.now += 1
  const { successor } = await rotated()
  state.now += 30_000
  t.equal((await rotated()).successor, successor)
  t.equal(await late[0]?.refused(), undefined)
  state.now += 1
  await t.rejects(async () => late[0]?.refused(), { code: 'invalid_grant' }, 'somebody else had it so long')
  t.ok(await isEnded())
})

const onEach = async (t: Test, url: string): Promise<void> => {
  const store = await openStore(url)
  t.teardown(() => store.close())
  for (const [name, ask] of asks) await t.test(name, (t) => ask(t, store))
}

t.test('sessions on SQLite', async (t) => onEach(t, `file:${join(await temporaryFolder(t), 'latchkey.db')}`))

t.test('sessions on MariaDB', { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') }, async (t) => {
  const server = await startMariadb()
  t.teardown(() => server.stop())
  await onEach(t, await server.database('sessions'))
})
