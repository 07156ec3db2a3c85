import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { AndFilter, BerWriter, EqualityFilter, type Filter, FilterParser, SubstringFilter } from 'ldapts'
import t from 'tap'
import type { Deadline } from '../../src/backends/ldap/connections/deadline.ts'
import type { Directory } from '../../src/backends/ldap/connections/directory.ts'
import { LdapFailure } from '../../src/backends/ldap/connections/failure.ts'
import { createFraming, decode } from '../../src/backends/ldap/connections/messages.ts'
import type { RootDse } from '../../src/backends/ldap/connections/root-dse.ts'
import { parseServerUrl } from '../../src/backends/ldap/connections/server-url.ts'
import { dnKey } from '../../src/backends/ldap/dn.ts'
import { reducedTo, textsOf } from '../../src/backends/ldap/entry.ts'
import { parseFilter, parseFilterTemplate } from '../../src/backends/ldap/filter.ts'
import { subjectRule } from '../../src/backends/ldap/subject.ts'
import { createUsers, userSearches } from '../../src/backends/ldap/users.ts'
import { entry, message, result } from '../servers/ldap-fixtures-mock.ts'

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const type = fc.constantFrom('cn', 'ou', 'dc', 'uid', 'o', 'x-own-1')
const assertion = fc.tuple(type, text)
const rdns = fc.array(fc.array(assertion, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 })

