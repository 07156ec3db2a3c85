import { cpus, totalmem } from 'node:os'
import { attempt, heading, line, type Row } from './row.ts'
import { administration } from './rows/administration.ts'
import { audit } from './rows/audit.ts'
import { auditKills } from './rows/audit-kills.ts'
import { chain } from './rows/chain.ts'
import { httpLogins } from './rows/http-logins.ts'
import { importDjango } from './rows/import-django.ts'
import { jwt } from './rows/jwt.ts'
import { ldapEndurance } from './rows/ldap-endurance.ts'
import { ldapFailover } from './rows/ldap-failover.ts'
import { ldapGroups } from './rows/ldap-groups.ts'
import { ldapLogins } from './rows/ldap-logins.ts'
import { least } from './rows/least.ts'
import { localLogins } from './rows/local-logins.ts'
import { many } from './rows/many.ts'
import { million } from './rows/million.ts'
import { sessions } from './rows/sessions.ts'
import { sessionsMany } from './rows/sessions-many.ts'
import { sqlLogins } from './rows/sql-logins.ts'
import { starting } from './rows/start.ts'
import { userinfo } from './rows/userinfo.ts'

/** What is measured under one name; one part that fails leaves the others. */
type Parts = ReadonlyArray<() => Promise<Row[]>>

const all: Readonly<Record<string, Parts>> = {
  start: [starting],
  local: [localLogins],
  userinfo: [userinfo],
  ldap: [ldapLogins],
  'ldap-groups': [ldapGroups],
  'ldap-failover': [ldapFailover],
  http: [httpLogins],
  sql: sqlLogins,
  jwt,
  chain: [chain],
  audit: [audit],
  sessions,
  administration,
  'import-django': [importDjango],
  million: [million]
}
/** Too long for every day: only where they are named. */
const onDemand: typeof all = {
  least,
  many,
  'sessions-many': sessionsMany,
  'audit-kills': auditKills,
  'ldap-endurance': [ldapEndurance]
}
const wanted = process.argv.slice(2)
const known = { ...all, ...onDemand }
for (const name of wanted)
  if (!Object.hasOwn(known, name)) throw new Error(`there is no ${name}: ${Object.keys(known).join(', ')}`)

// whatever was started goes along
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`
process.stdout.write(`${machine}\n\n${heading}`)
for (const [name, parts] of Object.entries(wanted.length > 0 ? known : all)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  process.stderr.write(`${name} …\n`)
  for (const part of parts) {
    const rows = await attempt(name, part)
    process.stdout.write(rows.map(line).join(''))
    if (rows.some(({ met }) => !met)) process.exitCode = 1
  }
}
