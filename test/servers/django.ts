import { execFile } from 'node:child_process'
import { needsPython, python } from './needs.ts'

/** What Django says of a project's people. */
export interface DjangoProject {
  readonly users: Readonly<Record<string, { username: string; password: string; permissions: readonly string[] }>>
  /** Descriptions by name. */
  readonly permissions: Readonly<Record<string, string>>
}

/** Somebody as Django has them; `hasher` by its algorithm's name, no password: an unusable one. */
export interface DjangoPerson {
  readonly password?: string
  readonly hasher?: string
  readonly groups?: readonly string[]
  readonly permissions?: readonly string[]
  readonly [field: string]: unknown
}

/** What is to be in the database. */
export interface DjangoWorld {
  /** As in Django's DATABASES. */
  readonly database: Readonly<Record<string, string | number>>
  readonly codenames?: readonly string[]
  readonly groups?: Readonly<Record<string, readonly string[]>>
  readonly people: readonly DjangoPerson[]
  /** A folder with the application `club`, whose model `Member` is the user. */
  readonly userModel?: { readonly folder: string }
}

/** For a test's `skip`, as `needs`. */
export const needsDjango = (...more: string[]): string | false => needsPython('django', 'argon2', 'bcrypt', ...more)

const program = new URL('django-project.py', import.meta.url).pathname

/** A database that a real Django made, or that it adds to. */
export const djangoProject = (world: DjangoWorld): Promise<DjangoProject> =>
  new Promise((resolve, reject) => {
    const child = execFile(python, [program], { maxBuffer: 2 ** 26 }, (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout))
    )
    child.stdin?.end(JSON.stringify(world))
  })
