import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import mysql from 'mysql2/promise'

/** The bare minimum of a refresh: two indexed statements and one signature; of an introspection: one indexed SELECT. */
const { PORT, DATABASE_URL = '', ROWS = '1000' } = process.env
const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  format: 'pem',
  type: 'pkcs8'
})
const sign = createSigner({ key: String(privateKey), algorithm: 'ES256', expiresIn: 600_000 })
const ids = Array.from({ length: Number(ROWS) }, () => randomUUID())

interface Statements {
  select(id: string): Promise<unknown>
  update(id: string): Promise<unknown>
}

async function openSqlite(): Promise<Statements> {
  const db = new DatabaseSync(DATABASE_URL.slice('file:'.length))
  db.exec('pragma journal_mode = wal; pragma synchronous = normal')
  db.exec('create table bare (id text primary key, n integer not null)')
  const insert = db.prepare('insert into bare values (?, 0)')
  db.exec('begin')
  for (const id of ids) insert.run(id)
  db.exec('commit')
  const select = db.prepare('select id, n from bare where id = ?')
  const update = db.prepare('update bare set n = n + 1 where id = ?')
  return { select: async (id) => select.get(id), update: async (id) => update.run(id) }
}

async function openMysql(): Promise<Statements> {
  const pool = mysql.createPool({ uri: DATABASE_URL, connectionLimit: 10 })
  await pool.query('create table bare (id varbinary(36) primary key, n bigint not null)')
  await pool.query('insert into bare values ?', [ids.map((id) => [id, 0])])
  return {
    select: (id) => pool.execute('select id, n from bare where id = ?', [id]),
    update: (id) => pool.execute('update bare set n = n + 1 where id = ?', [id])
  }
}

const statements = await (DATABASE_URL.startsWith('mysql:') ? openMysql() : openSqlite())
let turn = 0
const next = (): string => ids[turn++ % ids.length] ?? ''
const app = Fastify()
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, body)
})
app.get('/ready', async () => 'ok')
app.post('/refresh', async () => {
  const id = next()
  await statements.select(id)
  await statements.update(id)
  return { access_token: sign({ sub: id }), token_type: 'Bearer', expires_in: 600 }
})
app.post('/introspect', async () => {
  await statements.select(next())
  return { active: true }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
