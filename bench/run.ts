import { cpus, totalmem } from 'node:os'
import { type Row, table } from './row.ts'
import { httpLogins } from './rows/http-logins.ts'
import { importDjango } from './rows/import-django.ts'
import { ldapEndurance } from './rows/ldap-endurance.ts'
import { ldapGroups } from './rows/ldap-groups.ts'
import { ldapLogins } from './rows/ldap-logins.ts'
import { localLogins } from './rows/local-logins.ts'
import { million } from './rows/million.ts'
import { sessions } from './rows/sessions.ts'
import { starting } from './rows/start.ts'
import { userinfo } from './rows/userinfo.ts'

const all: Readonly<Record<string, () => Promise<Row[]>>> = {
  start: starting,
  local: localLogins,
  userinfo,
  ldap: ldapLogins,
  'ldap-groups': ldapGroups,
  http: httpLogins,
  sessions,
  'import-django': importDjango,
  million
}
/** Too long for every day: only where they are named. */
const onDemand: typeof all = { 'ldap-endurance': ldapEndurance }
const wanted = process.argv.slice(2)
const known = { ...all, ...onDemand }
for (const name of wanted)
  if (!Object.hasOwn(known, name)) throw new Error(`there is no ${name}: ${Object.keys(known).join(', ')}`)

const rows: Row[] = []
for (const [name, measure] of Object.entries(wanted.length > 0 ? known : all)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  process.stderr.write(`${name} …\n`)
  rows.push(...(await measure()))
}
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`
process.stdout.write(`${machine}\n\n${table(rows)}\n`)
process.exitCode = rows.every(({ met }) => met) ? 0 : 1
