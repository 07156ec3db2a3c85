import fc from 'fast-check'
import t from 'tap'
import type { Identity } from '../../src/auth/backend.ts'
import { canonicalEmail, emailOf } from '../../src/auth/email.ts'
import { fakeLink } from './fakes.ts'

t.test('the canonical spelling', async (t) => {
  const table: ReadonlyArray<readonly [given: string, canonical: string | undefined]> = [
    ['alice@example.com', 'alice@example.com'],
    ['  Alice@EXAMPLE.com ', 'alice@example.com'],
    ['ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ', 'alice@example.com'],
    ['josé@example.com', 'josé@example.com'],
    ['josé@example.com', 'josé@example.com'],
    ['x@bücher.example', 'x@xn--bcher-kva.example'],
    ['x@faß.example', 'x@xn--fa-hia.example'],
    ['x@XN--BCHER-KVA.example', 'x@xn--bcher-kva.example'],
    ["o'neil+tag@example.com", "o'neil+tag@example.com"],
    ['root@localhost', 'root@localhost'],
    ['a..b@example.com', 'a..b@example.com'],
    ['ALİCE@example.com', 'ali̇ce@example.com'],
    ['alice', undefined],
    ['@example.com', undefined],
    ['alice@', undefined],
    ['a@b@example.com', undefined],
    ['a﹫b@example.com', undefined],
    ['alice@example.com.', undefined],
    ['alice@example..com', undefined],
    ['alice@-example.com', undefined],
    ['alice@exa_mple.com', undefined],
    ['alice@%65xample.com', undefined],
    ['alice@127.0.0.1', undefined],
    ['alice@[127.0.0.1]', undefined],
    ['alice@0x7f.1', undefined],
    ['"alice b"@example.com', undefined],
    ['alice b@example.com', undefined],
    ['<alice@example.com>', undefined],
    ['<alice@example.com', undefined],
    ['alice<bob@example.com', undefined],
    ['alice＞bob@example.com', undefined],
    ['a`$^|~=+{}b@example.com', undefined],
    ['a`$^|~=+b@example.com', 'a`$^|~=+b@example.com'],
    ['alice@example.com\r\n', undefined],
    ['alice\u0000@example.com', undefined],
    ['alice\u200b@example.com', undefined],
    ['\ufeffalice@example.com', undefined],
    ['alice\u202e@example.com', undefined],
    ['alice\u2066@example.com', undefined],
    ['ali\u00adce@example.com', undefined],
    ['alice\u3164@example.com', undefined],
    ['alice\ufffd@example.com', undefined],
    ['alice\ud800@example.com', undefined],
    [`${'a'.repeat(242)}@example.com`, `${'a'.repeat(242)}@example.com`],
    [`${'a'.repeat(243)}@example.com`, undefined],
    [`${'é'.repeat(122)}@example.com`, undefined],
    ['', undefined]
  ]
  for (const [given, canonical] of table) t.equal(canonicalEmail(given), canonical, JSON.stringify(given))
})

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.emailAddress(),
  fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.domain()).map(([local, domain]) => `${local}@${domain}`)
)

t.test('properties', async (t) => {
  fc.assert(
    fc.property(anyText, (text) => {
      const once = canonicalEmail(text)
      return once === undefined || canonicalEmail(once) === once
    }),
    { numRuns: 5000 }
  )
  t.pass('idempotent')
  fc.assert(
    fc.property(fc.emailAddress(), (email) => canonicalEmail(email) === canonicalEmail(email.toUpperCase())),
    { numRuns: 2000 }
  )
  t.pass('case does not tell two apart')
  fc.assert(
    fc.property(anyText, (text) => {
      const email = canonicalEmail(text)
      if (email === undefined) return true
      const [local = '', domain = '', ...more] = email.split('@')
      const clean = more.length === 0 && local !== '' && /^[a-z0-9.-]+$/.test(domain) && !domain.endsWith('.')
      return clean && Buffer.byteLength(email) <= 254 && !/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u.test(email)
    }),
    { numRuns: 5000 }
  )
  t.pass('what is accepted is one local part, one ASCII domain, and nothing that is not seen')
  const injected = fc.constantFrom(
    '\r',
    '\n',
    '\u0000',
    '\u200b',
    '\u200d',
    '\u202e',
    '\u2069',
    '\ufeff',
    '\u00ad',
    '\u034f'
  )
  fc.assert(
    fc.property(fc.emailAddress(), injected, fc.nat(), (email, character, at) => {
      const place = at % (email.length + 1)
      return canonicalEmail(email.slice(0, place) + character + email.slice(place)) === undefined
    }),
    { numRuns: 2000 }
  )
  t.pass('one invisible character anywhere is refused')
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      const [one, two] = [canonicalEmail(a), canonicalEmail(b)]
      if (one === undefined || one !== two) return true
      return a.trim().normalize('NFKC').toLowerCase().normalize('NFKC').split('@')[0] === one.split('@')[0]
    }),
    { numRuns: 2000 }
  )
  t.pass('two addresses are one only where their local parts are')
})

