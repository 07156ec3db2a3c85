import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mock } from 'node:test'
import mysql from 'mysql2/promise'
import t from 'tap'
import { createAudit } from '../../src/audit/audit.ts'
import { eventOf } from '../../src/audit/event.ts'
import type { AuditEvent } from '../../src/auth/audit.ts'
import { momentOf } from '../../src/auth/moment.ts'
import { sweep } from '../../src/sweep.ts'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'
import { answeredBeforeKills } from './kills.ts'

const rounds = Number(process.env.AUDIT_ROUNDS ?? 5)

t.test('after kill -9 every login that was answered has its event', async (t) => {
  const folder = await temporaryFolder(t)
  const answered = await answeredBeforeKills(t, { folder, rounds })
  const db = new DatabaseSync(join(folder, 'data/latchkey.db'))
  const rows = db.prepare("select jti from latchkey_audit where kind = 'login' and outcome = 'success'").all()
  db.close()
  const known = new Set(rows.map(({ jti }) => jti))
  t.ok(answered.length >= rounds * 10, `${answered.length} logins in ${rounds} rounds`)
  t.same(
    answered.filter((jti) => !known.has(jti)),
    []
  )
})

t.test('what is old goes a hundred at a time, until nothing is left', async (t) => {
  const minute = mock.timers
  minute.enable({ apis: ['setInterval'] })
  t.teardown(() => minute.reset())
  const asked: number[] = []
  let left = 250
  const done = new Promise<void>((resolve) => {
    const remove = async (limit: number) => {
      asked.push(limit)
      const went = Math.min(limit, left)
      left -= went
      if (left === 0) resolve()
      return went
    }
    t.teardown(sweep(remove, 'old things', { debug() {}, info() {}, warn() {}, error() {} }))
  })
  minute.tick(59_999)
  t.same(asked, [])
  minute.tick(1)
  await done
  t.same(asked, [100, 100, 100])
})

t.test('a flood of refusals is counted, and hides neither a success nor a try at an account', async (t) => {
  const stored: AuditEvent[] = []
  const unwritten: string[] = []
  const told: object[] = []
  const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => void told.push(fields) }
  const audit = createAudit({
    store: { append: async (events) => void stored.push(...events) },
    metrics: { audited() {}, unaudited: (why) => void unwritten.push(why) },
    refusalsPerMinute: 50
  })
  const refused = { kind: 'login', outcome: 'refused', ip: '203.0.113.7' } as const
  for (let count = 0; count < 5000; count++) await audit.record({ ...refused, reason: 'unknown-account' }, log)
  t.ok(stored.length >= 50 && stored.length < 120, `${stored.length} rows`)
  t.equal(unwritten.length, 5000 - stored.length)
  t.same(told, [{ event: 'audit_flood', kind: 'login', count: 1 }], 'the log tells once a minute')
  const before = stored.length
  await audit.record({ ...refused, reason: 'wrong-password', user: 'ann' }, log)
  await audit.record({ kind: 'login', outcome: 'success', user: 'ann' }, log)
  t.equal(stored.length, before + 2)
  audit.limited()
  t.equal(unwritten.at(-1), 'limited')
})

t.test('a refusal does not wait for a database that hangs', async (t) => {
  const lost: object[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void lost.push(fields) }
  const metrics = { audited() {}, unaudited() {} }
  const hanging = createAudit({ store: { append: () => new Promise(() => {}) }, metrics, refusalsPerMinute: 50 })
  await hanging.record({ kind: 'login', outcome: 'refused' }, log)
  const refusing = createAudit({
    store: { append: () => Promise.reject(new Error('no')) },
    metrics,
    refusalsPerMinute: 50
  })
  await refusing.record({ kind: 'login', outcome: 'refused' }, log)
  matchLists(t, lost, [{ event: 'audit_unwritten', audit: { kind: 'login' } }])
  await t.rejects(refusing.record({ kind: 'login', outcome: 'success' }, log), {
    code: 'temporarily_unavailable',
    statusCode: 503
  })
})

t.test(
  'a database that hangs at the event: no token',
  { skip: needs('mariadbd', 'mariadb-install-db', 'mariadb') },
  async (t) => {
    const server = await startMariadb()
    t.teardown(() => server.stop())
    const url = await server.database('audited')
    const latchkey = await openTestLatchkey(
      t,
      `secret: a secret of at least thirty-two bytes\ndatabase: { url: "${url}" }\npublicClient: true\n` +
        'login: { failureFloor: 1ms }\nbackends: [{ id: local, type: local }]\n'
    )
    await latchkey.addUser({ email: 'ann@example.com', password: 'correct horse battery' })
    const login = () =>
      latchkey.token({ grant_type: 'password', username: 'ann@example.com', password: 'correct horse battery' })
    t.equal((await login()).statusCode, 200)
    const other = await mysql.createConnection({ uri: url })
    await other.query('lock tables latchkey_audit write')
    const answer = await login()
    t.equal(answer.statusCode, 503)
    t.notMatch(answer.body, /token/)
    await other.query('unlock tables')
    t.equal((await login()).statusCode, 200)

    const columns = [
      ['user_id', 'latchkey_audit_user'],
      ['client_id', 'latchkey_audit_client'],
      ['kind', 'latchkey_audit_kind']
    ] as const
    await latchkey.store.audit.append(
      Array.from({ length: 2000 }, (_, index) =>
        eventOf({
          kind: index % 50 === 0 ? 'exchange' : 'login',
          outcome: 'success',
          user: `u${index % 100}`,
          client: `c${index % 90}`
        })
      )
    )
    await other.query('analyze table latchkey_audit')
    for (const [column, index] of columns) {
      const value = { user_id: 'u7', client_id: 'c7', kind: 'exchange' }[column]
      const [rows] = await other.query(
        `explain select * from latchkey_audit where ${column} = ? and id < ? order by id desc limit 51`,
        [value, 'f']
      )
      matchLists(t, rows, [{ key: index, Extra: /^(?!.*filesort)/ }], column)
    }
    const [rows] = await other.query('explain select * from latchkey_audit where id < ? order by id desc limit 51', [
      'f'
    ])
    matchLists(t, rows, [{ key: 'PRIMARY', Extra: /^(?!.*filesort)/ }])
    await other.end()
  }
)

t.test('times are read as RFC 3339 has them, in UTC where they do not say otherwise', async (t) => {
  const times: Array<[string, string]> = [
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:30.25', '2026-01-31T12:00:30.250Z'],
    ['2026-01-31t12:00:00.123456z', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2024-02-29T00:00:00-00:30', '2024-02-29T00:30:00.000Z'],
    ['0001-01-01', '0001-01-01T00:00:00.000Z']
  ]
  for (const [text, iso] of times) t.equal(momentOf(text), Date.parse(iso), text)
  const others = ['2026-02-31', '2026-02-29', '2026-13-01', '2026-01-31(x)', '2026-01-31 PST', '2026-01-31T25:00']
  others.push('2026-01-31T12:00:61Z', '2026-01-31T12:00:00 02:00', '2026-01-31T12:00:00+99:00', '2026-01', '', 'today')
  for (const text of others) t.equal(momentOf(text), undefined, text)
})
