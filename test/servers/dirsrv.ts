import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Certificates, createCertificates } from './certificates.ts'
import { freePort } from './free-port.ts'
import { type LdapEntry, ldif, serviceAccount, suffix, trunk } from './ldap-fixtures.ts'
import { isListening, watchOver } from './lifetime.ts'
import { needs } from './needs.ts'

/** A real 389 Directory Server in a temporary folder, with the plugin memberOf and a password policy. */
export interface Dirsrv {
  readonly url: string
  readonly tlsUrl: string
  /** PEM file of the authority behind its certificate. */
  readonly ca: string
  /** The service account: may read, and nothing else. */
  readonly bind: { readonly dn: string; readonly password: string }
  add(entries: readonly LdapEntry[]): Promise<void>
  /** Applies LDIF change records as the directory's manager. */
  modify(changes: string): Promise<void>
  /** The values of an entry's attribute. */
  read(dn: string, attribute: string): Promise<string[]>
}

/** What makes another directory of it. */
export interface DirsrvOptions {
  readonly entries?: readonly LdapEntry[]
  /** Says of itself, and can keep in an entry, what FreeIPA's directory does, which is a 389 Directory Server. */
  readonly isFreeipa?: boolean
}

/** For a test's `skip`. */
export const needsDirsrv = (): string | false =>
  needs('ns-slapd', 'certutil', 'pk12util', 'openssl', 'ldapmodify', 'ldapsearch')

const manager = { dn: 'cn=Directory Manager', password: 'admin' }
const shared = '/usr/share/dirsrv'
const backend = 'userRoot'
const folders = ['lock', 'tmp', 'ldif', 'bak', 'run', 'inst', 'log', 'db']

const run = promisify(execFile)

/** Cheap to verify. */
const hashed = (password: string): string => {
  const salt = Buffer.from('latchkey')
  const digest = createHash('sha512').update(password).update(salt).digest()
  return `{SSHA512}${Buffer.concat([digest, salt]).toString('base64')}`
}

/** Three tries, and passwords that end and are remembered: what a test can meet in a second. */
const policy = [
  'passwordStorageScheme: SSHA512',
  'passwordLockout: on',
  'passwordMaxFailure: 3',
  'passwordExp: on',
  'passwordMaxAge: 8640000',
  'passwordWarning: 86400',
  'passwordCheckSyntax: on',
  'passwordMinLength: 8',
  'passwordMinCategories: 1',
  'passwordHistory: on'
]

/** The server's own template with its places filled in, as `dscreate` does it; without what that wants of systemd. */
async function settingsOf(folder: string, port: number, tlsPort: number, { isFreeipa }: DirsrvOptions) {
  const places = folders.map((name) => [`${name}_dir`, join(folder, name)])
  const values: Record<string, string> = {
    ...Object.fromEntries(places),
    ...{ config_dir: folder, cert_dir: folder, schema_dir: `${shared}/schema`, db_home_dir: join(folder, 'db') },
    ...{ fqdn: 'localhost', ds_port: String(port), ds_user: userInfo().username, rootdn: manager.dn, db_lib: 'bdb' },
    ...{ ldapi_enabled: 'off', ldapi_autobind: 'off', ldapi: join(folder, 'run', 'ldapi') },
    ds_passwd: [
      ...[hashed(manager.password), 'nsslapd-rootpwstoragescheme: SSHA512', 'nsslapd-listenhost: 127.0.0.1'],
      ...['nsslapd-security: on', 'nsslapd-securelistenhost: 127.0.0.1', `nsslapd-securePort: ${tlsPort}`, ...policy]
    ].join('\n')
  }
  const template = await readFile(`${shared}/data/template-dse.ldif`, 'utf8')
  return template
    .replaceAll(/%([a-z_]+)%/g, (_, name: string) => values[name] ?? '')
    .replace(/(cn: MemberOf Plugin\n(?:.+\n)*?nsslapd-pluginenabled: )off/, '$1on')
    .trimEnd()
    .concat('\n', ...(isFreeipa ? freeipaRoot : []))
}

/** A root DSE in the settings takes the place of the built-in one; what the server says of itself comes on top. */
const freeipaRoot = [
  ...['\n', 'dn: \n', 'objectClass: top\n', 'objectClass: extensibleObject\n', 'ipaDomainLevel: 1\n'],
  'aci: (targetattr != "aci") (version 3.0; acl "root"; allow (read, search) userdn = "ldap:///anyone";)\n'
]

const freeipaSchema = [
  "attributeTypes: ( 2.16.840.1.113730.3.8.19.2.2 NAME 'ipaDomainLevel' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
  "attributeTypes: ( 2.16.840.1.113730.3.8.3.1 NAME 'ipaUniqueID' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
  "objectClasses: ( 2.16.840.1.113730.3.8.4.99 NAME 'ipaObject' SUP top AUXILIARY MUST ipaUniqueID )"
]

