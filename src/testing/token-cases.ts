import assert from 'node:assert/strict'
import type { ConformingTokens } from './conforming.ts'
import { odd } from './odd.ts'
import { type Cases, jwtType } from './subject.ts'

/** What holds of a backend that takes tokens. */
export function tokenCases({ token: good, tokenType = jwtType, wrong }: ConformingTokens): Cases {
  const presented = (token: string) => ({ kind: 'token', token, tokenType }) as const
  return {
    async 'accepts no token that is wrong'({ ask }) {
      for (const [name, token] of Object.entries(wrong)) {
        assert.notEqual((await ask(presented(token))).outcome, 'accepted', name)
      }
    },

    async 'accepts no good token that was changed'({ ask }) {
      const token = await good()
      const middle = Math.floor(token.length / 2)
      const changed = {
        'one that is longer': `${token}x`,
        'one that is shorter': token.slice(0, -1),
        'one without its middle': token.slice(0, middle) + token.slice(middle + 1),
        'another case': token.toUpperCase() === token ? token.toLowerCase() : token.toUpperCase(),
        'a space before it': ` ${token}`,
        'twice the same': `${token} ${token}`
      }
      for (const [name, text] of Object.entries(changed)) {
        assert.notEqual((await ask(presented(text))).outcome, 'accepted', name)
      }
    },

    async 'accepts nothing that is no text, empty, over-long or has a NUL'({ ask }) {
      const token = await good()
      for (const [name, given] of Object.entries(odd(token))) {
        assert.notEqual((await ask(presented(given))).outcome, 'accepted', name)
        const typed = { kind: 'token', token, tokenType: given } as const
        if (typeof given !== 'string') assert.equal((await ask(typed)).outcome, 'unknown', `${name} as a type`)
      }
    }
  }
}
