import { execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Certificates, createCertificates } from './certificates.ts'
import { type LdapEntry, ldif } from './ldap-fixtures.ts'
import { isListening, watchOver } from './lifetime.ts'
import { needs, python } from './needs.ts'
import { adPeopleBase, adPerson, adSuffix, adTrunk, unicodePwd } from './samba-fixtures.ts'

/** A real Active Directory domain controller, by Samba, in a temporary folder; reached over ldaps. */
export interface Samba {
  readonly url: string
  /** Plain text, on which it takes no password. */
  readonly plainUrl: string
  /** PEM file of the authority behind its certificate. */
  readonly ca: string
  /** The service account: may read, and nothing else. */
  readonly bind: { readonly dn: string; readonly password: string }
  readonly suffix: string
  add(entries: readonly LdapEntry[]): Promise<void>
  /** Applies LDIF change records as the domain's administrator. */
  modify(changes: string): Promise<void>
  /** The text values of an entry's attribute, as ldapsearch writes them (binary ones in base64). */
  read(dn: string, attribute: string): Promise<string[]>
  /** Makes a password old, which no client may do: written into the database, past what looks after `pwdLastSet`. */
  setPasswordTime(dn: string, at: Date): Promise<void>
  /** Stops answering, as a machine does that hangs. */
  pause(): void
  resume(): void
}

/** For a test's `skip`: it binds the ports 389 and 636, on a loopback address of its own. */
export const needsSamba = (): string | false => {
  if (process.getuid?.() !== 0) return 'needs root, for the ports of a domain controller'
  if (!existsSync('/usr/share/samba/setup/provision.ldif')) return "needs Debian's samba-ad-provision"
  return needs('samba', 'samba-tool', 'ldapmodify', 'ldapsearch', 'openssl')
}

const administrator = { dn: `CN=Administrator,CN=Users,${adSuffix}`, password: 'Canary-Admin-1' }
const service = { dn: `CN=latchkey,${adPeopleBase}`, password: 'Canary-Service-1' }

/** No wait between two changes, no complexity, three tries: what a test can meet in a second. */
const policy = `dn: ${adSuffix}
changetype: modify
replace: minPwdAge
minPwdAge: 0
-
replace: minPwdLength
minPwdLength: 8
-
replace: lockoutThreshold
lockoutThreshold: 3
`

/** The control is DSDB_CONTROL_PASSWORD_BYPASS_LAST_SET_OID. */
const setPasswordTime = `
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
settings = LoadParm()
settings.load(sys.argv[1])
database = SamDB(url=sys.argv[2], session_info=system_session(), lp=settings)
database.modify_ldif(sys.argv[3], ["local_oid:1.3.6.1.4.1.7165.4.3.20:0"])
`

const run = promisify(execFile)

/** The ports are fixed, so each controller has an address of its own. */
const ownAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`

const provision = async (folder: string, address: string, { ca, cert, key }: Certificates): Promise<string> => {
  const options = {
    'posix:eadb': `${folder}/eadb.tdb`,
    'vfs objects': 'dfs_samba4 acl_xattr xattr_tdb',
    interfaces: `${address}/8`,
    'bind interfaces only': 'yes',
    'server services': 'ldap',
    'ncalrpc dir': `${folder}/ncalrpc`,
    'pid directory': `${folder}/pid`,
    'log file': `${folder}/log`,
    'tls cafile': ca,
    'tls certfile': cert,
    'tls keyfile': key
  }
  await run('samba-tool', [
    ...['domain', 'provision', `--targetdir=${folder}`, '--server-role=dc', '--dns-backend=NONE', '--use-rfc2307'],
    ...['--realm=CORP.EXAMPLE.COM', '--domain=CORP', '--host-name=dc1', `--adminpass=${administrator.password}`],
    ...Object.entries(options).map(([name, value]) => `--option=${name}=${value}`)
  ])
  return join(folder, 'etc', 'smb.conf')
}

/** Provisions and starts a throwaway domain controller (7 s). It ends with the test, and also where that is killed. */
export async function startSamba(
  t: { teardown(end: () => Promise<void>): unknown },
  options: { readonly entries?: readonly LdapEntry[] } = {}
): Promise<Samba> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-samba-'))
  const address = ownAddress()
  const names = `IP:${address},DNS:dc1.corp.example.com,DNS:localhost`
  const certificates = await createCertificates(folder, { names, prefix: 'dc1' })
  const settings = await provision(folder, address, certificates)
  // The model `single` keeps all in one process.
  const samba = spawn('samba', ['-F', '--no-process-group', '--model=single', '-s', settings], {
    stdio: 'ignore',
    detached: true
  })
  const watch = samba.pid === undefined ? undefined : watchOver(-samba.pid, folder)
  t.teardown(async () => {
    watch?.kill('SIGKILL')
    if (samba.exitCode === null && samba.signalCode === null) {
      samba.kill('SIGKILL')
      await once(samba, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  })
  for (let tries = 0; !(await isListening(636, address)); tries += 1) {
    if (samba.exitCode !== null || tries > 500) throw new Error('samba does not start')
    await sleep(20)
  }

  const url = `ldaps://${address}`
  const env = { ...process.env, LDAPTLS_CACERT: certificates.ca, LDAPTLS_REQCERT: 'demand' }
  const asAdministrator = ['-x', '-H', url, '-D', administrator.dn, '-w', administrator.password]
  const modify = async (changes: string, ...more: string[]): Promise<void> => {
    const work = run('ldapmodify', [...asAdministrator, ...more], { env })
    work.child.stdin?.end(changes)
    await work
  }
  const add = (entries: readonly LdapEntry[]) => modify(ldif(entries), '-a')
  await modify(policy)
  await add([
    ...adTrunk,
    adPerson('latchkey', { unicodePwd: unicodePwd(service.password), userAccountControl: '66048' }),
    ...(options.entries ?? [])
  ])
  return {
    url,
    plainUrl: `ldap://${address}`,
    ca: certificates.ca,
    bind: service,
    suffix: adSuffix,
    add,
    modify,
    async read(dn, attribute) {
      const search = ['-LLL', '-o', 'ldif-wrap=no', '-b', dn, '-s', 'base', '(objectClass=*)', attribute]
      const { stdout } = await run('ldapsearch', [...asAdministrator, ...search], { env })
      const found = stdout.matchAll(new RegExp(`^${attribute}::? (.*)$`, 'gim'))
      return Array.from(found, ([, value = '']) => value)
    },
    async setPasswordTime(dn, at) {
      const fileTime = (BigInt(at.getTime()) + 11_644_473_600_000n) * 10_000n
      const change = `dn: ${dn}\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: ${fileTime}\n`
      await run(python, ['-c', setPasswordTime, settings, join(folder, 'private', 'sam.ldb'), change])
    },
    pause: () => void samba.kill('SIGSTOP'),
    resume: () => void samba.kill('SIGCONT')
  }
}
