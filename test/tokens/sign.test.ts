import { createPublicKey, verify } from 'node:crypto'
import { jwtVerify } from 'jose'
import t from 'tap'
import type { Algorithm } from '../../src/tokens/key-store.ts'
import { generateKey } from '../../src/tokens/new-key.ts'
import { createSeal } from '../../src/tokens/seal.ts'
import { createSigner } from '../../src/tokens/sign.ts'

const signerOf = async (algorithm: Algorithm) => {
  const { key } = await generateKey(algorithm)
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { key: createPublicKey(key), sign: createSigner({ key: pem, algorithm, kid: 'one', typ: 'at+jwt' }) }
}

for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const)
  t.test(`another library verifies what ${algorithm} signs`, async (t) => {
    const { key, sign } = await signerOf(algorithm)
    const { payload, protectedHeader } = await jwtVerify(await sign({ sub: 'josé', n: 1 }), key)
    t.strictSame(protectedHeader, { alg: algorithm, typ: 'at+jwt', kid: 'one' })
    t.strictSame(payload, { sub: 'josé', n: 1 })
  })

// one number in 256 is shorter than 32 bytes, one in two begins with a zero that is not its own
t.test('each of 3,000 signatures with P-256 is R and S, 32 bytes each', async (t) => {
  const { key, sign } = await signerOf('ES256')
  const tokens = await Promise.all(Array.from({ length: 3000 }, (_, n) => sign({ n })))
  const wrong = tokens.filter((token) => {
    const [header, claims, signature = ''] = token.split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const input = Buffer.from(`${header}.${claims}`)
    return bytes.length !== 64 || !verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, bytes)
  })
  t.strictSame(wrong, [])
  const starts = tokens.map((token) => Buffer.from(token.split('.')[2] ?? '', 'base64url')[0])
  t.ok(starts.includes(0), 'a short number was among them')
})

t.test('what was sealed opens unchanged, with its own secret and for its own purpose, or not at all', async (t) => {
  const [secret, other] = ['a random text that has 32 bytes!', 'another text that has 32 bytes..']
  const seal = createSeal([other, secret], 'keys')
  const sealed = createSeal([secret], 'keys').seal('a text')
  t.equal(seal.open(sealed), 'a text')
  t.notOk(seal.isNewest(sealed))
  t.not(createSeal([secret], 'keys').seal('a text'), sealed, 'never the same twice')
  t.equal(createSeal([other], 'keys').open(sealed), undefined)
  t.equal(createSeal([secret], 'mails').open(sealed), undefined)
  const [version = '', iv = '', tag = '', body = ''] = sealed.split('.')
  const changed = (part: string) => `${part[0] === 'A' ? 'B' : 'A'}${part.slice(1)}`
  // a tag of four bytes is guessed
  const short = Buffer.from(tag, 'base64url').subarray(0, 4).toString('base64url')
  for (const parts of [
    ['v2', iv, tag, body],
    [version, changed(iv), tag, body],
    [version, iv, changed(tag), body],
    [version, iv, short, body],
    [version, iv, tag, changed(body)],
    [version, iv, tag],
    ['']
  ])
    t.equal(seal.open(parts.join('.')), undefined, parts.join('.'))
})