const hex = (text: string) => [...Buffer.from(text)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
const escaped = (text: string) =>
  text.replace(/[\\,+"<>;=#\0 ]/g, (character) => (character === '\0' ? '\\00' : `\\${character}`))
/** What caseIgnoreMatch leaves of a value. */
const meaning = (text: string) => text.normalize('NFKC').toLowerCase().normalize('NFKC').trim().replace(/\s+/g, ' ')

const written = (
  names: readonly (readonly (readonly [string, string])[])[],
  value: (text: string) => string,
  [comma, plus, equals] = [',', '+', '=']
) => names.map((rdn) => rdn.map(([type, text]) => `${type}${equals}${value(text)}`).join(plus)).join(comma)

t.test('a DN has one key in whatever way it is written', async () => {
  fc.assert(
    fc.property(rdns, (names) => {
      const key = dnKey(written(names, escaped))
      const reversed = names.map((rdn) => rdn.toReversed().map(([type, text]) => [type.toUpperCase(), text] as const))
      return (
        dnKey(written(names, hex)) === key &&
        dnKey(written(reversed, hex, [' ,  ', ' + ', ' = '])) === key &&
        dnKey(written(names, (text) => escaped(` ${text}  `))) === key
      )
    }),
    { numRuns: 500 }
  )
})

t.test('two DNs have the same key only where every part means the same', async () => {
  const parts = (names: readonly (readonly (readonly [string, string])[])[]) =>
    JSON.stringify(names.map((rdn) => rdn.map(([type, text]) => `${type}=${meaning(text)}`).sort()))
  fc.assert(
    fc.property(rdns, rdns, (one, other) => {
      return (dnKey(written(one, escaped)) === dnKey(written(other, escaped))) === (parts(one) === parts(other))
    }),
    { numRuns: 500 }
  )
})

t.test('DNs that are equal, different, or none', async (t) => {
  const equal: readonly (readonly [string, string])[] = [
    ['CN=Editors,DC=Example,DC=Com', 'cn=editors,dc=example,dc=com'],
    ['cn = a  b , o = x', 'cn=a b,o=x'],
    ['cn=a\\,b', 'cn=a\\2cb'],
    ['cn=J\\c3\\b6rg', 'cn=jörg'],
    ['cn=jo\u0308rg', 'cn=jörg'],
    ['2.5.4.3=a,OID.2.5.4.10=b', 'cn=a,o=b'],
    ['cn=a+sn=b', 'sn=b+cn=a'],
    ['cn=#0c0161', 'cn=a'],
    ['cn=\\#a', 'cn=\\23a'],
    ['cn=a\\ ', 'cn=a'],
    ['cn=a\\\\', 'cn=a\\5c'],
    ['cn=a=b', 'cn=a\\=b'],
    ['', ' ']
  ]
  for (const [one, other] of equal) t.equal(dnKey(one), dnKey(other), `${one} is ${other}`)
  const different: readonly (readonly [string, string])[] = [
    ['cn=a,o=b', 'o=b,cn=a'],
    ['cn=a,o=b', 'cn=a+o=b'],
    ['cn=a\\,o=b', 'cn=a,o=b'],
    ['cn=a,o=b', 'cn=a'],
    ['cn=jorg', 'cn=jörg'],
    ['cn=ab', 'cn=a b'],
    ['cn=#0401ff', 'cn=#0401fe'].map((dn) => dn.replace('0401', '0301')) as [string, string],
    ['cn=a', 'uid=a']
  ]
  for (const [one, other] of different) t.not(dnKey(one), dnKey(other), `${one} is not ${other}`)
  for (const none of [
    'x',
    'cn',
    '=a',
    'cn=a,',
    ',cn=a',
    'cn=a;o=b',
    'cn="a"',
    'cn=a\\',
    'cn=\\xx',
    'cn=#xyz',
    'cn=\\ff',
    'c n=a',
    'cn=a<b'
  ]) {
    t.throws(() => dnKey(none), none)
  }
})

const encoded = (filter: Filter): Buffer => {
  const writer = new BerWriter()
  filter.write(writer)
  return writer.buffer
}

t.test('a login name becomes a value of the filter, whatever is in it', async () => {
  const { forUsername } = parseFilterTemplate('(&(objectClass=person)(uid={username}))')
  const syntax = fc.stringMatching(/^[()*\\|&!={}$0a-z]{1,12}$/)
  fc.assert(
    fc.property(fc.oneof(text, syntax, fc.constantFrom('{username}', '$&', "$'", '*', ')(uid=*')), (username) => {
      const filter = forUsername(username)
      const expected = new AndFilter({
        filters: [
          new EqualityFilter({ attribute: 'objectClass', value: 'person' }),
          new EqualityFilter({ attribute: 'uid', value: username })
        ]
      })
      const reread = FilterParser.parseString(filter.toString())
      return encoded(filter).equals(encoded(expected)) && encoded(reread).equals(encoded(expected))
    }),
    { numRuns: 1000 }
  )
})

t.test('every kind of filter takes the name, and knows what it demands of anybody', async (t) => {
  const all = parseFilterTemplate(
    '(|(uid={username})(mail={username}@*)(cn~={username})(sn>={username})(sn<={username})(cn:caseExactMatch:={username})(:dn:2.5.13.5:={username})(!(l=x))(o=*))'
  )
  t.equal(
    all.forUsername('a*').toString(),
    '(|(uid=a\\2a)(mail=a\\2a@*)(cn~=a\\2a)(sn>=a\\2a)(sn<=a\\2a)(cn:caseExactMatch:=a\\2a)(:dn:2.5.13.5:=a\\2a)(!(l=x))(o=*))'
  )
  t.equal(all.forAnybody.toString(), '(|(uid=*)(mail=*)(cn=*)(sn=*)(sn=*)(cn=*)(objectClass=*)(!(l=x))(o=*))')
  t.same(all.loginAttributes, ['uid', 'mail', 'cn', 'sn'])
  const twice = parseFilterTemplate('(cn={username}*{username})').forUsername('*')
  t.ok(twice instanceof SubstringFilter && twice.initial === '*' && twice.final === '*')
  const laidOut = '\n(&\n  (objectClass=person)\n  (| (uid={username}) (mail={username}) )\n  (! (cn= a b ))\n)\n'
  t.equal(
    parseFilterTemplate(laidOut).forUsername('x').toString(),
    '(&(objectClass=person)(|(uid=x)(mail=x))(!(cn= a b )))',
    'space between the parts counts for nothing, within a value it does'
  )
  for (const wrong of [
    '',
    'uid=x',
    '(uid=x',
    '(uid=x))',
    '(&(uid=x)',
    '(&(uid=x)(!(o=y))',
    '(&)',
    '(uid=\\zz)',
    '(cn=\\c3\\b6)',
    '(u id=x)'
  ])
    t.throws(() => parseFilter(wrong), wrong)
})

t.test('a subject is the entry’s id, in text that never changes', async (t) => {
  const isOne = (filter: Filter | undefined) =>
    filter instanceof EqualityFilter && Buffer.isBuffer(filter.value) && filter.value
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const rule = subjectRule(undefined, { isActiveDirectory: true })
      const guid = Buffer.from(bytes)
      const back = isOne(rule.filter(rule.read({ dn: 'cn=x', values: new Map([['objectguid', [guid]]]) })))
      return back !== false && back.equals(guid)
    })
  )
  for (const values of [[], [Buffer.alloc(15)], [Buffer.alloc(16), Buffer.alloc(16)]]) {
    t.throws(
      () =>
        subjectRule('objectguid', { isActiveDirectory: false }).read({
          dn: 'cn=x',
          values: new Map([['objectguid', values]])
        }),
      LdapFailure
    )
  }
  const long = new Map([['employeeid', [Buffer.alloc(256, 'x')]]])
  t.throws(
    () => subjectRule('employeeID', { isActiveDirectory: false }).read({ dn: 'cn=x', values: long }),
    LdapFailure
  )
})

