import assert from 'node:assert/strict'
import type { ConformingPasswords } from './conforming.ts'
import { odd } from './odd.ts'
import type { Cases, Subject } from './subject.ts'

type Typed = Partial<Pick<ConformingPasswords, 'username' | 'password'>>

/** What holds of a backend that takes passwords. */
export function passwordCases({ username, password, disabled }: ConformingPasswords): Cases {
  const outcome = async ({ ask }: Subject, typed: Typed): Promise<string> =>
    (await ask({ kind: 'password', username, password, ...typed })).outcome

  return {
    async 'rejects a wrong password'(subject) {
      assert.equal(await outcome(subject, { password: `${password}x` }), 'rejected', 'a longer one')
      assert.equal(await outcome(subject, { password: password.slice(0, -1) }), 'rejected', 'a shorter one')
    },

    async 'does not know a stranger, whatever the name holds'(subject) {
      for (const name of strangers(username)) assert.equal(await outcome(subject, { username: name }), 'unknown', name)
    },

    async 'accepts nothing that is no text, empty, over-long or has a NUL'(subject) {
      for (const [name, given] of Object.entries(odd(password))) {
        assert.notEqual(await outcome(subject, { password: given }), 'accepted', `${name} as a password`)
        assert.notEqual(await outcome(subject, { username: given }), 'accepted', `${name} as a name`)
      }
    },

    async 'looks an account up without a password'({ backend, context }) {
      if (!backend.lookUp) return
      assert.equal((await backend.lookUp(username, context())).outcome, 'accepted')
      assert.equal((await backend.lookUp('nobody-at-all@example.com', context())).outcome, 'unknown')
    },

    async 'denies a disabled account, which nobody learns without the password'(subject) {
      if (!disabled) return
      assert.equal(await outcome(subject, disabled), 'denied')
      assert.equal(await outcome(subject, { ...disabled, password: 'wrong' }), 'rejected')
    }
  }
}

const strangers = (username: string): readonly string[] => [
  ...['nobody-at-all@example.com', '*', `${username})(objectClass=*`, `${username}' OR '1'='1`],
  ...['{username}', '__proto__', 'constructor']
]
