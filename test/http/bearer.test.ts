import { createHmac, sign as cryptoSign, generateKeyPairSync } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import t from 'tap'
import { createSeal } from '../../src/tokens/seal.ts'
import { claimsOf, openTestLatchkey } from '../latchkey.ts'
import { grantPermissions, setActive } from '../store/acts.ts'

const secret = 'a secret of at least thirty-two bytes'
const yaml = `
publicClient: true
secret: ${secret}
backends: [{ id: local, type: local }]
audiences:
  - { id: blog, permissions: ["blog.*"] }
  - { id: rsa, permissions: ["*"], algorithm: RS256 }
users: { attributes: { department: { type: string, claim: department }, hidden: { type: string } } }
permissions: { declare: { blog.add_post: x, shop.sell: y } }
`
const password = 'correct horse battery'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

t.test('every bad token is 401 invalid_token', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const id = await latchkey.addUser({ email: 'alice@example.com', password })
  const good = await latchkey.accessToken('alice@example.com', password)
  t.equal((await latchkey.userinfo(good)).statusCode, 200, 'the token that all others are made of is good')

  const [head = '', body = '', signature = ''] = good.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>
  const claims = claimsOf(good)
  const keys = await latchkey.store.keys.all()
  const es256 = keys.find(({ algorithm }) => algorithm === 'ES256')
  const rs256 = keys.find(({ algorithm }) => algorithm === 'RS256')
  const seal = createSeal([secret], 'signing keys')
  const pem = seal.open(es256?.sealed ?? '') ?? ''
  const rsaPem = seal.open(rs256?.sealed ?? '') ?? ''
  const publicPem = latchkey.tokens.keys.verificationKey(es256?.kid ?? '')?.pem ?? ''
  const now = Math.floor(Date.now() / 1000)

  const signRaw = (given: unknown, payload: unknown): string => {
    const input = `${encode(given)}.${encode(payload)}`
    return `${input}.${cryptoSign('sha256', Buffer.from(input), { key: pem, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const withClaims = (more: Record<string, unknown>): string => signRaw(header, { ...claims, ...more })
  const without = (name: string): string =>
    signRaw(header, Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)))
  const withHeader = (more: Record<string, unknown>): string => signRaw({ ...header, ...more }, claims)
  const hmac = (key: string): string => {
    const input = `${encode({ ...header, alg: 'HS256' })}.${body}`
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
  }
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'pem',
    type: 'pkcs8'
  })
  t.equal((await latchkey.userinfo(withClaims({}))).statusCode, 200, 'and so is one that this test signs itself')
  t.equal((await latchkey.userinfo(withClaims({ exp: now + 60 }))).statusCode, 200)

  const brief = withClaims({ exp: now + 2 })
  t.equal((await latchkey.userinfo(brief)).statusCode, 200)
  const mutations: Record<string, string> = {
    empty: '',
    'no dots': 'abc',
    'one dot': 'abc.def',
    'two empty parts': '..',
    'four parts': `${good}.x`,
    'five parts, as a JWE': `${good}.x.y`,
    'a space inside': `${head}. ${body}.${signature}`,
    'no signature': `${head}.${body}.`,
    'no payload': `${head}..${signature}`,
    'no header': `.${body}.${signature}`,
    'a signature that is not base64url': `${head}.${body}.!!!`,
    'a signature of one letter': `${head}.${body}.A`,
    'a signature cut short': `${head}.${body}.${signature.slice(0, -8)}`,
    'a signature with more behind': `${head}.${body}.${signature}AAAA`,
    'a bit changed in the signature': `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'a signature of zeros': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'a DER signature': `${head}.${body}.${cryptoSign('sha256', Buffer.from(`${head}.${body}`), pem).toString('base64url')}`,
    'other claims under the signature': `${head}.${encode({ ...claims, sub: 'x' })}.${signature}`,
    'alg none': `${encode({ ...header, alg: 'none' })}.${body}.`,
    'alg none with a signature': `${encode({ ...header, alg: 'none' })}.${body}.${signature}`,
    'alg NoNe': `${encode({ ...header, alg: 'NoNe' })}.${body}.`,
    'HS256 with the public key': hmac(publicPem),
    'HS256 with the kid': hmac(String(header.kid)),
    'alg of another key': withHeader({ alg: 'RS256' }),
    'alg unknown': withHeader({ alg: 'XX999' }),
    'alg a number': withHeader({ alg: 1 }),
    'alg missing': withHeader({ alg: undefined }),
    'kid unknown': withHeader({ kid: 'unknown' }),
    'kid missing': withHeader({ kid: undefined }),
    'kid a number': withHeader({ kid: 7 }),
    'kid of another key of ours': withHeader({ kid: rs256?.kid }),
    'kid __proto__': withHeader({ kid: '__proto__' }),
    'typ missing': withHeader({ typ: undefined }),
    'typ of a refresh token': withHeader({ typ: 'rt+jwt' }),
    'typ of a logout token': withHeader({ typ: 'logout+jwt' }),
    'typ a number': withHeader({ typ: 1 }),
    'crit unknown': withHeader({ crit: ['exp2'], exp2: 1 }),
    'crit empty': withHeader({ crit: [] }),
    'crit a text': withHeader({ crit: 'x' }),
    'a stranger key with our kid': createSigner({
      key: String(stranger),
      algorithm: 'ES256',
      kid: String(header.kid),
      header: { alg: 'ES256', typ: 'at+jwt' }
    })(claims),
    'a stranger key in the header': withHeader({ jwk: { kty: 'EC' }, kid: undefined }),
    'RS256 with the ES256 kid': createSigner({
      key: rsaPem,
      algorithm: 'RS256',
      kid: String(header.kid),
      header: { alg: 'RS256', typ: 'at+jwt' }
    })(claims),
    'a header that is no JSON': `${encode('{')}.${body}.${signature}`,
    'a header that is an array': signRaw([], claims),
    'a header that is null': signRaw('null', claims),
    'a payload that is no JSON': signRaw(header, '{'),
    'a payload that is an array': signRaw(header, [claims]),
    'a payload that is null': signRaw(header, 'null'),
    'a payload that is a text': signRaw(header, '"x"'),
    'a payload that is a number': signRaw(header, '1'),
    'iss foreign': withClaims({ iss: 'https://evil.example.com' }),
    'iss missing': without('iss'),
    'iss a list': withClaims({ iss: [claims.iss] }),
    'aud foreign': withClaims({ aud: 'https://other.example.com' }),
    'aud missing': without('aud'),
    'aud a list': withClaims({ aud: [claims.aud] }),
    'exp past': withClaims({ exp: now - 1 }),
    'exp now': withClaims({ exp: now }),
    'exp missing': without('exp'),
    'exp a text': withClaims({ exp: String(now + 600) }),
    'exp for ever': signRaw(header, JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e400')),
    'exp a fraction': withClaims({ exp: now + 600.5 }),
    'exp null': withClaims({ exp: null }),
    'exp a list': withClaims({ exp: [now + 600] }),
    'exp negative': withClaims({ exp: -1 }),
    'exp beyond all integers': withClaims({ exp: 1e300 }),
    'iat future': withClaims({ iat: now + 3600 }),
    'iat missing': without('iat'),
    'iat a text': withClaims({ iat: 'now' }),
    'nbf future': withClaims({ nbf: now + 3600 }),
    'nbf a text': withClaims({ nbf: 'x' }),
    'sub missing': without('sub'),
    'sub empty': withClaims({ sub: '' }),
    'sub a number': withClaims({ sub: 1 }),
    'sub of nobody': withClaims({ sub: '01900000-0000-7000-8000-000000000000' }),
    'sub in capitals': withClaims({ sub: id.toUpperCase() }),
    'jti missing': without('jti'),
    'client_id missing': without('client_id'),
    'backend missing': without('backend'),
    'an ID token': signRaw(
      { ...header, typ: 'JWT' },
      { iss: claims.iss, sub: id, aud: claims.aud, iat: now, exp: now + 60 }
    )
  }
  t.ok(Object.keys(mutations).length >= 40, `${Object.keys(mutations).length} mutations`)
  for (const [name, token] of Object.entries(mutations)) {
    const answer = await latchkey.userinfo(token)
    const { 'www-authenticate': challenge } = answer.headers
    t.equal(answer.statusCode, 401, `${name}: ${answer.body}`)
    t.equal(challenge, 'Bearer error="invalid_token", realm="latchkey"', name)
    t.same(answer.json(), { error: 'invalid_token', error_description: 'The access token is not valid' }, name)
  }
  for (const authorization of [undefined, '', 'Basic YTpi', 'Digest x', good]) {
    const answer = await latchkey.app.inject({
      url: '/userinfo',
      headers: authorization === undefined ? {} : { authorization }
    })
    t.equal(answer.statusCode, 401)
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="latchkey"', `no token: ${authorization?.slice(0, 10)}`)
  }
  const inQuery = await latchkey.app.inject(`/userinfo?access_token=${good}`)
  t.equal(inQuery.statusCode, 401, 'a token in the query string counts for nothing')
  t.notOk(latchkey.log().includes('"level":"error"'), 'and none of it is an error of ours')
  while (Date.now() / 1000 < now + 2.1) await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal((await latchkey.userinfo(brief)).statusCode, 401, 'a signature that was good before outlives no date')
})

