import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { hasApache, hasPythonModule, pathOf } from './needs.ts'

/** What tests run, the Debian packages that have it, and the tests that are skipped without it. */
const executables = [
  { name: 'slapd', packageName: 'slapd', tests: 'LDAP' },
  { name: 'ldapadd', packageName: 'ldap-utils', tests: 'LDAP' },
  { name: 'ldapmodify', packageName: 'ldap-utils', tests: 'LDAP' },
  { name: 'mariadbd', packageName: 'mariadb-server', tests: 'MySQL' },
  { name: 'mariadb-install-db', packageName: 'mariadb-server', tests: 'MySQL' },
  { name: 'mariadb', packageName: 'mariadb-client', tests: 'MySQL' },
  { name: 'psql', packageName: 'postgresql', tests: 'PostgreSQL' },
  { name: 'openssl', packageName: 'openssl', tests: 'TLS' },
  { name: 'mkpasswd', packageName: 'whois', tests: 'crypt' },
  { name: 'htpasswd', packageName: 'apache2-utils', tests: 'Apache hash' },
  { name: 'nginx', packageName: 'nginx-light', tests: 'gateway' },
  { name: 'python3', packageName: 'python3', tests: 'Python' },
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

const mayInstall = pathOf('apt-get') !== undefined && (isRoot || pathOf('sudo') !== undefined)

if (missing().length > 0 && mayInstall) {
  try {
    install([...new Set(missing().flatMap(({ packageName }) => packageName.split(' ')))])
  } catch (error) {
    console.log(`That did not work: ${error instanceof Error ? error.message.trim() : String(error)}`)
  }
}
for (const { name, packageName, tests } of missing()) {
  console.log(`${name} is not here (Debian's ${packageName}): ${tests} tests that need it are skipped.`)
}
