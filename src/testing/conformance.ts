import assert from 'node:assert/strict'
import type { AuthenticateContext, Backend, PasswordCredentials } from '../auth/backend.ts'
import type { Passwords } from '../auth/ports.ts'
import { openPasswords } from '../passwords/argon2.ts'
import { cases } from './cases.ts'

/** One backend that takes passwords, with somebody to log in. */
export interface Conforming {
  readonly backend: Backend
  /** What verifies stored hashes; the service's own unless set. */
  readonly passwords?: Passwords
  readonly username: string
  readonly password: string
  /** Somebody who is there, and disabled; absent: this type knows no such state. */
  readonly disabled?: { readonly username: string; readonly password: string }
  /** Makes the source unreachable; absent: there is nothing outside this process. */
  readonly breakSource?: () => Promise<unknown>
  /** What must never be seen in an error, beside the password. */
  readonly secrets?: readonly string[]
}

/** A test of any runner that can hold others: what `tap` and `node:test` call `t`, and what they export. */
export interface TestRunner {
  test(name: string, check: () => Promise<void>): PromiseLike<unknown>
}

/** What each case of the suite works with. */
export interface Subject extends Required<Pick<Conforming, 'username' | 'password' | 'secrets'>> {
  readonly backend: Backend
  readonly disabled: Conforming['disabled'] | undefined
  readonly breakSource: Conforming['breakSource'] | undefined
  /** Whom `context.found` was told of, over all questions. */
  readonly found: string[]
  context(more?: Partial<AuthenticateContext>): AuthenticateContext
  ask(given: Partial<PasswordCredentials>, more?: Partial<AuthenticateContext>): ReturnType<Backend['authenticate']>
  outcome(given: Partial<PasswordCredentials>): Promise<string>
}

const timeoutMs = 3000
/** The suite tells what a backend does, not how fast the machine is. */
const patienceMs = 60_000

/**
 * What every backend that takes passwords does, whatever is behind it: a case each, in order, the outage last. The backend
 * is closed at the end.
 * @param t the test that the cases are made in
 * @param open is called once
 */
export async function conformanceOf<Runner extends TestRunner>(
  t: Runner,
  open: (t: Runner) => Promise<Conforming>
): Promise<void> {
  const subject = await subjectOf(await open(t))
  try {
    for (const [name, check] of Object.entries(cases)) await t.test(name, () => check(subject))
  } finally {
    await subject.backend.close?.()
  }
}

async function subjectOf(given: Conforming): Promise<Subject> {
  const { backend, username, password, disabled, breakSource, secrets = [] } = given
  const passwords = given.passwords ?? (await openPasswords({ queueTimeoutMs: patienceMs }))
  const found: string[] = []
  const context = (more: Partial<AuthenticateContext> = {}): AuthenticateContext => {
    const ends = performance.now() + timeoutMs
    return {
      signal: AbortSignal.timeout(timeoutMs),
      remainingMs: () => Math.max(0, ends - performance.now()),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      clientId: 'test',
      ip: '192.0.2.1',
      found: async (account) => {
        found.push(account)
      },
      verifyPassword: passwords.verify,
      ...more
    }
  }
  const ask: Subject['ask'] = (asked, more) => {
    const answer = backend.authenticate({ kind: 'password', username, password, ...asked }, context(more))
    assert.equal(typeof answer?.then, 'function', 'authenticate answers a promise')
    return answer
  }
  const outcome = async (asked: Partial<PasswordCredentials>): Promise<string> => (await ask(asked)).outcome
  return { ...{ backend, username, password, disabled, breakSource, secrets, found }, context, ask, outcome }
}
