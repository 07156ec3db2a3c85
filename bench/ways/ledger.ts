import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { v7 } from 'uuid'
import { openStore } from '../../src/store/index.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** What a login leaves behind. */
export interface Written {
  readonly user: string
  readonly session: string
  readonly refreshToken: string
}

/** Writes down a login of somebody; who is new is made. */
export type Ledger = (account: { readonly subject: string; readonly email: string }) => Promise<Written>

/**
 * What no login can do without that is in our tables in one commit: when it was, at the user and at the identity, its session and
 * its event. Those of one turn of the event loop share a commit. No checks, no permissions, no objects in between.
 */
export async function openLedger(path: string): Promise<Ledger> {
  await (await openStore({ url: `file:${path}`, log: silent })).close()
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true })
  db.exec('pragma journal_mode = wal; pragma synchronous = normal')
  const [begin, commit] = [db.prepare('begin immediate'), db.prepare('commit')]
  const find = db.prepare("select user_id from latchkey_identities where backend = 'b' and subject = ?")
  const makeUser = db.prepare(
    `insert into latchkey_users (id, email, email_vouched, attributes, own_attributes, is_active, is_superuser, created_at, updated_at, tokens_valid_from, version)
     values (?, ?, 1, '{}', '{}', 1, 0, 0, 0, 0, 0)`
  )
  const makeIdentity = db.prepare(
    `insert into latchkey_identities (backend, subject, user_id, username, attributes, is_superuser, last_seen_at)
     values ('b', ?, ?, ?, '{}', 0, 0)`
  )
  const seeUser = db.prepare('update latchkey_users set last_login_at = ? where id = ?')
  const seeIdentity = db.prepare("update latchkey_identities set last_seen_at = ? where backend = 'b' and subject = ?")
  const addSession = db.prepare(
    `insert into latchkey_sessions (id, user_id, backend, subject, client_id, audience, amr, counter, rotated_at, authenticated_at, created_at, expires_at, idle_expires_at)
     values (?, ?, 'b', ?, 'public', 'default', '["pwd"]', 0, ?, ?, ?, ?, ?)`
  )
  const addEvent = db.prepare(
    `insert into latchkey_audit (id, at, kind, outcome, user_id, username, backend, subject, client_id, ip, session_id, jti, request_id)
     values (?, ?, 'login', 'success', ?, ?, 'b', ?, 'public', '127.0.0.1', ?, ?, ?)`
  )

  let waiting: Array<{ work(): void; done(): void }> = []
  const flush = (): void => {
    const all = waiting
    waiting = []
    begin.run()
    for (const { work } of all) work()
    commit.run()
    for (const { done } of all) done()
  }
  const write = (work: () => void): Promise<void> =>
    new Promise((done) => {
      if (waiting.push({ work, done }) === 1) setImmediate(flush)
    })
  const userOf = ({ subject, email }: { subject: string; email: string }): string => {
    const known = find.get(subject)?.user_id
    if (typeof known === 'string') return known
    const id = v7()
    makeUser.run(id, email)
    makeIdentity.run(subject, id, subject)
    return id
  }

  return async (account) => {
    const { subject } = account
    const [user, session, at] = [userOf(account), v7(), Date.now()]
    await write(() => {
      seeUser.run(at, user)
      seeIdentity.run(at, subject)
      addSession.run(session, user, subject, at, at, at, at + 1e9, at + 1e9)
      addEvent.run(v7(), at, user, subject, subject, session, v7(), v7())
    })
    return { user, session, refreshToken: randomBytes(32).toString('base64url') }
  }
}