const database: readonly LdapEntry[] = [
  [
    `cn=${backend},cn=ldbm database,cn=plugins,cn=config`,
    { objectClass: ['extensibleObject', 'nsBackendInstance'], cn: backend, 'nsslapd-suffix': suffix }
  ],
  [
    `cn="${suffix}",cn=mapping tree,cn=config`,
    {
      objectClass: ['extensibleObject', 'nsMappingTree'],
      cn: suffix,
      'nsslapd-state': 'backend',
      'nsslapd-backend': backend
    }
  ]
]

/** The service account reads everything but passwords; everybody may change their own. */
const access = [
  `(targetattr != "userPassword") (version 3.0; acl "service"; allow (read, search, compare) userdn = "ldap:///${serviceAccount.dn}";)`,
  '(targetattr = "userPassword") (version 3.0; acl "own password"; allow (write) userdn = "ldap:///self";)'
]

async function importCertificate(folder: string, { cert, key }: Certificates): Promise<void> {
  const bundle = join(folder, 'bundle.p12')
  await run('openssl', [
    'pkcs12',
    '-export',
    '-in',
    cert,
    '-inkey',
    key,
    '-name',
    'Server-Cert',
    '-out',
    bundle,
    '-passout',
    'pass:x'
  ])
  await run('certutil', ['-N', '-d', folder, '--empty-password'])
  await run('pk12util', ['-i', bundle, '-d', folder, '-W', 'x', '-K', ''])
}

/** Starts a throwaway directory (2 s). It ends with the test, and also where the test's process is killed. */
export async function startDirsrv(
  t: { teardown(end: () => Promise<void>): unknown },
  options: DirsrvOptions = {}
): Promise<Dirsrv> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-dirsrv-'))
  const [port, tlsPort] = [await freePort(), await freePort()]
  const certificates = await createCertificates(folder)
  for (const name of ['schema', ...folders]) await mkdir(join(folder, name))
  await importCertificate(folder, certificates)
  const schema = ['dn: cn=schema', ...(options.isFreeipa ? freeipaSchema : []), '']
  await writeFile(join(folder, 'schema', '99user.ldif'), schema.join('\n'))
  await copyFile(`${shared}/data/60kerberos.ldif`, join(folder, 'schema', '60kerberos.ldif'))
  await copyFile('/etc/dirsrv/config/slapd-collations.conf', join(folder, 'slapd-collations.conf'))
  await copyFile('/etc/dirsrv/config/certmap.conf', join(folder, 'certmap.conf'))
  await writeFile(join(folder, 'dse.ldif'), await settingsOf(folder, port, tlsPort, options))

  const server = spawn('/usr/sbin/ns-slapd', ['-D', folder, '-i', join(folder, 'run', 'pid'), '-d', '16384'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true
  })
  let said = ''
  server.stderr.on('data', (text) => {
    said += text
  })
  const watch = server.pid === undefined ? undefined : watchOver(server.pid, folder)
  t.teardown(async () => {
    watch?.kill('SIGKILL')
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGKILL')
      await once(server, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  })
  for (let tries = 0; !(await isListening(tlsPort)); tries += 1) {
    if (server.exitCode !== null || tries > 1500) throw new Error(`ns-slapd does not start: ${said}`)
    await sleep(20)
  }

  const url = `ldap://127.0.0.1:${port}`
  const asManager = ['-x', '-H', url, '-D', manager.dn, '-w', manager.password]
  const modify = async (changes: string, ...more: string[]): Promise<void> => {
    const work = run('ldapmodify', [...asManager, ...more])
    work.child.stdin?.end(changes)
    await work
  }
  const add = (entries: readonly LdapEntry[]) => modify(ldif(entries), '-a')
  const [[root, rootAttributes], ...rest] = trunk as readonly [LdapEntry, ...LdapEntry[]]
  await add([...database, [root, { ...rootAttributes, aci: access }], ...rest, ...(options.entries ?? [])])
  return {
    ...{ url, tlsUrl: `ldaps://127.0.0.1:${tlsPort}`, ca: certificates.ca, bind: serviceAccount, add, modify },
    async read(dn, attribute) {
      const search = ['-LLL', '-o', 'ldif-wrap=no', '-b', dn, '-s', 'base', '(objectClass=*)', attribute]
      const { stdout } = await run('ldapsearch', [...asManager, ...search])
      return Array.from(stdout.matchAll(new RegExp(`^${attribute}: (.*)$`, 'gim')), ([, value = '']) => value)
    }
  }
}
