import { DatabaseSync } from 'node:sqlite'
import mysql from 'mysql2/promise'
import { bareApp } from '../ways/app.ts'
import { openJwt } from '../ways/jwt.ts'
import { sign } from '../ways/sign.ts'

/** The bare minimum of a token exchange: one verification, one upsert, one signature. */
const { PORT, DATABASE_URL = '' } = process.env
const verify = openJwt()

type Upsert = (subject: string, email: string) => Promise<unknown>

function openSqlite(): Upsert {
  const db = new DatabaseSync(DATABASE_URL.slice('file:'.length))
  db.exec('pragma journal_mode = wal; pragma synchronous = normal')
  db.exec('create table bare (id text primary key, email text not null, n integer not null)')
  const upsert = db.prepare(
    'insert into bare values (?, ?, 1) on conflict (id) do update set email = excluded.email, n = n + 1'
  )
  return async (subject, email) => upsert.run(subject, email)
}

async function openMysql(): Promise<Upsert> {
  const pool = mysql.createPool({ uri: DATABASE_URL, connectionLimit: 10 })
  await pool.query(
    'create table bare (id varbinary(255) primary key, email varbinary(254) not null, n bigint not null)'
  )
  const sql = 'insert into bare values (?, ?, 1) on duplicate key update email = values(email), n = n + 1'
  return (subject, email) => pool.execute(sql, [subject, email])
}

const upsert = await (DATABASE_URL.startsWith('mysql:') ? openMysql() : openSqlite())
const app = bareApp(async ({ subject_token = '' }) => {
  const { subject, email } = verify(subject_token)
  await upsert(subject, email)
  return { access_token: sign({ sub: subject, email }), token_type: 'Bearer', expires_in: 600 }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
