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
