import { createPublicKey, verify } from 'node:crypto'
import { jwtVerify } from 'jose'
import t from 'tap'
import type { Algorithm } from '../../src/tokens/key-store.ts'
import { generateKey } from '../../src/tokens/new-key.ts'
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
