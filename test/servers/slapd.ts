import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Certificates } from './certificates.ts'
import { freePort } from './free-port.ts'
import { type LdapEntry, ldif, people, serviceAccount, suffix, trunk } from './ldap-fixtures.ts'
import { isListening, watchOver } from './lifetime.ts'

const administrator = { dn: `cn=admin,${suffix}`, password: 'admin' }

/** What kind of directory is wanted. */
export interface SlapdOptions {
  readonly tls?: Certificates
  /** How many people of `ldap-fixtures.ts` are there from the start. */
  readonly people?: number
  readonly entries?: readonly LdapEntry[]
  /** Whether searching needs no bind. */
  readonly anonymous?: boolean
  /** Whether everybody may change their own password. */
  readonly passwordsOfOneself?: boolean
  /** Whether everybody may read their own entry. */
  readonly entriesOfOneself?: boolean
  /** Further lines of slapd.conf: for the server, and for the database. */
  readonly settings?: readonly string[]
  readonly databaseSettings?: readonly string[]
  /** Keeps slapd's statistics, for `operations`. */
  readonly trace?: boolean
}

/** A real slapd in a temporary folder. */
export interface Slapd {
  readonly url: string
  /** Only with `tls`. */
  readonly tlsUrl: string
  readonly socketUrl: string
  readonly port: number
  readonly tlsPort: number
  /** The bare minimum of options of the backend `ldap`. */
  readonly bind: { readonly dn: string; readonly password: string }
  add(entries: readonly LdapEntry[]): Promise<void>
  /** Applies LDIF change records. */
  modify(changes: string): Promise<void>
  /** Stops answering, as a machine does that hangs: connections stay and new ones are accepted. */
  pause(): void
  resume(): void
  /** Ends at once, as in a crash. */
  kill(): Promise<void>
  /** Starts again on the same ports after `kill`. */
  start(): Promise<void>
  /** How many of these operations there were since the last call, with `trace`. */
  operations(): Promise<{ connections: number; binds: number; searches: number }>
}

const schemas = ['core', 'cosine', 'nis', 'inetorgperson']

const settingsOf = (folder: string, options: SlapdOptions): string => {
  const { tls, anonymous = false, passwordsOfOneself = false, entriesOfOneself = false } = options
  return [
    ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    'moduleload memberof',
    'moduleload ppolicy',
    `pidfile ${folder}/slapd.pid`,
    'threads 16',
    ...(tls
      ? [`TLSCertificateFile ${tls.cert}`, `TLSCertificateKeyFile ${tls.key}`, `TLSCACertificateFile ${tls.ca}`]
      : []),
    ...(options.settings ?? []),
    'database mdb',
    'maxsize 1073741824',
    'dbnosync',
    `suffix "${suffix}"`,
    `rootdn "${administrator.dn}"`,
    `rootpw ${administrator.password}`,
    `directory ${folder}/data`,
    'index objectClass,uid,cn,mail,entryUUID,member,uniqueMember,memberUid,gidNumber eq',
    `access to attrs=userPassword${passwordsOfOneself ? ' by self =wx' : ''} by anonymous auth by * none`,
    `access to *${entriesOfOneself ? ' by self read' : ''} by dn.exact="${serviceAccount.dn}" read by anonymous ${anonymous ? 'read' : 'none'} by * none`,
    ...(options.databaseSettings ?? []),
    ''
  ].join('\n')
}

const feed = async (command: string, args: readonly string[], input: string): Promise<void> => {
  const child = execFile(command, args)
  let said = ''
  child.stderr?.on('data', (text: string) => {
    said += text
  })
  child.stdin?.end(input)
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said}`)
}

/** Starts a throwaway slapd. It ends with the test, and also where the test's process is killed. */
export async function startSlapd(
  t: { teardown(end: () => Promise<void>): unknown },
  options: SlapdOptions = {}
): Promise<Slapd> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-slapd-'))
  await mkdir(join(folder, 'data'))
  const settings = join(folder, 'slapd.conf')
  await writeFile(settings, settingsOf(folder, options))
  const entries = [...trunk, ...people(options.people ?? 0)]
  await feed('/usr/sbin/slapadd', ['-q', '-f', settings], ldif(entries))

  const port = await freePort()
  const tlsPort = await freePort()
  const url = `ldap://127.0.0.1:${port}`
  const tlsUrl = `ldaps://127.0.0.1:${tlsPort}`
  const socketUrl = `ldapi://${encodeURIComponent(join(folder, 'ldapi'))}`
  const urls = [url, socketUrl, ...(options.tls ? [tlsUrl] : [])].join(' ')
  let slapd: ChildProcess | undefined
  let watch: ChildProcess | undefined
  let said = ''

  const start = async (): Promise<void> => {
    slapd = spawn('/usr/sbin/slapd', ['-f', settings, '-h', urls, '-d', options.trace ? 'stats' : '0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true
    })
    slapd.stderr?.on('data', (text) => {
      said += text
    })
    if (slapd.pid !== undefined) watch = watchOver(slapd.pid, folder)
    for (let tries = 0; !(await isListening(port)); tries += 1) {
      if (slapd.exitCode !== null || tries > 3000) throw new Error(`slapd does not start: ${said}`)
      await sleep(10)
    }
  }
  const kill = async (): Promise<void> => {
    watch?.kill('SIGKILL')
    if (slapd === undefined || slapd.exitCode !== null || slapd.signalCode !== null) return
    slapd.kill('SIGKILL')
    await once(slapd, 'exit')
  }
  t.teardown(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  const asAdministrator = ['-x', '-H', url, '-D', administrator.dn, '-w', administrator.password]
  const add = async (added: readonly LdapEntry[]) => feed('ldapadd', asAdministrator, ldif(added))
  const count = (text: string) => said.split(text).length - 1
  let before = { connections: 0, binds: 0, searches: 0 }
  /** What was done before is in the log when a connection of our own is; that one is not counted. */
  const everythingSaid = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    while (!said.includes(` ACCEPT from IP=127.0.0.1:${socket.localPort} `)) await sleep(5)
    said = said.replace(` ACCEPT from IP=127.0.0.1:${socket.localPort} `, ' ')
    socket.destroy()
  }

  await start()
  if (options.entries) await add(options.entries)
  return {
    url,
    tlsUrl,
    socketUrl,
    port,
    tlsPort,
    bind: serviceAccount,
    add,
    modify: (changes) => feed('ldapmodify', asAdministrator, changes),
    pause: () => void slapd?.kill('SIGSTOP'),
    resume: () => void slapd?.kill('SIGCONT'),
    kill,
    start,
    async operations() {
      await sleep(100)
      await everythingSaid()
      const now = { connections: count(' ACCEPT '), binds: count(' method=128'), searches: count(' SRCH base=') }
      const { connections, binds, searches } = before
      before = now
      return {
        connections: now.connections - connections,
        binds: now.binds - binds,
        searches: now.searches - searches
      }
    }
  }
}