t.test('/userinfo', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const { userinfo, accessToken, store } = latchkey
  const id = await latchkey.addUser({
    email: 'alice@example.com',
    password,
    permissions: ['blog.add_post', 'shop.sell']
  })
  const token = await accessToken('alice@example.com', password)
  const answer = await userinfo(token)
  t.match(answer.headers, { 'cache-control': 'no-store', pragma: 'no-cache' })
  t.match(answer.json(), {
    sub: id,
    email: 'alice@example.com',
    email_verified: true,
    backend: 'local',
    permissions: ['blog.add_post', 'shop.sell'],
    groups: [],
    updated_at: Number
  })
  const post = await latchkey.app.inject({
    method: 'POST',
    url: '/userinfo',
    headers: { authorization: `bearer ${token}` }
  })
  t.same(post.json(), answer.json(), 'POST, and the scheme in any case')
  const blog = await accessToken('alice@example.com', password, { audience: 'blog' })
  t.same((await userinfo(blog)).json().permissions, ['blog.add_post'], 'whatever its audience, filtered by it')
  const narrow = await accessToken('alice@example.com', password, { scope: 'shop.*' })
  t.same((await userinfo(narrow)).json().permissions, ['shop.sell'], 'and by its scope')
  t.equal((await userinfo(await accessToken('alice@example.com', password, { audience: 'rsa' }))).statusCode, 200)

  await grantPermissions(store, id, ['blog.change_post'])
  t.ok((await userinfo(token)).json().permissions.includes('blog.change_post'), 'the permissions of now')
  await setActive(store, id, false, Date.now())
  t.equal((await userinfo(token)).statusCode, 401, 'inactive')
  await setActive(store, id, true, Date.now())
  t.equal((await userinfo(token)).statusCode, 401, 'what was issued before stays dead')
  t.equal((await userinfo(await accessToken('alice@example.com', password))).statusCode, 200)
})
