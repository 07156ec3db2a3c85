import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { parse } from 'node:querystring'
import { DatabaseSync } from 'node:sqlite'
import { createSigner, createVerifier } from 'fast-jwt'
import Fastify from 'fastify'
import mysql from 'mysql2/promise'

/** The bare minimum of a token exchange: one verification, one upsert, one signature. */
const { PORT, DATABASE_URL = '', JWK = '{}' } = process.env
const pem = createPublicKey({ key: JSON.parse(JWK), format: 'jwk' }).export({ format: 'pem', type: 'spki' })
const verify = createVerifier({ key: String(pem), algorithms: ['ES256'] })
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = String(privateKey.export({ format: 'pem', type: 'pkcs8' }))
const sign = createSigner({ key, algorithm: 'ES256', expiresIn: 600_000 })

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
const app = Fastify()
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, parse(String(body)))
})
app.get('/ready', async () => 'ok')
app.post('/token', async (request) => {
  const { subject_token = '' } = request.body as { subject_token?: string }
  const { sub, email } = verify(subject_token) as { sub: string; email: string }
  await upsert(sub, email)
  return { access_token: sign({ sub, email }), token_type: 'Bearer', expires_in: 600 }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
