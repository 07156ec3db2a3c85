import { DatabaseSync } from 'node:sqlite'
import Fastify from 'fastify'
import mysql from 'mysql2/promise'

/** The bare minimum of an evaluation: two indexed SELECTs on the very tables. No checks, no groups, no backends. */
const { PORT, DATABASE_URL = '' } = process.env
const userSql = 'select id, is_active from latchkey_users where id = ?'
const grantSql =
  'select permission from latchkey_user_object_grants where user_id = ? and object_type = ? and object_id = ? and permission = ?'

type Find = (sql: string, values: readonly string[]) => Promise<unknown>

function openSqlite(): Find {
  const db = new DatabaseSync(DATABASE_URL.slice('file:'.length), { readOnly: true })
  const statements = new Map([userSql, grantSql].map((sql) => [sql, db.prepare(sql)]))
  return async (sql, values) => statements.get(sql)?.get(...values)
}

function openMysql(): Find {
  const pool = mysql.createPool({ uri: DATABASE_URL, connectionLimit: 10 })
  return async (sql, values) => {
    const [rows] = await pool.execute(sql, [...values])
    return Object(rows)[0]
  }
}

const find = DATABASE_URL.startsWith('mysql:') ? openMysql() : openSqlite()
const app = Fastify()
app.get('/ready', async () => 'ok')
app.post('/evaluation', async (request) => {
  const { subject, action, resource } = request.body as {
    subject: { id: string }
    action: { name: string }
    resource: { type: string; id: string }
  }
  const user = await find(userSql, [subject.id])
  const grant = await find(grantSql, [subject.id, resource.type, resource.id, action.name])
  return { decision: user !== undefined && grant !== undefined }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
