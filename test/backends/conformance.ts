import { inspect } from 'node:util'
import type { Test } from 'tap'
import type { AuthenticateContext, Backend, PasswordCredentials } from '../../src/auth/backend.ts'
import type { Passwords } from '../../src/auth/ports.ts'
import { BackendUnavailable, SlowDown } from '../../src/errors.ts'

/** One backend that takes passwords, with somebody to log in. */
export interface Conforming {
  readonly backend: Backend
  readonly passwords: Passwords
  readonly username: string
  readonly password: string
  /** Somebody who is there, and disabled; absent: this type knows no such state. */
  readonly disabled?: { readonly username: string; readonly password: string }
  /** Makes the source unreachable; absent: there is nothing outside this process. */
  readonly breakSource?: () => Promise<void>
  /** What must never be seen in an error. */
  readonly secrets: readonly string[]
}

const timeoutMs = 3000

/** What every backend that takes passwords does, whatever is behind it. */
export async function conformanceOf(t: Test, open: (t: Test) => Promise<Conforming>): Promise<void> {
  const subject = await open(t)
  const { backend, username, password } = subject
  const found: string[] = []
  const context = (more: Partial<AuthenticateContext> = {}): AuthenticateContext => {
    const ends = performance.now() + timeoutMs
    return {
      signal: AbortSignal.timeout(timeoutMs),
      remainingMs: () => ends - performance.now(),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      clientId: 'test',
      ip: '192.0.2.1',
      found: async (account) => {
        found.push(account)
      },
      verifyPassword: subject.passwords.verify,
      ...more
    }
  }
  const ask = (given: Partial<PasswordCredentials>, more?: Partial<AuthenticateContext>) =>
    backend.authenticate({ kind: 'password', username, password, ...given }, context(more))
  const outcome = async (given: Partial<PasswordCredentials>): Promise<string> => (await ask(given)).outcome

  t.ok(backend.takes.includes('password'), 'takes passwords')
  const verdict = await ask({})
  if (verdict.outcome !== 'accepted') throw new Error(`the right password: ${verdict.outcome}`)
  const { identity } = verdict
  t.same(found, [identity.subject], 'says whom it found before it tries the password')
  t.ok(identity.subject.length > 0 && Buffer.byteLength(identity.subject) <= 255, 'a subject that can be kept')
  t.ok(identity.username.length > 0, 'a login name')
  t.match((await ask({})) as object, { identity: { subject: identity.subject } }, 'the same subject again')

  t.equal(await outcome({ password: `${password}x` }), 'rejected', 'a wrong password')
  t.equal(await outcome({ password: password.slice(0, -1) }), 'rejected', 'a shorter one')
  t.equal(await outcome({ username: 'nobody-at-all@example.com' }), 'unknown', 'a stranger')
  for (const [name, given] of Object.entries(odd(password))) {
    t.not(await outcome({ password: given }), 'accepted', `${name} as a password`)
    t.not(await outcome({ username: given }), 'accepted', `${name} as a name`)
  }
  for (const name of [
    '*',
    `${username})(objectClass=*`,
    `${username}' OR '1'='1`,
    '{username}',
    '__proto__',
    'constructor'
  ]) {
    t.equal(await outcome({ username: name }), 'unknown', `the name ${name}`)
  }

  const locked = new SlowDown(7)
  const refuse = { found: async () => Promise.reject(locked) }
  await t.rejects(ask({}, refuse), locked, 'a locked account: the error passes through, the password is not tried')

  const twenty = await Promise.all(
    Array.from({ length: 20 }, (_, at) => outcome(at % 2 === 0 ? {} : { password: 'wrong' }))
  )
  t.same(
    twenty,
    twenty.map((_, at) => (at % 2 === 0 ? 'accepted' : 'rejected')),
    'many at once do not meet'
  )
  t.same(
    await backend.authenticate({ kind: 'token', token: 'x', tokenType: 'y' }, context()),
    { outcome: 'unknown' },
    'credentials of another kind'
  )

  t.match(await backend.identity?.(identity.subject, context()), {
    state: 'present',
    identity: { subject: identity.subject }
  })
  t.match(await backend.identity?.('no-such-subject', context()), { state: 'gone' })
  if (backend.permissions) {
    t.match(await backend.permissions({ subject: identity.subject }, context()), { grants: Array })
    t.match(await backend.permissions({ subject: 'no-such-subject' }, context()), { grants: [] })
    t.match(await backend.permissions({ subject: null }, context()), { grants: [] }, 'nothing for the anonymous')
  }
  if (subject.disabled) {
    t.equal(await outcome(subject.disabled), 'denied', 'a disabled account')
    t.equal(
      await outcome({ ...subject.disabled, password: 'wrong' }),
      'rejected',
      'which nobody learns without the password'
    )
  }
  await backend.probe?.(context())
  if (subject.breakSource) {
    await subject.breakSource()
    const errors = await Promise.all(
      [
        () => ask({}),
        () => ask({ password: 'wrong' }),
        () => backend.identity?.(identity.subject, context()),
        () => backend.probe?.(context())
      ].map(async (question) =>
        Promise.resolve(question()).then(
          () => undefined,
          (error: unknown) => error
        )
      )
    )
    for (const error of errors) {
      t.ok(error instanceof BackendUnavailable, 'an outage is neither a wrong password nor a stranger')
      const seen = inspect(error, { depth: 20, showHidden: true })
      for (const secret of [password, ...subject.secrets]) t.notOk(seen.includes(secret), 'no secret in what it throws')
    }
  }
}

/** Values that no password and no name may be, whatever the types promise. */
function odd(password: string): Record<string, string> {
  const wrongTypes: Record<string, unknown> = {
    undefined: undefined,
    null: null,
    'a number': 1,
    'an object': { toString: () => password },
    'an array': [password],
    'a buffer': Buffer.from(password)
  }
  return {
    nothing: '',
    'a NUL': '\u0000',
    'a NUL and more': `\u0000${password}`,
    'something very long': password.repeat(10_000),
    ...(wrongTypes as Record<string, string>)
  }
}
