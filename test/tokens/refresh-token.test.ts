import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createRefreshTokens } from '../../src/tokens/refresh-token.ts'

const secret = 'x'.repeat(32)
const content = fc.record({ session: fc.uuid(), counter: fc.nat({ max: 2 ** 48 - 1 }) })

t.test('what was written is read, the same each time', async (t) => {
  const tokens = createRefreshTokens([secret])
  fc.assert(
    fc.property(content, (written) => {
      const token = tokens.issue(written)
      return (
        token === tokens.issue(written) &&
        /^[\w-]{72}$/.test(token) &&
        JSON.stringify(tokens.open(token)) === JSON.stringify(written)
      )
    })
  )
  t.pass()
})

t.test('no other text is a refresh token: not one bit, character or byte changed', async (t) => {
  const tokens = createRefreshTokens([secret])
  fc.assert(
    fc.property(content, fc.nat({ max: 71 }), fc.constantFrom(...'ABCxyz019-_=+/ \n'), (written, at, character) => {
      const token = tokens.issue(written)
      const changed = token.slice(0, at) + character + token.slice(at + 1)
      return changed === token || tokens.open(changed) === undefined
    })
  )
  fc.assert(fc.property(fc.string(), (text) => tokens.open(text) === undefined))
  const token = tokens.issue({ session: randomUUID(), counter: 0 })
  for (const other of [`${token}=`, ` ${token}`, token.slice(0, -1), `${token}A`, '', 'A'.repeat(72)]) {
    t.equal(tokens.open(other), undefined, other)
  }
})

t.test('a new secret signs, the old one is still read; a foreign one is not', async (t) => {
  const written = { session: randomUUID(), counter: 7 }
  const old = createRefreshTokens(['old'.repeat(11)]).issue(written)
  const both = createRefreshTokens(['new'.repeat(11), 'old'.repeat(11)])
  t.same(both.open(old), written)
  t.not(both.issue(written), old)
  t.equal(createRefreshTokens(['new'.repeat(11)]).open(old), undefined)
  t.throws(() => createRefreshTokens([]), TypeError)
})
