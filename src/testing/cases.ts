import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Identity } from '../auth/backend.ts'
import { BackendUnavailable, SlowDown } from '../errors.ts'
import { identityCheck, permissionCheck } from '../own-backends/answers.ts'
import type { Subject } from './conformance.ts'

type Case = (subject: Subject) => Promise<void>

/** The suite: what is said of the backend, and how it is tried. */
export const cases: Readonly<Record<string, Case>> = {
  async 'takes passwords'({ backend }) {
    assert.ok(backend.takes.includes('password'))
  },

  async 'accepts the right password, and says whom it found before it tries it'(subject) {
    const before = subject.found.length
    const identity = await identityOf(subject)
    assert.deepEqual(subject.found.slice(before), [identity.subject])
    assert.equal((await identityOf(subject)).subject, identity.subject, 'the same subject again')
  },

  async 'gives an identity that can be kept'(subject) {
    assert.equal(identityCheck(withoutUser(await identityOf(subject)), 'identity'), undefined)
  },

  async 'rejects a wrong password'({ outcome, password }) {
    assert.equal(await outcome({ password: `${password}x` }), 'rejected', 'a longer one')
    assert.equal(await outcome({ password: password.slice(0, -1) }), 'rejected', 'a shorter one')
  },

  async 'does not know a stranger, whatever the name holds'({ outcome, username }) {
    for (const name of strangers(username)) assert.equal(await outcome({ username: name }), 'unknown', name)
  },

  async 'accepts nothing that is no text, empty, over-long or has a NUL'({ outcome, password }) {
    for (const [name, given] of Object.entries(odd(password))) {
      assert.notEqual(await outcome({ password: given }), 'accepted', `${name} as a password`)
      assert.notEqual(await outcome({ username: given }), 'accepted', `${name} as a name`)
    }
  },

  async 'lets the error of a locked account pass, and does not try the password'({ ask }) {
    const locked = new SlowDown(7)
    const refuse = {
      found: async () => Promise.reject(locked),
      verifyPassword: async () => assert.fail('the password was tried')
    }
    await assert.rejects(ask({}, refuse), (error) => error === locked)
  },

  async 'answers many at once without mixing them up'({ outcome }) {
    const asked = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? {} : { password: 'wrong' }))
    const wanted = asked.map((_, at) => (at % 2 === 0 ? 'accepted' : 'rejected'))
    assert.deepEqual(await Promise.all(asked.map(outcome)), wanted)
  },

  async 'leaves credentials of another kind to others'({ backend, context }) {
    if (backend.takes.includes('token')) return
    const credentials = { kind: 'token', token: 'x', tokenType: 'y' } as const
    assert.deepEqual(await backend.authenticate(credentials, context()), { outcome: 'unknown' })
  },

  async 'tells an account again by its subject'(subject) {
    const { backend, context } = subject
    if (!backend.identity) return
    const { subject: id } = await identityOf(subject)
    const answer = await backend.identity(id, context())
    if (answer.state !== 'present') assert.fail(`the account is ${answer.state}`)
    assert.equal(identityCheck(withoutUser(answer.identity), 'identity'), undefined)
    assert.equal(answer.identity.subject, id)
    assert.equal((await backend.identity('no-such-subject', context())).state, 'gone')
  },

  async 'looks an account up without a password'({ backend, context, username }) {
    if (!backend.lookUp) return
    assert.equal((await backend.lookUp(username, context())).outcome, 'accepted')
    assert.equal((await backend.lookUp('nobody-at-all@example.com', context())).outcome, 'unknown')
  },

  async 'tells permissions, and none of a stranger or of nobody'(subject) {
    const { backend, context } = subject
    if (!backend.permissions) return
    const { subject: id } = await identityOf(subject)
    assert.equal(permissionCheck(await backend.permissions({ subject: id }, context()), ''), undefined)
    for (const nobody of ['no-such-subject', null]) {
      assert.deepEqual((await backend.permissions({ subject: nobody }, context())).grants, [])
    }
  },

  async 'denies a disabled account, which nobody learns without the password'({ disabled, outcome }) {
    if (!disabled) return
    assert.equal(await outcome(disabled), 'denied')
    assert.equal(await outcome({ ...disabled, password: 'wrong' }), 'rejected')
  },

  async 'answers when it is asked whether it does'({ backend, context }) {
    await backend.probe?.(context())
  },

  async 'takes an outage for neither a wrong password nor a stranger, and gives nothing away'(subject) {
    const { backend, context, ask, breakSource, secrets, password } = subject
    if (!breakSource) return
    const { subject: id } = await identityOf(subject)
    await breakSource()
    const questions = [
      () => ask({}),
      () => ask({ password: 'wrong' }),
      ...(backend.identity ? [async () => backend.identity?.(id, context())] : []),
      ...(backend.probe ? [async () => backend.probe?.(context())] : [])
    ]
    for (const question of questions) {
      const error = await question().then(
        () => undefined,
        (thrown: unknown) => thrown
      )
      assert.ok(error instanceof BackendUnavailable, `expected BackendUnavailable, not ${inspect(error, { depth: 0 })}`)
      const seen = inspect(error, { depth: 20, showHidden: true })
      for (const secret of [password, ...secrets]) assert.ok(!seen.includes(secret), 'a secret stands in the error')
    }
  }
}

async function identityOf({ ask }: Subject): Promise<Identity> {
  const verdict = await ask({})
  if (verdict.outcome !== 'accepted') assert.fail(`the right password: ${verdict.outcome}`)
  return verdict.identity
}

/** The backend `local` alone says whose the identity is. */
const withoutUser = ({ userId: _own, ...identity }: Identity): Identity => identity

const strangers = (username: string): readonly string[] => [
  ...['nobody-at-all@example.com', '*', `${username})(objectClass=*`, `${username}' OR '1'='1`],
  ...['{username}', '__proto__', 'constructor']
]

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
