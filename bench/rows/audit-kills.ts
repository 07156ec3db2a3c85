import { answeredBeforeKills } from '../../test/audit/kills.ts'
import { databasesOf, onEachDialect, valuesIn } from '../databases.ts'
import { folderOf } from '../processes.ts'
import type { Row } from '../row.ts'

const rounds = Number(process.env.BENCH_KILLS ?? 100)

/** Logins that were answered and have no event, where the service is killed again and again (SIGKILL). */
export const auditKills = onEachDialect(async (scope, dialect): Promise<Row[]> => {
  const url = await (await databasesOf(scope, dialect))('killed')
  const folder = await folderOf(scope)
  const database = `secret: ${'s'.repeat(40)}\ndatabase: { url: "${url}" }\n`
  const answered = await answeredBeforeKills(scope, { folder, rounds, database })
  const sql = "select jti from latchkey_audit where kind = 'login' and outcome = 'success'"
  const known = new Set(await valuesIn(url, sql))
  const lost = answered.filter((jti) => !known.has(jti)).length
  const name = `logins without an event after ${rounds} kills, ${dialect}`
  const met = lost === 0 && answered.length >= rounds
  const note = `${answered.length} logins were answered`
  return [{ name, unit: '', limit: 0, ours: lost, ratio: Number.NaN, required: 'none', met, note }]
})