t.test('whatever bytes come, decoding ends, with a message or a failure', async () => {
  const good = [
    message(1, result(0x61, 49, 'data 52e')),
    message(2, entry('cn=a', { uid: ['a', 'b'], jpegPhoto: [Buffer.from([0xff, 0])] })),
    message(300, result(0x65, 0))
  ]
  const broken = fc.tuple(fc.constantFrom(...good), fc.nat(200), fc.nat(255)).map(([bytes, at, value]) => {
    const copy = Buffer.from(bytes)
    copy[at % copy.length] = value
    return copy
  })
  const anything = fc.oneof(
    broken,
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes))
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      try {
        createFraming(decode).push(bytes)
        return true
      } catch (error) {
        return error instanceof LdapFailure
      }
    }),
    { numRuns: 5000 }
  )
})

t.test('messages are the same however the network cuts them', async (t) => {
  const stream = Buffer.concat(
    Array.from({ length: 20 }, (_, id) => message(id + 1, entry('cn=a', { uid: [`${id}`.repeat(id * 20)] })))
  )
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sizes) => {
      const ids: number[] = []
      const framing = createFraming((bytes) => ids.push(decode(bytes).id))
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1
        framing.push(stream.subarray(at, at + size))
        at += size
      }
      return ids.length === 20 && ids.every((id, at) => id === at + 1) && framing.pendingBytes() === 0
    })
  )
  t.equal(decode(message(7, result(0x61, 80)).subarray(2)).id, 7)
})

t.test('server URLs', async (t) => {
  t.match(parseServerUrl('ldaps://DC1.example.com'), { scheme: 'ldaps', host: 'DC1.example.com', port: 636 })
  t.match(parseServerUrl('ldap://[::1]:3389/'), { scheme: 'ldap', host: '::1', port: 3389 })
  t.match(parseServerUrl('ldapi://%2Frun%2Fslapd%2Fldapi'), { scheme: 'ldapi', path: '/run/slapd/ldapi' })
  for (const wrong of [
    'dc1',
    'ldap:dc1',
    'ldap://a b',
    'ldap://[dc1]',
    'ldap://dc1:0',
    'ldap://dc1?x',
    'ldapi://',
    'ldaps://:636'
  ]) {
    t.throws(() => parseServerUrl(wrong), wrong)
  }
})

t.test('an entry that is remembered has what is needed of it', async (t) => {
  const values = new Map([
    ['cn', [Buffer.from('Alice')]],
    ['memberof;range=0-1499', [Buffer.from('cn=staff')]],
    ['description;lang-en', [Buffer.from('tall')]],
    ['jpegphoto', [Buffer.alloc(100_000)]]
  ])
  const whole = { dn: 'cn=Alice', values }
  const reduced = reducedTo(whole, new Set(['memberof', 'description;lang-en', 'gidnumber']))
  t.same([...reduced.values.keys()], ['memberof;range=0-1499', 'description;lang-en'])
  t.same(textsOf(reduced, 'Description;lang-en'), ['tall'])
  t.equal(reduced.dn, 'cn=Alice')
  t.equal(reducedTo(whole, new Set()).values.size, 0)
})

