import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Servers stand in sbin, which is not on every user's PATH. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/libexec']

/** The file of an executable, or undefined where this machine does not have it. */
export const pathOf = (name: string): string | undefined =>
  folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/** For a test's `skip`: false where everything is there, otherwise what is missing. */
export const needs = (...names: string[]): string | false => {
  const missing = names.filter((name) => pathOf(name) === undefined)
  return missing.length > 0 && `needs ${missing.join(' and ')}, which this machine does not have`
}

/** The distribution's Python, which sees the distribution's modules; another one may come first on the PATH. */
export const python = '/usr/bin/python3'

/** Whether `import NAME` works there. */
export const hasPythonModule = (name: string): boolean => {
  try {
    execFileSync(python, ['-c', `import ${name}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** For a test's `skip`, as `needs`: the modules of Python. */
export const needsPython = (...names: string[]): string | false => {
  const missing = names.filter((name) => !hasPythonModule(name))
  return missing.length > 0 && `needs Python's ${missing.join(' and ')}, which this machine does not have`
}

/** Debian's Apache httpd with mod_auth_openidc. */
export const hasApache = (): boolean =>
  pathOf('apache2') !== undefined && existsSync('/usr/lib/apache2/modules/mod_auth_openidc.so')

/** Libraries of Debian's packages that are files rather than executables. */
export const libraries = {
  phpseclib: '/usr/share/php/phpseclib3/autoload.php',
  jackson: '/usr/share/java/jackson-databind.jar'
} as const

/** For a test's `skip`, as `needs`. */
export const needsLibrary = (name: keyof typeof libraries): string | false =>
  !existsSync(libraries[name]) && `needs ${name}, which this machine does not have`

/**
 * A GOPATH of Debian's sources that are unpacked here rather than installed: their packages depend on libsystemd's, which
 * would bring a newer systemd along.
 */
export const goPath = new URL('../../node_modules/.cache/debian/usr/share/gocode', import.meta.url).pathname

/** Whether Go finds go-oidc there. */
export const hasGoOidc = (): boolean => existsSync(join(goPath, 'src/github.com/coreos/go-oidc'))