t.test('the address of an identity', async (t) => {
  const identity = (emails: string[], more: Partial<Identity> = {}): Identity => ({
    subject: '1',
    username: 'alice',
    emails,
    attributes: {},
    ...more
  })
  const domains = ['example.com', 'example.org']
  const refused = { code: 'invalid_grant', statusCode: 400 }

  t.same(emailOf(identity(['A@Example.com']), fakeLink('ldap')), { value: 'a@example.com', vouched: false })
  t.same(
    emailOf(identity(['a@example.com']), fakeLink('ldap', { email: { domains } })).vouched,
    true,
    'a listed domain is vouched for'
  )
  t.same(emailOf(identity(['a@x.test']), fakeLink('static', { vouches: 'always' })).vouched, true)
  t.throws(() => emailOf(identity(['a@evil.test']), fakeLink('ldap', { email: { domains } })), refused, 'outside')
  t.throws(
    () => emailOf(identity(['a@sub.example.com']), fakeLink('ldap', { email: { domains } })),
    refused,
    'a subdomain is another'
  )
  t.throws(() => emailOf(identity([]), fakeLink('ldap')), refused, 'none')
  t.throws(() => emailOf(identity(['not one']), fakeLink('ldap')), refused, 'none that is one')
  t.throws(
    () => emailOf(identity(['a@x.test', 'b@x.test']), fakeLink('ldap')),
    refused,
    'never the first that was sent'
  )
  t.throws(
    () => emailOf(identity(['a@x.test', 'b@example.com']), fakeLink('ldap', { email: { domains } })),
    refused,
    'nor the one that is in a domain, where nobody prefers it'
  )
  t.equal(emailOf(identity(['a@x.test', 'A@X.test']), fakeLink('ldap')).value, 'a@x.test', 'two spellings of one')
  const prefer = { domains: ['example.org', 'example.com'], prefer: 'domain' } as const
  t.equal(
    emailOf(identity(['a@example.com', 'a@example.org']), fakeLink('ldap', { email: prefer })).value,
    'a@example.org'
  )
  t.equal(
    emailOf(identity(['a@evil.test', 'a@example.com']), fakeLink('ldap', { email: prefer })).value,
    'a@example.com'
  )
  t.throws(
    () => emailOf(identity(['a@example.org', 'b@example.org']), fakeLink('ldap', { email: prefer })),
    refused,
    'a tie'
  )

  const fallback = { domains, fallback: '{uid}@example.org' }
  t.equal(
    emailOf(identity([], { source: { uid: 'al' } }), fakeLink('ldap', { email: fallback })).value,
    'al@example.org'
  )
  t.throws(
    () => emailOf(identity([]), fakeLink('ldap', { email: fallback })),
    refused,
    'a fallback whose attribute is missing'
  )
  const known = { source: { uid: 'al' } }
  t.equal(
    emailOf(identity(['a@example.com'], known), fakeLink('ldap', { email: fallback })).value,
    'a@example.com',
    'only where none was given'
  )
  t.equal(emailOf(identity(['not one'], known), fakeLink('ldap', { email: fallback })).value, 'al@example.org')
  const prefixed = { ...fallback, fallback: 'u-{uid}@example.org' }
  t.throws(() => emailOf(identity([]), fakeLink('ldap', { email: prefixed })), refused, 'nor anything left of it')
  t.throws(() => emailOf(identity([], { source: { uid: 'a@b' } }), fakeLink('ldap', { email: fallback })), refused)

  const verified = { vouches: 'by-domain-if-verified', email: { domains } } as const
  t.equal(emailOf(identity(['a@example.com']), fakeLink('jwt', verified)).vouched, false, 'not called verified')
  t.equal(emailOf(identity(['a@example.com'], { emailVerified: true }), fakeLink('jwt', verified)).vouched, true)
  const filled = { ...verified, email: { domains, fallback: '{uid}@example.com' } }
  for (const emails of [[], ['none']]) {
    const made = identity(emails, { emailVerified: true, source: { uid: 'a' } })
    t.same(
      emailOf(made, fakeLink('jwt', filled)),
      { value: 'a@example.com', vouched: false },
      'nobody verified that one'
    )
    const byDomain = { ...filled, vouches: 'by-domain' } as const
    t.equal(emailOf(made, fakeLink('ldap', byDomain)).vouched, true)
  }
  t.equal(
    emailOf(identity(['a@x.test'], { emailVerified: false }), fakeLink('x', { vouches: 'always' })).vouched,
    false
  )
})
