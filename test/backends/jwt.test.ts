import { createHmac, createPublicKey, KeyObject, sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { CompactEncrypt, createLocalJWKSet, type JWK } from 'jose'
import t, { type Test } from 'tap'
import type { AuthenticateContext, Backend, Verdict } from '../../src/auth/backend.ts'
import type { BackendTools } from '../../src/auth/define-backend.ts'
import { soundClaims } from '../../src/backends/jwt/claims.ts'
import { claimAt, identityOf } from '../../src/backends/jwt/identity.ts'
import { jwtBackend } from '../../src/backends/jwt/index.ts'
import type { IssuerKeys } from '../../src/backends/jwt/keys.ts'
import type { JwtOptions } from '../../src/backends/jwt/options.ts'
import { BackendUnavailable, SlowDown } from '../../src/errors.ts'
import { type KeepingTimes, type Kept, keep } from '../../src/remote/kept.ts'
import { fakeBackendTools } from '../auth/fakes.ts'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { createCertificates } from '../servers/certificates.ts'
import { clientAtIssuer, type IssuerKey, issuerKey, signed, startIssuer, type TestIssuer } from '../servers/issuer.ts'

const keysUnavailable = { name: 'BackendUnavailable', message: 'backend other is unavailable: keys' }
const types = 'urn:ietf:params:oauth:token-type:'
const [key, other, rsa] = await Promise.all([issuerKey('one'), issuerKey('one'), issuerKey('rsa', 'RS256')])

function open(t: Test, options: Partial<JwtOptions> & { issuer: string }, tools: Partial<BackendTools> = {}): Backend {
  const backend = jwtBackend.open('other', { audiences: [clientAtIssuer], ...options }, fakeBackendTools(tools))
  t.teardown(() => backend.close?.())
  return backend
}

const context = (more: Partial<AuthenticateContext> = {}, ms = 1500): AuthenticateContext => ({
  signal: AbortSignal.timeout(ms),
  remainingMs: () => ms,
  log: { debug() {}, info() {}, warn() {}, error() {} },
  ...{ clientId: 'shop', ip: '192.0.2.1' },
  found: async () => {},
  verifyPassword: async () => false,
  ...more
})

const present = (backend: Backend, token: string, tokenType = `${types}jwt`, more: Partial<AuthenticateContext> = {}) =>
  backend.authenticate({ kind: 'token', token, tokenType }, context(more))

/** The outcome, with the reason where there is one. */
const said = (verdict: Verdict): string =>
  'reason' in verdict ? `${verdict.outcome}: ${verdict.reason}` : verdict.outcome
const outcome = async (...asked: Parameters<typeof present>) => said(await present(...asked))

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A token whose parts are written by hand, and signed by the right key whatever they say. */
function forged(header: unknown, claims: unknown, by: IssuerKey = key): string {
  const input = `${part(header)}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(input), {
    key: KeyObject.from(by.privateKey),
    dsaEncoding: 'ieee-p1363'
  })
  return `${input}.${signature.toString('base64url')}`
}

const now = (): number => Math.floor(Date.now() / 1000)
const hour = 3600

/** Each token that must not open the door, with what the backend says of it. */
async function mutations(
  issuer: TestIssuer
): Promise<Record<string, readonly [token: string, said: string, type?: string]>> {
  const iss = issuer.url
  const good = await issuer.token()
  const [head = '', body = '', signature = ''] = good.split('.')
  const claims = { iss, aud: clientAtIssuer, sub: 's', iat: now(), exp: now() + 600, email: 'ann@example.com' }
  const header = { alg: 'ES256', kid: 'one', typ: 'JWT' }
  const pem = createPublicKey({ key: key.jwk as JWK & Record<string, unknown>, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem'
  })
  const hmac = (secret: string | Buffer) => {
    const input = `${part({ alg: 'HS256', kid: 'one', typ: 'JWT' })}.${part(claims)}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const encrypted = await new CompactEncrypt(Buffer.from(good))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'JWT', iss })
    .encrypt(new Uint8Array(32))
  const changed = (name: string, value: unknown) => issuer.token({ [name]: value })
  const malformed = 'rejected: malformed'
  const wrongType = 'rejected: wrong-type'
  const signatureIsWrong = 'rejected: wrong-signature'
  return {
    empty: ['', 'unknown'],
    'not a token': ['x', 'unknown'],
    'two parts': [`${head}.${body}`, 'unknown'],
    'four parts': [`${good}.x`, 'unknown'],
    'no signature': [`${head}.${body}.`, 'unknown'],
    'a NUL behind it': [`${good}\u0000`, 'unknown'],
    'a line feed before it': [`\n${good}`, 'unknown'],
    'standard base64': [good.replace(/^../, '+/'), 'unknown'],
    'claims that are an array': [forged(header, [claims]), 'unknown'],
    'claims that are no JSON': [forged(header, '{'), 'unknown'],
    'claims that are not UTF-8': [
      `${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`,
      'unknown'
    ],
    huge: [await issuer.token({ more: 'x'.repeat(20_000) }), 'unknown'],
    encrypted: [encrypted, 'unknown'],
    'another issuer': [await issuer.token({ iss: 'https://elsewhere.example' }), 'unknown'],
    'the issuer with a slash': [await issuer.token({ iss: `${iss}/` }), 'unknown'],
    'an issuer in capitals': [await issuer.token({ iss: iss.toUpperCase() }), 'unknown'],
    'an array of issuers': [await issuer.token({ iss: [iss] }), 'unknown'],
    'no issuer': [await issuer.token({ iss: undefined }), 'unknown'],

    'alg none': [`${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.AA`, 'rejected: wrong-algorithm'],
    'alg None': [`${part({ alg: 'None', typ: 'JWT' })}.${part(claims)}.AA`, 'rejected: wrong-algorithm'],
    'HS256 with the public key as the secret': [hmac(String(pem)), 'rejected: wrong-algorithm'],
    'HS256 with the coordinates as the secret': [
      hmac(Buffer.from(String(key.jwk.x), 'base64url')),
      'rejected: wrong-algorithm'
    ],
    'an algorithm of another kind of key': [forged({ ...header, alg: 'RS256' }, claims), 'rejected: unknown-key'],
    'an algorithm that is not allowed': [forged({ ...header, alg: 'ES512' }, claims), 'rejected: wrong-algorithm'],
    'no algorithm': [forged({ kid: 'one', typ: 'JWT' }, claims), malformed],
    'an algorithm that is a number': [forged({ ...header, alg: 256 }, claims), malformed],
    'a signature of nobody': [
      `${head}.${body}.${signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
      signatureIsWrong
    ],
    'a shorter signature': [`${head}.${body}.${signature.slice(0, -4)}`, signatureIsWrong],
    'changed claims': [`${head}.${part({ ...claims, sub: 'bob' })}.${signature}`, signatureIsWrong],
    "another's key of the same kid": [await issuer.token({}, {}, other), signatureIsWrong],
    'a key in the header': [await issuer.token({}, { jwk: other.jwk }, other), signatureIsWrong],
    'an address of keys in the header': [
      await issuer.token({}, { jku: 'http://127.0.0.1:1/keys' }, other),
      signatureIsWrong
    ],
    'a certificate in the header': [
      await issuer.token({}, { x5u: 'http://127.0.0.1:1/x', x5c: ['AAAA'] }, other),
      signatureIsWrong
    ],
    'an unknown kid': [await issuer.token({}, { kid: 'two' }), 'rejected: unknown-key'],
    'a kid that is a path': [await issuer.token({}, { kid: '../../etc/passwd' }), 'rejected: unknown-key'],
    'an empty kid': [forged({ ...header, kid: '' }, claims), malformed],
    'a kid that is a number': [forged({ ...header, kid: 1 }, claims), malformed],
    'an extension that must be understood': [forged({ ...header, crit: ['x'], x: 1 }, claims), malformed],
    'critical extensions, none': [forged({ ...header, crit: [] }, claims), malformed],
    'an unencoded payload': [forged({ ...header, crit: ['b64'], b64: false }, claims), malformed],
    'b64 alone': [forged({ ...header, b64: true }, claims), malformed],
    'a compressed one': [forged({ ...header, zip: 'DEF' }, claims), malformed],
    'a token within the token': [forged({ ...header, cty: 'JWT' }, claims), malformed],

    'a logout token': [await issuer.token({}, { typ: 'logout+jwt' }), wrongType],
    'a proof of possession': [await issuer.token({}, { typ: 'dpop+jwt' }), wrongType],
    "a client's assertion": [await issuer.token({}, { typ: 'client-authentication+jwt' }), wrongType],
    'an answer of introspection': [await issuer.token({}, { typ: 'token-introspection+jwt' }), wrongType],
    'a type that is a number': [forged({ ...header, typ: 1 }, claims), wrongType],
    'a type in a list': [forged({ ...header, typ: ['JWT'] }, claims), wrongType],
    'an empty type': [forged({ ...header, typ: '' }, claims), wrongType],
    'an access token as an ID token': [await issuer.token({}, { typ: 'at+jwt' }), wrongType, `${types}id_token`],
    'a logout token of no type': [
      await changed('events', { 'http://schemas.openid.net/event/backchannel-logout': {} }),
      wrongType
    ],
    'bound to a key': [await changed('cnf', { jkt: 'x' }), 'rejected: bound-to-a-key'],
    'bound to nothing': [await changed('cnf', null), 'rejected: bound-to-a-key'],
    'for another actor': [await changed('may_act', { sub: 'another' }), 'rejected: wrong-actor'],

    'no audience': [await changed('aud', undefined), 'rejected: wrong-audience'],
    'another audience': [await changed('aud', 'else'), 'rejected: wrong-audience'],
    'no audience in a list': [await changed('aud', []), 'rejected: wrong-audience'],
    'an audience that is part of ours': [await changed('aud', clientAtIssuer.slice(0, -1)), 'rejected: wrong-audience'],
    'no audience in the list of an ID token': [
      await changed('aud', []),
      'rejected: wrong-audience',
      `${types}id_token`
    ],
    'a number among the audiences': [await changed('aud', [clientAtIssuer, 1]), 'rejected: wrong-audience'],
    'an audience that is an object': [await changed('aud', { [clientAtIssuer]: true }), 'rejected: wrong-audience'],
    'an ID token for others as well': [
      await changed('aud', [clientAtIssuer, 'else']),
      'rejected: wrong-audience',
      `${types}id_token`
    ],

    'no exp': [await changed('exp', undefined), malformed],
    'exp as text': [await changed('exp', `${now() + 600}`), malformed],
    'exp with a fraction': [await changed('exp', now() + 600.5), malformed],
    'exp without end': [forged(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400')), malformed],
    'exp beyond what is exact': [forged(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e300')), malformed],
    'a negative exp': [await changed('exp', -1), malformed],
    'exp null': [await changed('exp', null), malformed],
    expired: [await changed('exp', now() - 31), 'rejected: expired'],
    'no iat': [await changed('iat', undefined), malformed],
    'iat as text': [await changed('iat', `${now()}`), malformed],
    'iat in the future': [await changed('iat', now() + 60), 'rejected: not-yet-valid'],
    'too old': [await changed('iat', now() - hour), 'rejected: too-old'],
    'nbf as a list': [await changed('nbf', [now()]), malformed],
    'nbf in the future': [await changed('nbf', now() + 60), 'rejected: not-yet-valid'],
    'auth_time as a boolean': [await changed('auth_time', true), malformed],
    'auth_time in the future': [await changed('auth_time', now() + 60), 'rejected: not-yet-valid'],
    'a jti that is a number': [await changed('jti', 7), malformed],
    'an empty jti': [await changed('jti', ''), malformed],
    'a jti of 1025 characters': [await changed('jti', 'x'.repeat(1025)), malformed],
    'azp as a list': [await changed('azp', ['x']), malformed],
    'no subject': [await changed('sub', undefined), malformed],
    'an empty subject': [await changed('sub', ''), malformed],
    'a subject that is a number': [await changed('sub', 1), malformed],
    'a subject with a NUL': [await changed('sub', 'a\u0000'), malformed],
    'a subject of 256 bytes': [await changed('sub', 'x'.repeat(256)), malformed],
    'a user name of 321 characters': [await changed('preferred_username', 'x'.repeat(321)), malformed],
    'a user name that is a list': [await changed('preferred_username', ['ann']), malformed],
    'an e-mail that is an object': [await changed('email', { value: 'ann@example.com' }), malformed]
  }
}

t.test('a token that is not right in every part opens nothing', async (t) => {
  const issuer = await startIssuer(t, key)
  issuer.published = [key.jwk, rsa.jwk, { kty: 'oct', k: 'AAAA', kid: 'secret', alg: 'HS256' }]
  const backend = open(t, { issuer: issuer.url, algorithms: ['ES256', 'RS256'] })
  t.equal(await outcome(backend, await issuer.token()), 'accepted')
  const table = await mutations(issuer)
  t.ok(Object.keys(table).length >= 60)
  for (const [name, [token, expected, type]] of Object.entries(table))
    t.equal(await outcome(backend, token, type), expected, name)
  t.equal(issuer.fetched(), 1, 'and the keys were fetched once')

  const fine: Record<string, Promise<string>> = {
    'an audience among others': issuer.token({ aud: ['else', clientAtIssuer] }),
    'an access token': issuer.token({}, { typ: 'at+jwt' }),
    'its long name': issuer.token({}, { typ: 'application/AT+JWT' }),
    'no type': issuer.token({}, { typ: undefined }),
    'another key': issuer.token({}, {}, rsa),
    'just expired by another clock': issuer.token({ exp: now() - 20 }),
    'just born by another clock': issuer.token({ iat: now() + 20, nbf: now() + 20 }),
    'dates that say nothing': issuer.token({ nbf: 0, auth_time: 0 }),
    'a jti of 1024 characters': issuer.token({ jti: 'x'.repeat(1024) }),
    'a user name of 320 characters': issuer.token({ preferred_username: 'x'.repeat(320) }),
    'a subject of 255 bytes': issuer.token({ sub: 'x'.repeat(255) }),
    'for this actor': issuer.token({ may_act: { sub: 'shop' } })
  }
  for (const [name, token] of Object.entries(fine)) t.equal(await outcome(backend, await token), 'accepted', name)

  const nameless = await issuer.token({}, { kid: undefined })
  t.equal(await outcome(backend, nameless), 'accepted', 'the only key of its kind')
  const two = await startIssuer(t, key)
  two.published = [key.jwk, { ...other.jwk, kid: 'two' }]
  const which = await outcome(open(t, { issuer: two.url }), await two.token({}, { kid: undefined }))
  t.equal(which, 'rejected: unknown-key', 'not one of several')
})

t.test('the dates of a token, to the second', async (t) => {
  const base = { aud: 'us', iat: 1000, exp: 2000, auth_time: 1000 }
  const at = (
    nowSeconds: number,
    claims: object = {},
    limits: { maxAgeSeconds?: number; maxAuthAgeSeconds?: number } = {}
  ) =>
    soundClaims(
      { ...base, ...claims },
      { audiences: new Set(['us']), maxAgeSeconds: 5000, singleUse: false, ...limits },
      { tokenType: `${types}jwt`, clientId: 'shop', nowSeconds }
    )
  t.strictSame(at(1500), { exp: 2000, iat: 1000 })
  t.strictSame(at(2029.9, { jti: 'j' }), { exp: 2000, iat: 1000, jti: 'j' })
  t.equal(at(2030), 'expired')
  for (const date of ['iat', 'nbf', 'auth_time']) {
    t.type(at(1470, { [date]: 1500 }), 'object', date)
    t.equal(at(1469.9, { [date]: 1500 }), 'not-yet-valid', date)
  }
  t.type(at(1499.9, {}, { maxAgeSeconds: 500 }), 'object')
  t.equal(at(1500, {}, { maxAgeSeconds: 500 }), 'too-old')
  t.type(at(1499.9, { iat: 1400 }, { maxAuthAgeSeconds: 500 }), 'object')
  t.equal(at(1500, { iat: 1400 }, { maxAuthAgeSeconds: 500 }), 'too-old')
})

t.test('an ID token for all of our audiences; passwords and other kinds are not for it', async (t) => {
  const issuer = await startIssuer(t, key)
  const backend = open(t, { issuer: issuer.url, audiences: [clientAtIssuer, 'second'] })
  t.equal(
    await outcome(backend, await issuer.token({ aud: [clientAtIssuer, 'second'] }), `${types}id_token`),
    'accepted'
  )
  t.same(await backend.authenticate({ kind: 'password', username: 'ann', password: 'x' }, context()), {
    outcome: 'unknown'
  })
  t.equal(backend.identity, undefined, 'nobody can be asked for again')
})

t.test('claims become identity, permissions and groups', async (t) => {
  const issuer = await startIssuer(t, key)
  const claims: JwtOptions['claims'] = {
    subject: 'oid',
    username: 'upn',
    attributes: { department: 'org.unit', floor: 'floor' },
    permissions: { claim: 'realm_access.roles', prefix: 'shop.' },
    groups: { claim: 'groups', prefix: 'corp:' }
  }
  const backend = open(t, { issuer: issuer.url, claims })
  const token = await issuer.token({
    ...{ oid: 'object-1', upn: 'ann@corp', family_name: 'Other', name: 'Ann Other', floor: 3, org: { unit: 'HR' } },
    realm_access: { roles: ['editor', 'editor', 'no permission', 7, '', 'read:all'] },
    groups: 'staff  admins'
  })
  const verdict = await present(backend, token)
  if (verdict.outcome !== 'accepted') throw new Error(said(verdict))
  const { identity, proof } = verdict
  matchLists(t, identity, {
    subject: 'object-1',
    username: 'ann@corp',
    emails: ['ann@example.com'],
    emailVerified: true
  })
  t.same(identity.attributes, {
    ...{ firstName: 'Ann', lastName: 'Other', displayName: 'Ann Other', department: 'HR', floor: 3 }
  })
  t.equal(identity.isSuperuser, undefined)
  const expected = {
    grants: ['shop.editor', 'shop.read:all'].map((permission) => ({ permission, origin: 'claim of the last token' })),
    groups: ['corp:staff', 'corp:admins']
  }
  const asked = { subject: 'object-1' }
  t.same(await backend.permissions?.({ ...asked, identity }, context()), expected)
  const { remembered = '' } = identity
  t.same(
    await backend.permissions?.({ ...asked, remembered }, context()),
    expected,
    'and later, by what was remembered'
  )
  for (const odd of [
    '',
    'not json',
    'null',
    '{"permissions":["blog.add_post"]}',
    '{"permissions":5,"groups":[],"until":9e99}'
  ])
    t.same(await backend.permissions?.({ ...asked, remembered: odd }, context()), { grants: [] }, 'none of ours')
  const old = JSON.stringify({ ...JSON.parse(remembered), until: Date.now() - 1 })
  t.same(
    await backend.permissions?.({ ...asked, remembered: old }, context()),
    { grants: [] },
    'for as long as the proof holds'
  )
  t.same(await backend.permissions?.(asked, context()), { grants: [] })
  t.same(await backend.permissions?.({ subject: null }, context()), { grants: [] })
  t.ok(proof && proof.until <= Date.now() + hour * 1000 && proof.until > Date.now() + (hour - 10) * 1000)

  const grouped = await present(
    open(t, { issuer: issuer.url, claims: { groups: 'groups' } }),
    await issuer.token({ groups: ['staff'] })
  )
  t.match(grouped.outcome === 'accepted' && JSON.parse(grouped.identity.remembered ?? ''), { groups: ['staff'] })
  const bare = await present(open(t, { issuer: issuer.url }), await issuer.token({ groups: ['staff'] }))
  t.notOk(bare.outcome === 'accepted' && 'remembered' in bare.identity, 'nothing is mapped, nothing is remembered')

  const plain = open(t, { issuer: issuer.url, claims: { permissions: 'scope' } })
  const admin = await present(plain, await issuer.token({ scope: 'latchkey.change_user blog.add_post openid' }))
  t.same(admin.outcome === 'accepted' && JSON.parse(admin.identity.remembered ?? '').permissions, ['blog.add_post'])
})

t.test('a claim by its way through objects', async (t) => {
  const claims = {
    'a.b': { c: 1 },
    a: { b: { d: 2 }, list: ['x'], none: null, text: 'x' },
    other_access: { roles: ['admin'] }
  }
  const found = (path: string) => claimAt(claims, path)
  t.same(['a.b.c', 'a.b.d', 'a.list'].map(found), [1, 2, ['x']], 'names may hold dots themselves')
  for (const path of [
    'a.list.0',
    'a.text.length',
    'a.none.x',
    'a.b.c.toFixed',
    'a.',
    '.a',
    '',
    'b',
    'realm_access.roles',
    'a.constructor'
  ])
    t.equal(found(path), undefined, path)
  const nested = (depth: number): object => (depth === 0 ? { end: true } : { x: nested(depth - 1) })
  t.equal(claimAt({ ...nested(5) }, 'x.x.x.x.x.end'), true)
  t.equal(claimAt({ ...nested(6) }, 'x.x.x.x.x.x.end'), undefined, 'so deep and no deeper')
  t.strictSame(identityOf({ sub: 'u', ...claims, ...nested(5), deep: nested(6) })?.source, {
    ...{ sub: 'u', 'a.b.c': '1', 'a.b.d': '2', 'a.text': 'x' },
    'x.x.x.x.x.end': 'true'
  })
  const attributes = { text: 'text', yes: 'yes', count: 'count', list: 'list', none: 'none', odd: 'odd' }
  t.strictSame(
    identityOf({ sub: 'u', text: '', yes: false, count: 0, list: [1], none: null, odd: {} }, { attributes })
      ?.attributes,
    { text: '', yes: false, count: 0 }
  )
})

t.test('a service account of Kubernetes: keys in a file, names with dots', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'jwks.json')
  await writeFile(file, JSON.stringify({ keys: [key.jwk] }))
  const issuer = 'https://kubernetes.default.svc.cluster.local'
  const claims: JwtOptions['claims'] = {
    username: 'kubernetes.io.serviceaccount.name',
    attributes: { ns: 'kubernetes.io.namespace' }
  }
  const backend = open(t, { issuer, jwks: file, algorithms: ['ES256'], claims }, { baseFolder: folder })
  const workload = { namespace: 'shop', serviceaccount: { name: 'worker', uid: 'u-1' } }
  const sub = 'system:serviceaccount:shop:worker'
  const token = await signed(key, {
    ...{ iss: issuer, aud: [clientAtIssuer], sub, iat: now(), exp: now() + 600 },
    'kubernetes.io': workload
  })
  const verdict = await present(backend, token)
  matchLists(t, verdict, { identity: { subject: sub, username: 'worker', emails: [], attributes: { ns: 'shop' } } })
  t.match(verdict, { identity: { source: { 'kubernetes.io.serviceaccount.uid': 'u-1' } } })
  const inline = open(t, { issuer, jwks: { keys: [{ ...key.jwk }] }, algorithms: ['ES256'] })
  t.equal(await outcome(inline, token), 'accepted', 'and inline')
  const elsewhere = open(t, { issuer, jwks: 'none.json', algorithms: ['ES256'] }, { baseFolder: folder })
  await t.rejects(present(elsewhere, token), keysUnavailable)
})

t.test('over TLS: the authority must be trusted, keys rotate, an outage is survived', async (t) => {
  const folder = await temporaryFolder(t)
  const certificates = await createCertificates(folder)
  const issuer = await startIssuer(t, key, certificates)
  await t.rejects(present(open(t, { issuer: issuer.url }), await issuer.token()), keysUnavailable, 'nobody trusts it')
  const backend = open(t, { issuer: issuer.url, tls: { ca: certificates.ca } })
  t.same(backend.availability?.(), { state: 'closed', lastError: null, since: null })
  t.equal(await outcome(backend, await issuer.token()), 'accepted')
  const before = issuer.fetched()

  const next = await issuerKey('next')
  const strangers = await Promise.all(
    Array.from({ length: 100 }, async (_, at) => outcome(backend, await issuer.token({}, { kid: `k${at}` })))
  )
  t.same([...new Set(strangers)], ['rejected: unknown-key'])
  t.equal(issuer.fetched(), before, 'within the cool-down nobody makes us fetch')

  const fresh = open(t, { issuer: issuer.url, tls: { ca: certificates.ca } })
  issuer.published = [key.jwk, next.jwk]
  const both = await Promise.all(
    [issuer.token(), issuer.token({}, {}, next)].map(async (token) => outcome(fresh, await token))
  )
  t.same(both, ['accepted', 'accepted'])
  t.equal(issuer.fetched(), before + 1, 'one fetch for all who wait')

  await issuer.close()
  t.equal(await outcome(fresh, await issuer.token()), 'accepted', 'the last good keys do')
  const late = open(t, { issuer: issuer.url, tls: { ca: certificates.ca } })
  await t.rejects(async () => late.probe?.(context()), keysUnavailable)
  t.match(late.availability?.(), { state: 'half-open', lastError: 'keys' })
})

t.test('a key that is not there is looked for once more, and nothing is said where that can not be', async (t) => {
  const issuer = 'https://issuer.example'
  const next = await issuerKey('next')
  const keysOf = (...keys: JWK[]): IssuerKeys => ({ find: createLocalJWKSet({ keys }), algorithms: ['ES256'] })
  const knowing = (renewed: IssuerKeys, isCertain: boolean) => {
    let looked = 0
    const kept: Kept<IssuerKeys> = {
      current: async () => keysOf(key.jwk),
      async renewed() {
        looked++
        return { value: renewed, isCertain }
      },
      last: () => undefined,
      status: () => ({ lastError: isCertain ? null : new Error('down'), isFailing: !isCertain, since: null })
    }
    const handedOn = { of: () => kept } as unknown as NonNullable<BackendTools['handedOn']>
    return { backend: open(t, { issuer }, { handedOn }), looked: () => looked }
  }
  const by = (signer: IssuerKey, kid = signer.jwk.kid) =>
    signed(signer, { iss: issuer, aud: clientAtIssuer, sub: 'u-1', iat: now(), exp: now() + 600 }, { kid })

  const rotated = knowing(keysOf(key.jwk, next.jwk), true)
  t.equal(await outcome(rotated.backend, await by(key)), 'accepted')
  t.equal(await outcome(rotated.backend, await by(other)), 'rejected: wrong-signature')
  t.equal(rotated.looked(), 0, 'a key that is there is not looked for')
  t.equal(await outcome(rotated.backend, await by(next)), 'accepted')
  t.equal(await outcome(rotated.backend, await by(other, 'next')), 'rejected: wrong-signature')
  t.equal(rotated.looked(), 2)
  await t.resolves(async () => rotated.backend.probe?.(context()))

  t.equal(await outcome(knowing(keysOf(key.jwk), true).backend, await by(next)), 'rejected: unknown-key')
  const cut = knowing(keysOf(key.jwk), false).backend
  await t.rejects(present(cut, await by(next)), keysUnavailable, 'it may be there by now')
  t.equal(await outcome(cut, await by(key)), 'accepted')
  await t.rejects(async () => cut.probe?.(context()), keysUnavailable)
})

const answers: Record<string, NonNullable<TestIssuer['instead']>> = {
  'an error': (_request, response) => response.writeHead(500).end(),
  'a redirect': (_request, response) => response.writeHead(302, { location: 'https://example.com/' }).end(),
  'no JSON': (_request, response) => response.end('<html>'),
  'no keys': (_request, response) => response.end('{"keys": {}}'),
  'too much': (_request, response) => response.end(JSON.stringify({ keys: [], more: 'x'.repeat(300_000) })),
  'half an answer': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{', () => response.destroy())
  }
}

t.test('a key server that fails is an outage, never a wrong token; nothing of the token is told', async (t) => {
  for (const [name, instead] of Object.entries(answers)) {
    const issuer = await startIssuer(t, key)
    issuer.instead = instead
    const lines: string[] = []
    const tell = (...told: unknown[]) => void lines.push(inspect(told, { depth: 9 }))
    const log = { debug: tell, info: tell, warn: tell, error: tell }
    const backend = open(t, { issuer: issuer.url }, { log })
    const token = await issuer.token()
    const error = await present(backend, token).catch((error: unknown) => error)
    t.match(error, { reason: 'keys' }, name)
    t.equal(lines.length, 1)
    for (const secret of token.split('.')) t.notOk(`${inspect(error, { depth: 9 })}${lines}`.includes(secret), name)
    t.match(backend.availability?.(), { state: 'half-open', lastError: 'keys' })
    t.equal(
      await outcome(backend, await issuer.token({ iss: 'https://else.example' })),
      'unknown',
      'others are not held up'
    )
    const again = await present(backend, token).catch((error: unknown) => error)
    t.match(again, { reason: 'keys' })
    t.equal(lines.length, 1, 'nor is it asked again at once')
  }
})

t.test('a key server that hangs costs no more than the share of the backend', async (t) => {
  const issuer = await startIssuer(t, key)
  issuer.instead = () => {}
  const backend = open(t, { issuer: issuer.url })
  const token = await issuer.token()
  await t.rejects(
    backend.authenticate({ kind: 'token', token, tokenType: `${types}jwt` }, context({}, 200)),
    BackendUnavailable
  )
})

t.test('the discovery document must be of the issuer itself, and lead to keys that can be trusted', async (t) => {
  const causes: unknown[] = []
  const warn = ({ err }: { err?: Error }) => void causes.push(err?.message)
  const log = { debug() {}, info() {}, warn, error() {} }
  const certificates = await createCertificates(await temporaryFolder(t))
  const plain = await startIssuer(t, key)
  const unusable = 'the discovery document names no usable jwks_uri'
  const cases: Record<string, readonly [metadata: object, cause: string, tls?: boolean]> = {
    'another issuer': [{ issuer: 'https://elsewhere.example' }, 'the discovery document is of another issuer'],
    'no keys': [{ jwks_uri: undefined }, unusable],
    'keys in a list': [{ jwks_uri: [`${plain.url}/keys`] }, unusable],
    'keys in a file': [{ jwks_uri: 'file:///etc/passwd' }, unusable],
    'keys in plain text': [{ jwks_uri: 'http://keys.example.com/' }, unusable],
    'keys in plain text, of an issuer behind TLS': [{ jwks_uri: `${plain.url}/keys` }, unusable, true]
  }
  for (const [name, [metadata, cause, tls]] of Object.entries(cases)) {
    const issuer = await startIssuer(t, key, tls ? certificates : undefined)
    issuer.metadata = { ...metadata }
    const backend = open(t, { issuer: issuer.url, ...(tls && { tls: { ca: certificates.ca } }) }, { log })
    await t.rejects(present(backend, await issuer.token()), keysUnavailable, name)
    t.same(causes.splice(0), [cause], name)
  }
  const direct: Partial<JwtOptions> & { issuer: string } = {
    ...{ issuer: plain.url, jwks: `${plain.url}/keys`, algorithms: ['ES256'] }
  }
  t.equal(
    await outcome(open(t, direct), await plain.token()),
    'accepted',
    'without discovery, where the keys are known'
  )
  plain.published = [{ ...key.jwk, d: 'AAAA' }]
  t.equal(await outcome(open(t, direct), await plain.token()), 'rejected: unknown-key', 'no key that is not secret')
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'jwks.json'), JSON.stringify({ keys: [key.jwk], more: 'x'.repeat(256 * 1024) }))
  const large = open(t, { ...direct, jwks: 'jwks.json' }, { log, baseFolder: folder })
  await t.rejects(present(large, await plain.token()), keysUnavailable)
  t.same(causes, ['the key set is too large'])
  const issuer = await startIssuer(t, key)
  issuer.metadata = {}
  t.equal(
    await outcome(open(t, { issuer: issuer.url }), await issuer.token()),
    'rejected: wrong-algorithm',
    'RS256 it is then'
  )
  issuer.metadata = { id_token_signing_alg_values_supported: ['HS256', 'none'] }
  t.equal(await outcome(open(t, { issuer: issuer.url }), await issuer.token()), 'rejected: wrong-algorithm')
})

t.test('two issuers with one kid do not answer for each other, whatever is cached', async (t) => {
  const [one, two] = [await startIssuer(t, key), await startIssuer(t, other)]
  const [first, second] = [open(t, { issuer: one.url }), open(t, { issuer: two.url })]
  const outcomes = async () => [
    await outcome(first, await one.token()),
    await outcome(second, await two.token()),
    await outcome(first, await two.token()),
    await outcome(second, await one.token()),
    await outcome(first, await one.token({}, {}, other)),
    await outcome(second, await two.token({}, {}, key)),
    await outcome(first, await two.token({ iss: one.url }))
  ]
  const expected = ['accepted', 'accepted', 'unknown', 'unknown', ...Array(3).fill('rejected: wrong-signature')]
  t.same(await outcomes(), expected)
  t.same(await outcomes(), expected)
})

t.test('maxAge, maxAuthAge and singleUse', async (t) => {
  const issuer = await startIssuer(t, key)
  const strict = open(t, { issuer: issuer.url, maxAge: '1m', maxAuthAge: '5m' })
  t.equal(await outcome(strict, await issuer.token({ iat: now() - 61, auth_time: now() })), 'rejected: too-old')
  t.equal(await outcome(strict, await issuer.token()), 'rejected: too-old', 'nobody knows when the person was there')
  t.equal(await outcome(strict, await issuer.token({ auth_time: now() - 301 })), 'rejected: too-old')
  t.equal(await outcome(strict, await issuer.token({ auth_time: now() - 200 })), 'accepted')

  t.throws(() => open(t, { issuer: issuer.url, singleUse: true }), TypeError, 'not without a place to count')
  const used = new Map<string, number>()
  const singleUse = {
    async use(owner: string, id: string, until: number) {
      const isNew = !used.has(`${owner} ${id}`)
      used.set(`${owner} ${id}`, until)
      return isNew
    },
    wasUsed: async (owner: string, id: string) => used.has(`${owner} ${id}`)
  }
  const once = open(t, { issuer: issuer.url, singleUse: true }, { singleUse })
  const token = await issuer.token()
  const twice = await Promise.all([outcome(once, token), outcome(once, token)])
  t.same(twice.sort(), ['accepted', 'rejected: used-before'])
  t.ok(
    [...used.values()].every((until) => until > (now() + 600) * 1000),
    'remembered until it has expired for all clocks'
  )
  const rehearsal = { isRehearsal: true }
  const unused = await issuer.token()
  const rehearsed = [token, unused, unused].map((token) => present(once, token, `${types}jwt`, rehearsal))
  t.same(
    (await Promise.all(rehearsed)).map(({ outcome }) => outcome),
    ['rejected', 'accepted', 'accepted']
  )
  t.equal(await outcome(once, await issuer.token({ jti: undefined })), 'rejected: malformed')
  t.equal(used.size, 1)
  await t.rejects(
    present(once, await issuer.token(), `${types}jwt`, { found: () => Promise.reject(new SlowDown(5)) }),
    { code: 'slow_down' },
    'a locked account'
  )
  t.equal(used.size, 1, 'costs nobody a token')
})

t.test('what is kept: fresh, cooling down, stale, too old', async (t) => {
  const times: KeepingTimes = { freshMs: 1000, coolDownMs: 300, staleMs: 10_000, patienceMs: 50 }
  let at = 1_000_000
  let fetches = 0
  let answer = async () => `copy ${fetches}`
  const failures: unknown[] = []
  const kept = keep({
    fetch: () => {
      fetches++
      return answer()
    },
    ...{ failed: (error: unknown) => void failures.push(error), times, now: () => at }
  })
  t.same(await Promise.all([kept.current(), kept.current(), kept.renewed()]), [
    ...['copy 1', 'copy 1'],
    { value: 'copy 1', isCertain: true }
  ])
  at += 299
  await Promise.all(Array.from({ length: 1000 }, () => kept.renewed()))
  t.equal(fetches, 1, 'a thousand strangers within the cool-down')
  at += 1
  await Promise.all(Array.from({ length: 1000 }, () => kept.renewed()))
  t.equal(fetches, 2, 'and one fetch for all behind it')
  const down = new Error('down')
  answer = () => Promise.reject(down)
  at += 300
  t.same(await kept.renewed(), { value: 'copy 2', isCertain: false }, 'nobody can tell what is new')
  t.equal(await kept.current(), 'copy 2')
  t.match(kept.status(), { isFailing: true, lastError: down })
  at += 1000
  t.equal(await kept.current(), 'copy 2')
  t.equal(failures.length, 2)
  answer = () => new Promise(() => {})
  at += 1000
  t.equal(await kept.current(), 'copy 2', 'one that hangs is waited for a moment')
  at += 10_000
  await t.rejects(kept.current(AbortSignal.abort(down)), down, 'until it is too old')

  t.same(kept.last(), { value: 'copy 2', at: 1_000_300 })
  let heirFetches = 0
  const heir = keep({
    async fetch() {
      heirFetches++
      if (heirFetches === 1) throw down
      return 'copy of its own'
    },
    ...{ failed() {}, times, now: () => at, before: { value: 'copy of before', at } }
  })
  t.equal(await heir.current(), 'copy of before', 'handed on: good where nothing can be fetched')
  at += 300
  t.equal(await heir.current(), 'copy of its own', 'and fetched at once, however young it is')
  at += 10_000
  const late = keep({
    fetch: async () => Promise.reject(down),
    ...{ failed() {}, times, now: () => at, before: kept.last() }
  })
  await t.rejects(late.current(), { cause: down }, 'no longer than by itself')

  let tries = 0
  const never = keep({
    async fetch() {
      tries++
      throw down
    },
    ...{ failed() {}, times, now: () => at }
  })
  await t.rejects(never.current(), { cause: down })
  await t.rejects(never.current())
  at += 2999
  await t.rejects(never.current())
  t.equal(tries, 1)
  at += 1
  await t.rejects(never.current())
  t.equal(tries, 2)
})

t.test('what is kept: a clock that is set back keeps nothing for longer', async (t) => {
  let at = 1_000_000
  let fetches = 0
  const kept = keep({
    fetch: async () => ++fetches,
    ...{ failed() {}, now: () => at, times: { freshMs: 1000, coolDownMs: 300, staleMs: 10_000, patienceMs: 50 } }
  })
  t.equal(await kept.current(), 1)
  at = 0
  t.equal((await kept.renewed()).value, 2, 'fetched for who misses something')
  at = -500_000
  t.equal(await kept.current(), 3, 'and for all others')
})