/** Forty who want the one session again and again, holding 4 KiB each time: how many MiB are left by the quick collection. */
const waiting = `
  import { createPool } from ${JSON.stringify(new URL('../../src/backends/ldap/connections/pool.ts', import.meta.url).href)}
  const long = 60_000
  const session = { alive: true, end() {} }
  const limits = { min: 0, max: 1, maxWaiting: 100, waitMs: long, idleMs: long, maxAgeMs: long, checkAfterMs: long }
  const pool = createPool({ open: async () => session, check: async () => {} }, limits)
  const one = (turn) => {
    const held = Array.from({ length: 200 }, () => ({ turn }))
    const deadline = { signal: new AbortController().signal, remainingMs: () => long + held.length }
    return pool.use(() => new Promise((resolve) => setImmediate(resolve)), deadline)
  }
  const all = (turns) => Promise.all(Array.from({ length: 40 }, async () => {
    for (let turn = 0; turn < turns; turn++) await one(turn)
  }))
  const used = () => process.memoryUsage().heapUsed / 2 ** 20
  await all(50)
  const under = all(100)
  gc()
  await under
  gc({ type: 'minor' })
  gc({ type: 'minor' })
  const left = used()
  gc()
  process.stdout.write(String(left - used()))
  pool.close()
`

t.test('whoever has waited for a session is not kept until the slow collection', async (t) => {
  const args = ['--expose-gc', '--no-allocation-site-pretenuring', '--input-type=module', '--eval', waiting]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  t.ok(Number(stdout) < 2, `${stdout} of 16 MiB are left`)
})

t.test('a login name stands somewhere in a filter, as a value, and not in a negation', async (t) => {
  const refused: ReadonlyArray<readonly [string, RegExp]> = [
    ['(uid=x)', /stands nowhere in the filter, as a value/],
    ['(uid=*)', /stands nowhere/],
    ['(!(uid=x))', /stands nowhere/],
    ['(&(objectClass=*)(!(uid={username})))', /inside a negation/],
    ['(|(uid={username})(!(&(mail={username})(cn=x))))', /inside a negation/],
    ['(uid=%(user)s)', /write \{username\} instead of %\(user\)s/]
  ]
  for (const [text, why] of refused) t.throws(() => parseFilterTemplate(text), why, text)
  const { forUsername, forAnybody, loginAttributes } = parseFilterTemplate(
    '(&(|(uid={username})(mail={username}))(!(disabled=TRUE))(cn=*)(ou=x))'
  )
  t.equal(String(forUsername('a*')), '(&(|(uid=a\\2a)(mail=a\\2a))(!(disabled=TRUE))(cn=*)(ou=x))')
  t.equal(String(forAnybody), '(&(|(uid=*)(mail=*))(!(disabled=TRUE))(cn=*)(ou=x))')
  t.same(loginAttributes, ['uid', 'mail'])
})

t.test('a domain before the login name is for the searches that were told of it', async (t) => {
  const rootDse: RootDse = { isActiveDirectory: false, canPage: false }
  const searched = async (username: string): Promise<string[]> => {
    const asked: string[] = []
    const search: Directory['search'] = async ({ base, filter }) => {
      asked.push(`${base} ${filter.toString()}`)
      return { result: { code: 0, diagnostic: '', controls: new Map() }, entries: [], rootDse } as never
    }
    const places = [
      { base: 'dc=corp', filter: '(uid={username})', domain: 'CORP' },
      { base: 'dc=all', filter: '(cn={username})' }
    ]
    const searches = userSearches({ users: places })
    const users = createUsers(
      { search, rootDse: async () => rootDse },
      { searches, subject: undefined, attributes: [] }
    )
    t.same(await users.byUsername(username, {} as Deadline), { found: 'none' })
    return asked
  }
  t.same(await searched('alice'), ['dc=corp (uid=alice)', 'dc=all (cn=alice)'])
  for (const domain of ['CORP', 'corp'])
    t.same(await searched(`${domain}\\alice`), ['dc=corp (uid=alice)', `dc=all (cn=${domain}\\5calice)`])
  for (const domain of ['ELSE', 'COR', ''])
    t.same(await searched(`${domain}\\alice`), [`dc=all (cn=${domain}\\5calice)`], `not for ${domain}`)
  t.same(await searched('CORP\\'), ['dc=all (cn=CORP\\5c)'], 'nobody has no name')
  t.same(await searched('CORP\\a\\b'), ['dc=corp (uid=a\\5cb)', 'dc=all (cn=CORP\\5ca\\5cb)'])
})
