import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import mysql from 'mysql2/promise'
import { v7 } from 'uuid'
import { openStore } from '../../src/store/index.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

interface Account {
  readonly subject: string
  readonly email: string
}

/** What a login leaves behind. */
interface Entry {
  readonly user: string
  readonly subject: string
  readonly session: string
  readonly at: number
}

/** Writes down a login of somebody; who is new is made. */
export type Ledger = (account: Account) => Promise<Entry & { readonly refreshToken: string }>

interface Tables {
  find(subject: string): Promise<string | undefined>
  make(id: string, account: Account): Promise<unknown>
  /** Writes all in one commit. */
  commit(entries: readonly Entry[]): Promise<unknown>
  /** Commits at a time. */
  readonly width: number
}

/**
 * What no login can do without that is in our tables, in one commit: when it was, at the user and at the identity, its session and
 * its event. Those that come at once share a commit. No checks, no permissions, no objects in between.
 */
export async function openLedger(url: string): Promise<Ledger> {
  await (await openStore({ url, log: silent })).close()
  const { find, make, commit, width } = url.startsWith('mysql:') ? await inMariadb(url) : inSqlite(url)
  const waiting: Array<{ readonly entry: Entry; done(): void }> = []
  let [running, isPlanned] = [0, false]
  const plan = (): void => {
    if (isPlanned || waiting.length === 0 || running >= width) return
    isPlanned = true
    setImmediate(flush)
  }
  const flush = async (): Promise<void> => {
    isPlanned = false
    running++
    const all = waiting.splice(0)
    await commit(all.map(({ entry }) => entry))
    for (const { done } of all) done()
    running--
    plan()
  }
  const userOf = async (account: Account): Promise<string> => {
    const known = await find(account.subject)
    if (known !== undefined) return known
    const id = v7()
    await make(id, account)
    return id
  }
  return async (account) => {
    const entry = { user: await userOf(account), subject: account.subject, session: v7(), at: Date.now() }
    await new Promise<void>((done) => {
      waiting.push({ entry, done })
      plan()
    })
    return { ...entry, refreshToken: randomBytes(32).toString('base64url') }
  }
}

const columnsOf = {
  users:
    'id, email, email_vouched, attributes, own_attributes, is_active, is_superuser, created_at, updated_at, tokens_valid_from, version',
  identities: 'backend, subject, user_id, username, attributes, is_superuser, last_seen_at',
  sessions:
    'id, user_id, backend, subject, client_id, audience, amr, counter, rotated_at, authenticated_at, created_at, expires_at, idle_expires_at',
  audit: 'id, at, kind, outcome, user_id, username, backend, subject, client_id, ip, session_id, jti, request_id'
} as const

const insert = (table: keyof typeof columnsOf): string =>
  `insert into latchkey_${table} (${columnsOf[table]}) values (${columnsOf[table].replace(/\w+/g, '?')})`

const userRow = (id: string, { email }: Account) => [id, email, 1, '{}', '{}', 1, 0, 0, 0, 0, 0]
const identityRow = (id: string, { subject }: Account) => ['b', subject, id, subject, '{}', 0, 0]
const sessionRow = ({ user, subject, session, at }: Entry) => [
  ...[session, user, 'b', subject, 'public', 'default', '["pwd"]', 0, at, at, at, at + 1e9, at + 1e9]
]
const eventRow = ({ user, subject, session, at }: Entry) => [
  ...[v7(), at, 'login', 'success', user, subject, 'b', subject, 'public', '127.0.0.1', session, v7(), v7()]
]

function inSqlite(url: string): Tables {
  const db = new DatabaseSync(url.slice('file:'.length), { enableForeignKeyConstraints: true })
  db.exec('pragma journal_mode = wal; pragma synchronous = normal')
  const find = db.prepare("select user_id from latchkey_identities where backend = 'b' and subject = ?")
  const seeUser = db.prepare('update latchkey_users set last_login_at = ? where id = ?')
  const seeIdentity = db.prepare("update latchkey_identities set last_seen_at = ? where backend = 'b' and subject = ?")
  const [begin, commit] = [db.prepare('begin immediate'), db.prepare('commit')]
  const [addSession, addEvent] = [db.prepare(insert('sessions')), db.prepare(insert('audit'))]
  return {
    width: 1,
    async find(subject) {
      const id = find.get(subject)?.user_id
      return typeof id === 'string' ? id : undefined
    },
    async make(id, account) {
      db.prepare(insert('users')).run(...userRow(id, account))
      db.prepare(insert('identities')).run(...identityRow(id, account))
    },
    async commit(entries) {
      begin.run()
      for (const entry of entries) {
        seeUser.run(entry.at, entry.user)
        seeIdentity.run(entry.at, entry.subject)
        addSession.run(...sessionRow(entry))
        addEvent.run(...eventRow(entry))
      }
      commit.run()
    }
  }
}

/** The fewest ways to the server and back: one statement for all rows of a table. */
async function inMariadb(url: string): Promise<Tables> {
  const pool = mysql.createPool({ uri: url, connectionLimit: 10 })
  const findSql = "select user_id from latchkey_identities where backend = 'b' and subject = ?"
  return {
    width: 2,
    async find(subject) {
      const [rows] = await pool.execute<mysql.RowDataPacket[]>(findSql, [subject])
      return rows[0] && String(rows[0].user_id)
    },
    async make(id, account) {
      await pool.execute(insert('users'), userRow(id, account))
      await pool.execute(insert('identities'), identityRow(id, account))
    },
    async commit(entries) {
      const connection = await pool.getConnection()
      const [at] = entries.map((entry) => entry.at)
      const inOrder = (values: string[]): string[] => [...new Set(values)].sort()
      const users = inOrder(entries.map(({ user }) => user))
      const subjects = inOrder(entries.map(({ subject }) => subject))
      await connection.query('begin')
      await connection.query('update latchkey_users set last_login_at = ? where id in (?)', [at, users])
      const seen = "update latchkey_identities set last_seen_at = ? where backend = 'b' and subject in (?)"
      await connection.query(seen, [at, subjects])
      for (const [table, rows] of [
        ['sessions', entries.map(sessionRow)],
        ['audit', entries.map(eventRow)]
      ] as const) {
        await connection.query(`insert into latchkey_${table} (${columnsOf[table]}) values ?`, [rows])
      }
      await connection.query('commit')
      connection.release()
    }
  }
}
