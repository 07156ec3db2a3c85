import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goPath, hasApache, hasGoOidc, hasPythonModule, libraries, pathOf } from './needs.ts'

/** What tests run, the Debian packages that have it, and the tests that are skipped without it. */
const executables = [
  { name: 'slapd', packageName: 'slapd', tests: 'LDAP' },
  { name: 'ldapadd', packageName: 'ldap-utils', tests: 'LDAP' },
  { name: 'ldapmodify', packageName: 'ldap-utils', tests: 'LDAP' },
  { name: 'mariadbd', packageName: 'mariadb-server', tests: 'MySQL' },
  { name: 'mariadb-install-db', packageName: 'mariadb-server', tests: 'MySQL' },
  { name: 'mariadb', packageName: 'mariadb-client', tests: 'MySQL' },
  { name: 'redis-server', packageName: 'redis-server', tests: 'Redis' },
  { name: 'psql', packageName: 'postgresql', tests: 'PostgreSQL' },
  { name: 'openssl', packageName: 'openssl', tests: 'TLS' },
  { name: 'mkpasswd', packageName: 'whois', tests: 'crypt' },
  { name: 'argon2', packageName: 'argon2', tests: 'static hash' },
  { name: 'htpasswd', packageName: 'apache2-utils', tests: 'Apache hash' },
  { name: 'nginx', packageName: 'nginx-light', tests: 'gateway' },
  { name: 'python3', packageName: 'python3', tests: 'Python' },
  { name: 'go', packageName: 'golang-go', tests: 'Go' },
  { name: 'php', packageName: 'php-cli', tests: 'PHP' },
  {
    name: 'samba',
    packageName: 'samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind krb5-user',
    tests: 'Active Directory'
  },
  { name: 'ns-slapd', packageName: '389-ds-base', tests: '389 Directory Server' }
]

/** Modules of Debian's own Python, likewise. */
const modules = [
  { name: 'django', packageName: 'python3-django', tests: 'Django' },
  { name: 'argon2', packageName: 'python3-argon2', tests: 'Django' },
  { name: 'bcrypt', packageName: 'python3-bcrypt', tests: 'Django' },
  { name: 'MySQLdb', packageName: 'python3-mysqldb', tests: 'Django on MariaDB' },
  { name: 'jwt', packageName: 'python3-jwt', tests: 'PyJWT' },
  { name: 'authlib', packageName: 'python3-authlib', tests: 'Authlib' },
  { name: 'requests', packageName: 'python3-requests', tests: 'Authlib' },
  { name: 'cryptography', packageName: 'python3-cryptography', tests: 'PyJWT and Authlib' }
]

/** Libraries, likewise. */
const files = [
  { name: 'phpseclib', file: libraries.phpseclib, packageName: 'php-phpseclib3', tests: 'PHP' },
  { name: 'jackson', file: libraries.jackson, packageName: 'libjackson2-databind-java', tests: 'Java' }
]

/** What is used where it is, and is too large to be brought for one test. */
const large = [{ name: 'javac', packageName: 'openjdk-17-jdk-headless', tests: 'Java' }]

/** Sources that Go compiles, unpacked into a folder of our own. */
const goSources = [
  ...['golang-github-coreos-go-oidc-dev', 'golang-gopkg-square-go-jose.v2-dev'],
  ...['golang-github-pquerna-cachecontrol-dev', 'golang-golang-x-oauth2-dev'],
  ...['golang-golang-x-crypto-dev', 'golang-golang-x-net-dev']
]

const isRoot = process.getuid?.() === 0

/** Runs a command as root, where that needs nobody to type a password. */
const asRoot = (command: string, ...args: string[]) => {
  const [file, rest] = isRoot ? [command, args] : ['sudo', ['-n', command, ...args]]
  execFileSync(file, rest, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Debian's packages start their services; invoke-rc.d asks this file whether they may (policy-rc.d: 101 forbids). */
const withoutServices = (work: () => void) => {
  const policy = '/usr/sbin/policy-rc.d'
  const mine = !existsSync(policy)
  if (mine) asRoot('sh', '-c', `printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}`)
  try {
    work()
  } finally {
    if (mine) asRoot('rm', '-f', policy)
  }
}

const missing = () => [
  ...executables.filter(({ name }) => pathOf(name) === undefined),
  ...modules.filter(({ name }) => !hasPythonModule(name)),
  ...files.filter(({ file }) => !existsSync(file)),
  ...(hasApache() ? [] : [{ name: 'mod_auth_openidc', packageName: 'libapache2-mod-auth-openidc', tests: 'Apache' }])
]

const install = (packages: readonly string[]) => {
  console.log(`Installing what tests need: ${packages.join(' ')}`)
  withoutServices(() => {
    asRoot('apt-get', 'update', '-qq')
    asRoot(
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      'install',
      '-y',
      '-qq',
      '--no-install-recommends',
      ...packages
    )
  })
}

const unpackGoSources = () => {
  const cwd = mkdtempSync(join(tmpdir(), 'latchkey-prepare-'))
  const folder = goPath.replace(/\/usr\/share\/gocode$/, '')
  mkdirSync(folder, { recursive: true })
  const download = () => execFileSync('apt-get', ['download', '-q', ...goSources], { cwd, stdio: 'ignore' })
  try {
    try {
      download()
    } catch {
      // Lists that are old name versions that are gone.
      asRoot('apt-get', 'update', '-qq')
      download()
    }
    for (const name of readdirSync(cwd)) execFileSync('dpkg-deb', ['-x', name, folder], { cwd })
  } finally {
    rmSync(cwd, { recursive: true })
  }
}

const attempt = (work: () => void) => {
  try {
    work()
  } catch (error) {
    console.log(`That did not work: ${error instanceof Error ? error.message.trim() : String(error)}`)
  }
}

const mayInstall = pathOf('apt-get') !== undefined && (isRoot || pathOf('sudo') !== undefined)

if (missing().length > 0 && mayInstall)
  attempt(() => install([...new Set(missing().flatMap(({ packageName }) => packageName.split(' ')))]))
if (!hasGoOidc() && pathOf('apt-get') !== undefined) attempt(unpackGoSources)
const absent = [
  ...missing(),
  ...large.filter(({ name }) => pathOf(name) === undefined),
  ...(hasGoOidc() ? [] : [{ name: 'go-oidc', packageName: goSources[0], tests: 'Go' }])
]
for (const { name, packageName, tests } of absent) {
  console.log(`${name} is not here (Debian's ${packageName}): ${tests} tests that need it are skipped.`)
}
