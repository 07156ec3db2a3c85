import t from 'tap'
import { createVerifiedTokens } from '../../src/http/verified-tokens.ts'
import type { KeyRing } from '../../src/tokens/key-ring.ts'

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
const tokenOf = (kid: string, exp: unknown = Date.now() / 1000 + 60): readonly [string, object] => {
  const claims = { sub: kid, exp }
  return [`${encoded({ alg: 'ES256', typ: 'at+jwt', kid })}.${encoded(claims)}.c2ln`, claims]
}

function ring(kids: Set<string>): Pick<KeyRing, 'findKey'> {
  return { findKey: async (kid) => (kids.has(kid) ? { algorithm: 'ES256', pem: `pem of ${kid}` } : undefined) }
}

t.test('a good signature is remembered, and never more than it says', async (t) => {
  const kids = new Set(['a'])
  const verified = createVerifiedTokens(ring(kids))
  const [token, claims] = tokenOf('a')
  t.equal(await verified.claimsOf(token), undefined, 'nothing is known of a token that nobody verified')
  await verified.remember(token, claims)
  t.equal(await verified.claimsOf(token), claims)
  t.equal(await verified.claimsOf(`${token}x`), undefined, 'another signature is another token')
  kids.delete('a')
  await t.rejects(verified.claimsOf(token), { name: 'InvalidToken' }, 'its key is gone')
})

t.test('what has expired is not answered', async (t) => {
  const verified = createVerifiedTokens(ring(new Set(['a'])))
  for (const exp of [Date.now() / 1000 - 1, 'never', null, Number.NaN]) {
    const [token, claims] = tokenOf('a', exp)
    await verified.remember(token, claims)
    t.equal(await verified.claimsOf(token), undefined, String(exp))
  }
})

t.test('no more than a thousand are remembered', async (t) => {
  const verified = createVerifiedTokens(ring(new Set(['a'])))
  const tokens = Array.from({ length: 1001 }, (_, at) => tokenOf('a', Date.now() / 1000 + 60 + at))
  for (const [token, claims] of tokens) await verified.remember(token, claims)
  const known = await Promise.all(tokens.map(([token]) => verified.claimsOf(token)))
  t.same([known.filter(Boolean).length, known[0], known[1]], [1000, undefined, tokens[1]?.[1]])
})
