import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PendingWrite } from '../../src/auth/audit.ts'
import type { NewUser, UserIdentity } from '../../src/auth/user-store.ts'
import { openStore, type Store } from '../../src/store/index.ts'

/** A database of one dialect: a store over it, and statements past the store. */
export interface World {
  readonly url: string
  readonly store: Store
  sql(statements: string): Promise<unknown>
}

/** A log that nobody reads. */
export const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Opens a store that says nothing. */
export const open = (url: string): Promise<Store> => openStore({ url, log: silent })

/** 2026-01-01. */
export const at = 1_767_225_600_000

/** Does what was put together to be written with an event; whether it could be. */
export const written = async ({ audit }: Store, write: PendingWrite): Promise<boolean> =>
  (await audit.append([], [write])) === undefined

/** A user to be created, of whom only the e-mail matters. */
export const newUser = (email: string, other: Partial<NewUser> = {}): NewUser => ({
  email,
  emailVouched: true,
  attributes: { displayName: email },
  ownAttributes: {},
  isSuperuser: false,
  passwordHash: null,
  lastLoginAt: null,
  at,
  ...other
})

/** An identity of which only the backend and the subject matter. */
export const identity = (backend: string, subject: string, other: Partial<UserIdentity> = {}): UserIdentity => ({
  backend,
  subject,
  username: subject,
  attributes: {},
  isSuperuser: false,
  lastSeenAt: at,
  ...other
})

/**
 * Another process with a store of its own: says when it stands ready, creates users when told `go`, and answers what came
 * out. See store-process.ts.
 */
export const startProcess = async (...args: string[]) => {
  const file = fileURLToPath(new URL('store-process.ts', import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => (await lines.next()).value ?? 'the process ended'
  const exited = once(child, 'exit')
  return {
    line,
    go: () => child.stdin.write('go\n'),
    async ended(): Promise<number> {
      child.stdin.end()
      const [code] = await exited
      return code
    }
  }
}
