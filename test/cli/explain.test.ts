import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { atConsole } from '../../src/admin/actor.ts'
import { createGroup } from '../../src/admin/groups.ts'
import { linkIdentity } from '../../src/admin/identities.ts'
import { type Explanation, explainLogin, type ExplainedStep as Step } from '../../src/auth/explain.ts'
import { answersOf } from '../../src/cli/answers.ts'
import { openLog } from '../../src/log.ts'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'
import { createCertificates } from '../servers/certificates.ts'
import { freePort } from '../servers/free-port.ts'
import { clientAtIssuer, issuerKey, startIssuer } from '../servers/issuer.ts'
import { groupOfNames, groupsBase, peopleBase, person, suffix, userPassword } from '../servers/ldap-fixtures.ts'
import { startProxy } from '../servers/proxy.ts'
import { startSlapd } from '../servers/slapd.ts'

type Options = Record<string, unknown>

const folder = await temporaryFolder(t)
const past = ['20200101000000Z', '20200201000000Z'] as const
const [certificates, elsewhere, expired] = await Promise.all([
  createCertificates(folder, { names: 'DNS:localhost,IP:127.0.0.1' }),
  createCertificates(folder, { prefix: 'elsewhere', names: 'DNS:dc1.corp' }),
  createCertificates(folder, { prefix: 'expired', validity: past })
])
const entries = [
  person('alice', { employeeNumber: '7' }),
  person('bob', { mail: ['bob@example.com', 'b@example.com'] }),
  person('carl', { mail: [] }),
  person('dora', { mail: 'dora@elsewhere.org' }),
  person('twin1', { cn: 'Twin', sn: 'Twin' }),
  person('twin2', { cn: 'Twin', sn: 'Twin' }),
  groupOfNames('editors', [`uid=alice,${peopleBase}`]),
  groupOfNames('authors', [`cn=editors,${groupsBase}`]),
  person('fred'),
  ...['one', 'two', 'three', 'four'].map((name) => groupOfNames(name, [`uid=fred,${peopleBase}`]))
]
const searching = `limits dn.exact="cn=latchkey,${suffix}"`
const [slapd, otherName, outdated, strict, mute] = await Promise.all([
  startSlapd(t, { entries, tls: certificates, anonymous: false, databaseSettings: [`${searching} size=3`] }),
  startSlapd(t, { tls: elsewhere }),
  startSlapd(t, { tls: expired }),
  startSlapd(t, { tls: certificates, databaseSettings: ['security simple_bind=128'] }),
  startSlapd(t, { people: 3, databaseSettings: [`${searching} size=1`] })
])
const { bind } = slapd
const users = [{ base: peopleBase, filter: '(uid={username})' }]
const right: Options = { servers: [slapd.url], insecure: true, bind, users }
const secure: Options = { servers: [slapd.tlsUrl], tls: { ca: certificates.ca }, bind, users }
const swapped = (servers: string[], tls: Options = {}): Options => ({ ...secure, servers, tls: { ...tls } })
const closedPort = await freePort()

const explained = async (t: Test, options: Options, username: string, password?: string): Promise<Explanation> => {
  const backend = { id: 'corp', type: 'ldap', timeout: '1500ms', ...options }
  const yaml = stringify({ issuer: 'https://auth.example.com', publicClient: true, backends: [backend] })
  const { login } = await openTestLatchkey(t, yaml)
  const log = await openLog('silent')
  const presented =
    password === undefined ? ({ kind: 'name', username } as const) : ({ kind: 'password', username, password } as const)
  return explainLogin({ presented, log }, login)
}

/** The steps that say that something is wrong, or that nothing was found. */
const complaints = ({ steps }: Explanation): string =>
  steps
    .filter(({ outcome }) => outcome !== 'ok')
    .map(({ step, text, remedy }) => `${step}: ${text}${remedy === undefined ? '' : ` → ${remedy}`}`)
    .join('\n')

const { tls: _none, ...withoutTls } = secure
const groups = { base: groupsBase, type: 'groupOfNames' }

/** A mistake, who logs in, and what must be said: the mistake and its remedy. */
const mistakes: Readonly<Record<string, readonly [options: Options, username: string, ...said: RegExp[]]>> = {
  'no such host': [
    { ...secure, servers: ['ldaps://dc1.does-not-exist.invalid'] },
    'alice',
    /dns: (there is no host|the name) dc1\.does-not-exist\.invalid.*→.*(servers|DNS)/
  ],
  'wrong port': [
    { ...secure, servers: [`ldaps://127.0.0.1:${closedPort}`] },
    'alice',
    /tcp: nobody listens on 127\.0\.0\.1 port \d+ → correct the port.*636/
  ],
  'no such socket': [
    { ...right, servers: ['ldapi://%2Ftmp%2Fno-such-socket'] },
    'alice',
    /tcp: there is no socket \/tmp\/no-such-socket → correct the path/
  ],
  'an authority that nobody trusts': [
    withoutTls,
    'alice',
    /tls: the certificate is signed by Latchkey test authority server.*→.*tls\.ca/
  ],
  'another authority': [
    swapped([slapd.tlsUrl], { ca: elsewhere.ca }),
    'alice',
    /signed by Latchkey test authority server.*→.*tls\.ca/
  ],
  'another name': [
    swapped([otherName.tlsUrl], { ca: elsewhere.ca }),
    'alice',
    /tls: the certificate is for dc1\.corp, the URL says 127\.0\.0\.1 →.*tls\.serverName/
  ],
  'another serverName': [
    swapped([slapd.tlsUrl], { ca: certificates.ca, serverName: 'dc9.corp' }),
    'alice',
    /the certificate is for localhost, 127\.0\.0\.1, tls\.serverName says dc9\.corp/
  ],
  'an expired certificate': [
    swapped([outdated.tlsUrl], { ca: expired.ca }),
    'alice',
    /tls: the certificate expired on 2020-02-01 → renew/
  ],
  'another pin': [
    swapped([slapd.tlsUrl], { ca: certificates.ca, pin: `${'A'.repeat(43)}=` }),
    'alice',
    /tls: the key of the certificate is [A-Za-z0-9+/]{43}=, tls\.pin says A+= →/
  ],
  'no such CA file': [
    swapped([slapd.tlsUrl], { ca: '/no/such.pem' }),
    'alice',
    /tls: the files of `tls`.*no\/such\.pem.*→.*tls\.ca/
  ],
  'a folder for the CA file': [
    swapped([slapd.tlsUrl], { ca: '/' }),
    'alice',
    /tls: the files of `tls`.*EISDIR.*→.*tls\.ca/
  ],
  'something else than a CA file': [
    swapped([slapd.tlsUrl], { ca: '/etc/passwd' }),
    'alice',
    /tls: the files of `tls`.*\/etc\/passwd holds no certificate in PEM → correct tls\.ca/
  ],
  'ldaps to the plain port': [
    swapped([slapd.url.replace('ldap:', 'ldaps:')], { ca: certificates.ca }),
    'alice',
    /tls: .*→.*(ldap:\/\/|startTls)/
  ],
  'ldap to the TLS port': [
    { ...right, servers: [slapd.tlsUrl.replace('ldaps:', 'ldap:')] },
    'alice',
    /bind: .*→.*ldaps:\/\//
  ],
  'StartTLS that the server does not do': [
    { ...right, insecure: false, startTls: true, servers: [mute.url] },
    'alice',
    /tls: the server does not do StartTLS.*→ write ldaps:\/\//
  ],
  'wrong service password': [
    { ...right, bind: { ...bind, password: 'canary-wrong' } },
    'alice',
    /bind: the directory refused the service account cn=latchkey.*→ correct bind\.dn and bind\.password/
  ],
  'plain text refused by the server': [
    { ...right, servers: [strict.url] },
    'alice',
    /bind: the directory refuses passwords over a connection without TLS → use ldaps/
  ],
  'no bind where one is needed': [
    { servers: [slapd.url], insecure: true, users },
    'alice',
    /search: \(uid=alice\) below ou=users.*(may not|there is no entry).*→/
  ],
  'wrong base': [
    { ...right, users: [{ base: `ou=people,${suffix}`, filter: '(uid={username})' }] },
    'alice',
    /search: \(uid=alice\) below ou=people.*there is no entry ou=people,dc=example,dc=com.*nearest that exists is dc=example,dc=com → correct the base/
  ],
  'wrong attribute in the filter': [
    { ...right, users: [{ base: peopleBase, filter: '(sAMAccountName={username})' }] },
    'alice',
    /search: \(sAMAccountName=alice\) below.*none there has sAMAccountName → correct the attribute/
  ],
  'wrong object class in the filter': [
    { ...right, users: [{ base: peopleBase, filter: '(&(objectClass=user)(uid={username}))' }] },
    'alice',
    /\(&\(objectClass=user\)\(uid=alice\)\) below .*: no entry; none there matches \(objectClass=user\)/
  ],
  'parts of a filter that nobody meets together': [
    { ...right, users: [{ base: peopleBase, filter: '(&(employeeNumber=7)(uid={username}))' }] },
    'bob',
    /no entry; each part of the filter matches some, and all together none/
  ],
  'a file of authorities without any': [
    swapped([slapd.tlsUrl], { ca: certificates.key }),
    'alice',
    /tls: the files of `tls` cannot be used: .*holds no certificate in PEM → correct tls\.ca/
  ],
  'a key that belongs to another certificate': [
    swapped([slapd.tlsUrl], { ca: certificates.ca, cert: certificates.cert, key: elsewhere.key }),
    'alice',
    /tls: the files of `tls` cannot be used: tls\.key is not the key of tls\.cert → correct/
  ],
  'nobody of that name': [right, 'nobody', /search: \(uid=nobody\) below .*: no entry\n.*knows no such account/],
  'several of that name': [
    { ...right, users: [{ base: peopleBase, filter: '(sn={username})' }] },
    'Twin',
    /verdict: rejects: several accounts have this name.* → narrow/
  ],
  'wrong subject attribute': [
    { ...right, subject: 'objectGUID' },
    'alice',
    /entry: uid=alice.*0 values of objectGUID.*→.*`subject`/
  ],
  'no mail': [right, 'carl', /email: .*no usable e-mail address: it gave none → .*attributes\.email/],
  'wrong mail attribute': [
    { ...right, attributes: { email: 'email' } },
    'alice',
    /email: .*it gave none → .*attributes\.email/
  ],
  'several mails': [right, 'bob', /email: .*that tie: it gave bob@example\.com, b@example\.com → set `email\.prefer/],
  'a domain that is not allowed': [
    { ...right, email: { domains: ['example.com'] } },
    'dora',
    /email: .*outside email\.domains: it gave dora@elsewhere\.org → the domains allowed are example\.com/
  ],
  'wrong base of groups': [
    { ...right, groups: { ...groups, base: `ou=teams,${suffix}` } },
    'alice',
    /search: .*below ou=teams.*there is no entry ou=teams.*→ correct the base/
  ],
  'wrong type of groups': [
    { ...right, groups: { ...groups, type: 'groupOfUniqueNames' } },
    'alice',
    /search: .*groupOfUniqueNames.*none there has uniqueMember →/
  ],
  'a limit of the server': [
    { ...right, servers: [mute.url], users: [{ base: peopleBase, filter: '(|(uid={username})(sn=Example))' }] },
    'person000001',
    /search: .*the directory cut its answer at one of its limits.* → raise the limits of the service account/
  ],
  'a limit of the server on all pages of groups': [
    { ...right, groups },
    'fred',
    /search: .*member=uid=fred.*the directory cut its answer at one of its limits → raise the limits.*size\.prtotal/
  ]
}

t.test('each mistake in a configuration is named, with its remedy', async (t) => {
  for (const [name, [options, username, ...said]] of Object.entries(mistakes)) {
    const explanation = await explained(t, options, username)
    const text = complaints(explanation)
    for (const words of said) t.match(text, words, name)
    t.notMatch(JSON.stringify(explanation.steps), /canary/, `${name}: no secret`)
  }
})

/** What `check` says of a configuration: whether all is well, and what is to be noted. */
const checked = async (t: Test, options: Options): Promise<readonly [answers: boolean, said: string]> => {
  const backend = { id: 'corp', type: 'ldap', ...options }
  const { config } = await openTestLatchkey(t, stringify({ publicClient: true, backends: [backend] }))
  const [answer] = (await answersOf(config)).backends
  const steps = answer?.steps.filter(({ outcome, remedy }) => outcome !== 'ok' && remedy !== undefined) ?? []
  return [answer?.answers === true, steps.map(({ step, text, remedy }) => `${step}: ${text} → ${remedy}`).join('\n')]
}

t.test('check asks the directory for what the configuration names', async (t) => {
  const staff = { group: `cn=staff,${groupsBase}` }
  const cases: Readonly<Record<string, readonly [options: Options, answers: boolean, ...said: RegExp[]]>> = {
    'all is well': [{ ...right, groups, require: { group: `cn=editors,${groupsBase}` } }, true, /^$/],
    'wrong base': [
      { ...right, users: [{ base: `ou=people,${suffix}`, filter: '(uid={username})' }] },
      false,
      /search: \(uid=\*\) below ou=people.*there is no entry ou=people,dc=example,dc=com.* → correct the base/
    ],
    'no bind where one is needed': [
      { servers: [slapd.url], insecure: true, users },
      false,
      /there is no entry ou=users.*or it may not be seen → .*without `bind` the search is anonymous/
    ],
    'another preset': [
      { ...right, preset: 'active-directory' },
      false,
      /root-dse: the directory is of another kind than preset: active-directory → set preset: openldap/
    ],
    'wrong object class': [
      { ...right, users: [{ base: peopleBase, filter: '(&(objectClass=user)(uid={username}))' }] },
      true,
      /search: nobody there could log in by this search → correct its base or its filter/
    ],
    'wrong subject attribute': [{ ...right, subject: 'objectGUID' }, false, /0 values of objectGUID.*→.*`subject`/],
    'wrong base of groups, beside another mistake': [
      { ...right, subject: 'objectGUID', groups: { base: `ou=teams,${suffix}` } },
      false,
      /entry: .*0 values of objectGUID/,
      /there is no entry ou=teams,dc=example,dc=com/
    ],
    'wrong type of groups': [
      { ...right, groups: { ...groups, type: 'posixGroup' } },
      true,
      /groups: no groups there of the class posixGroup → correct `groups\.base`, `groups\.type`/
    ],
    'groups that are not there': [
      { ...right, groups, require: { any: [staff, { not: { group: `cn=stuff,${groupsBase}` } }] }, deny: staff },
      true,
      /there is no group cn=staff,ou=groups.*nobody is in it → correct its DN/,
      /there is no group cn=stuff,ou=groups/
    ],
    'a group of permissions that is not there': [
      { ...right, groups, permissions: { [`cn=writers,${groupsBase}`]: ['a.b'] } },
      true,
      /there is no group cn=writers,ou=groups/
    ]
  }
  for (const [name, [options, answers, ...said]] of Object.entries(cases)) {
    const told = await checked(t, options)
    t.equal(told[0], answers, `${name}: ${told[1]}`)
    for (const words of said) t.match(told[1], words, name)
  }
})

t.test('the cause of a silence is said once', async (t) => {
  const { config } = await openTestLatchkey(
    t,
    stringify({ backends: [{ id: 'corp', type: 'ldap', ...right, servers: [`ldap://127.0.0.1:${closedPort}`] }] })
  )
  const [answer] = (await answersOf(config)).backends
  t.equal(answer?.error, `connect: connect failed: connect ECONNREFUSED 127.0.0.1:${closedPort}`)
})

t.test('a domain before a backslash that no search takes is told', async (t) => {
  const { steps } = await explained(t, right, 'CORP\\alice')
  t.match(complaints({ outcome: 'refused', steps }), /no search takes the domain CORP → set `users\[\]\.domain`/)
  const domain = { ...right, users: [{ base: peopleBase, filter: '(uid={username})', domain: 'CORP' }] }
  t.match(complaints(await explained(t, domain, 'OTHER\\alice')), /no search takes the domain OTHER/)
  t.notMatch(complaints(await explained(t, domain, 'corp\\alice')), /no search takes/)
})

t.test('why somebody is let in or not, and which group is in which, is told', async (t) => {
  const nested = { ...groups, nested: true }
  const steps = async (options: Options, username: string, step: string, password?: string) =>
    (await explained(t, { ...right, groups: nested, ...options }, username, password)).steps
      .filter((told) => told.step === step)
      .map(({ text, remedy = '' }) => `${text} → ${remedy}`)
      .join()
  const group = (name: string) => ({ group: `cn=${name},${groupsBase}` })
  t.match(
    await steps({}, 'alice', 'groups'),
    `in 2 groups: cn=editors,${groupsBase}; cn=authors,${groupsBase} (through cn=editors,${groupsBase})`
  )
  t.match(
    await steps({ require: { any: [group('staff'), group('one')] } }, 'alice', 'require'),
    `\`require\` is not met: not in cn=staff,${groupsBase}, not in cn=one,${groupsBase} → there is no group cn=staff,${groupsBase} that could be seen: correct it`
  )
  const must = { all: [group('authors'), { attribute: { employeeNumber: ['8', '9'] } }] }
  t.match(
    await steps({ require: must }, 'alice', 'require'),
    'not met: employeeNumber is 7 (asked for: 8 or 9) → change the account'
  )
  t.match(await steps({ require: { not: must } }, 'alice', 'require'), '`require` is met: employeeNumber is 7')
  t.match(
    await steps({ deny: { any: [group('staff'), group('editors')] } }, 'alice', 'require'),
    `\`deny\` holds: in cn=editors,${groupsBase} →`
  )
  t.match(await steps({ flags: { isSuperuser: group('editors') } }, 'alice', 'flags'), 'a superuser: in cn=editors')
  t.match(await steps({ flags: { isSuperuser: group('one') } }, 'alice', 'flags'), 'no superuser: not in cn=one')
  t.match(await steps({}, 'twin1', 'groups'), /in no group → .*`groups\.base`/)
  t.match(
    await steps({ groups: { base: groupsBase, type: 'memberOf' } }, 'twin1', 'groups'),
    /has no memberOf → .*overlay/
  )
  const admitted = { require: { not: group('staff') } }
  t.match(await steps(admitted, 'alice', 'password', userPassword), 'the directory takes the password')
  t.match(await steps(admitted, 'alice', 'password', 'canary-wrong'), 'the directory answers with LDAP result 49')
})

t.test('a directory that hangs is told from one that is not there', async (t) => {
  const proxy = await startProxy(t, slapd.port)
  proxy.set({ kind: 'drop' })
  const silent = { ...right, servers: [`ldap://127.0.0.1:${proxy.port}`], timeout: '400ms' }
  const { outcome, steps } = await explained(t, silent, 'alice')
  t.equal(outcome, 'unavailable')
  t.match(steps.find(({ outcome }) => outcome === 'failed')?.text, 'the directory does not answer')
})

const yaml = stringify({
  issuer: 'https://auth.example.com',
  publicClient: true,
  backends: [
    { id: 'local', type: 'local' },
    {
      id: 'corp',
      type: 'ldap',
      ...secure,
      email: { domains: ['example.com'] },
      groups,
      permissions: { [`cn=editors,${groupsBase}`]: ['blog.change_post'] }
    }
  ]
})

t.test('latchkey explain: the whole way, and the token as it would be', async (t) => {
  const place = await temporaryFolder(t)
  await writeFile(join(place, 'latchkey.yaml'), yaml)
  const run = (args: string[], input = '') => command(t, args, place, { input })
  const { code, stdout, stderr } = await run(['explain', 'alice'])
  t.equal(code, 0, stderr)
  const inOrder = ['backend local', 'no such account', 'backend corp', 'tcp', 'tls', 'bound as cn=latchkey', 'root-dse']
  const then = [
    '(uid=alice) below',
    'entry',
    'attributes',
    'lastName ',
    'alice@example.com',
    'new user',
    'blog.change_post (corp: group cn=editors'
  ]
  let at = 0
  for (const words of [...inOrder, ...then, '"permissions": [', 'a token would be issued']) {
    const next = stdout.indexOf(words, at)
    t.ok(next >= at, words)
    at = Math.max(at, next)
  }
  t.notMatch(stdout, /canary/, 'no secret')
  t.notOk(stdout.includes('\u001b'), 'no colours in a pipe')
  t.match((await run(['users', 'list'])).stdout, '', 'nobody was made')

  const withPassword = await run(['explain', 'alice', '--password-stdin', '--json'], `${userPassword}\n`)
  t.match(JSON.parse(withPassword.stdout), {
    outcome: 'accepted',
    token: { backend: 'corp', permissions: ['blog.change_post'] }
  })
  const wrong = await run(['explain', 'alice', '--password-stdin'], 'canary-wrong\n')
  t.match([wrong.code, wrong.stdout], [1, /FAIL verdict .* rejects: the password is wrong/])
  t.notMatch(wrong.stdout + wrong.stderr, /canary/)
  const one = await run(['explain', 'alice', '--backend', 'corp', '--permission', 'blog.add_post'])
  t.match([one.code, one.stdout], [1, 'blog.add_post would not be held'])
  t.equal((await run(['explain', 'alice', '--backend', 'nobody'])).code, 1)
  for (const [option, value, beside] of [
    ['--object', 'post:1', '--permission'],
    ['--token-type', 'id_token', '--token-stdin']
  ] as const)
    t.match(await run(['explain', 'alice', option, value]), { code: 2, stderr: `error: ${option} goes with ${beside}` })

  const check = await run(['check'])
  t.equal(check.code, 0)
  for (const words of [
    /tcp .*connected to/,
    /tls .*TLSv1\.3, certificate for localhost/,
    /bind .*bound as/,
    /root-dse .*LDAP/
  ])
    t.match(check.stdout, words)
})

t.test('where a backend can’t be asked without a password, nobody is said to be refused', async (t) => {
  const place = await temporaryFolder(t)
  const backends = '[{ id: accounts, type: http, url: "http://127.0.0.1:9" }, { id: local, type: local }]'
  await writeFile(join(place, 'latchkey.yaml'), `publicClient: true\nbackends: ${backends}\n`)
  const { code, stderr } = await command(t, ['explain', 'alice'], place)
  t.same(
    [code, stderr],
    [
      1,
      "whether anybody would be logged in can't be told: accounts cannot be asked without a password (--password-stdin)\n"
    ]
  )
})

t.test('a token of another issuer: whose it is, its key, its claims, and what would follow from it', async (t) => {
  const key = await issuerKey('one')
  const issuer = await startIssuer(t, key)
  const place = await temporaryFolder(t)
  const sso = { id: 'idp', type: 'jwt', issuer: issuer.url, audiences: [clientAtIssuer], singleUse: true }
  const rights = { claims: { permissions: 'roles' }, email: { domains: ['example.com'] } }
  const other = { ...sso, id: 'other', issuer: 'https://other.example', singleUse: false }
  const backends = [{ id: 'local', type: 'local' }, other, { ...sso, ...rights }]
  await writeFile(join(place, 'latchkey.yaml'), stringify({ issuer: 'https://auth.example.com', backends }))
  const tell = (token: string, ...args: string[]) =>
    command(t, ['explain', '--token-stdin', ...args], place, { input: `${token}\n` })

  const token = await issuer.token({ roles: ['blog.view_post'] })
  for (const time of ['once', 'again: a token that is good once is not used up']) {
    const { code, stdout, stderr } = await tell(token, '--json', '--permission', 'blog.view_post')
    t.equal(code, 0, stderr + stdout)
    const { steps, ...told } = JSON.parse(stdout)
    t.match(told, { outcome: 'accepted', token: { backend: 'idp', email: 'ann@example.com' } }, time)
    t.match(told.permission, { granted: true })
    const there = await tell(token, '--json', '--permission', 'blog.view_post', '--object', 'post:1')
    t.match(JSON.parse(there.stdout).permission, { granted: true }, 'nor on an object is it held less')
    const texts = (id: string) => steps.flatMap(({ backend, text }: Step) => (backend === id ? [text] : []))
    t.same(texts('local'), ['takes no tokens: is not asked'])
    t.match(texts('other')[0], `its issuer is ${issuer.url}, and this backend takes tokens of https://other.example`)
    t.match(
      texts('idp').join(),
      /ES256, by a key of the issuer, one,for .*issued at 20.*accepts .*\(subject subject-of-ann\)/
    )
    t.notOk((stdout + stderr).includes(token.split('.')[2] ?? ''), 'never the token')
  }
  const wrong: Record<string, readonly [token: string, said: RegExp]> = {
    'another audience': [
      await issuer.token({ aud: 'else' }),
      /aud else; `audiences`: latchkey-at-the-issuer.*for somebody else/s
    ],
    expired: [await issuer.token({ exp: 1_700_000_000 }), /exp 2023-11-14T22:13:20\.000Z, now 20.*has expired/s],
    'an unknown key': [await issuer.token({}, { kid: 'two' }), /no key of the issuer fits alg ES256, two/],
    'no token': ['x', /it is no signed JWT/],
    'nothing at all': ['', /the token is empty/],
    'one of ours': [await issuer.token({ iss: 'https://auth.example.com' }), /one of ours/]
  }
  for (const [name, [given, said]] of Object.entries(wrong)) {
    const { code, stdout, stderr } = await tell(given)
    t.equal(code, 1, name)
    t.match(stdout + stderr, said, name)
  }
  await issuer.close()
  const { code, stdout } = await tell(await issuer.token())
  t.match([code, stdout], [1, /could not tell: keys: .*/])
})

t.test('headers of a proxy: from where, under which names, and what would follow from them', async (t) => {
  const place = await temporaryFolder(t)
  const secret = 'canary-of-the-proxy-which-is-long-enough'
  const sso = {
    ...{ id: 'sso', type: 'proxy', from: ['10.0.0.0/8'], secretHeader: { name: 'X-Proxy-Secret', value: secret } },
    headers: { username: 'Remote-User', email: 'Remote-Email', groups: 'Remote-Groups' }
  }
  await writeFile(join(place, 'latchkey.yaml'), stringify({ issuer: 'https://auth.example.com', backends: [sso] }))
  const tell = (args: string[], input = `X-Proxy-Secret: ${secret}\n`) =>
    command(t, ['explain', '--headers-stdin', ...args], place, { input })
  const proxy = ['--ip', '10.0.0.7']
  const alice = ['--header', 'Remote-User=alice', '--header', 'Remote-Email=alice@example.com']

  const { code, stdout, stderr } = await tell([...proxy, ...alice, '--header', 'Remote-Groups=staff,Bücher'])
  t.equal(code, 0, stderr + stdout)
  for (const words of [
    '10.0.0.7 is the proxy',
    'Remote-Groups: staff, Bücher',
    'accepts alice',
    'new user alice@example.com'
  ])
    t.match(stdout, words)
  const wrong: Record<string, readonly [args: string[], said: RegExp | string, input?: string]> = {
    'from elsewhere': [alice, '127.0.0.1 is not the proxy: `from` has 10.0.0.0/8'],
    'no secret': [[...proxy, ...alice], 'X-Proxy-Secret did not come', ''],
    'another secret': [[...proxy, ...alice], 'X-Proxy-Secret holds another secret', 'X-Proxy-Secret: canary-wrong\n'],
    'no name': [proxy, 'Remote-User did not come'],
    'two names': [[...proxy, ...alice, '--header', 'remote-user=bob'], 'Remote-User came more than once'],
    'a list': [[...proxy, '--header', 'Remote-User=alice,bob'], 'Remote-User has a comma'],
    'no e-mail': [[...proxy, '--header', 'Remote-User=alice'], 'it gave none'],
    'no header': [proxy, '--headers-stdin takes lines of NAME: VALUE', 'Remote-User\n']
  }
  for (const [name, [args, said, input]] of Object.entries(wrong)) {
    const { code, stdout, stderr } = await tell(args, input)
    t.equal(code, 1, name)
    t.match(stdout + stderr, said, name)
    t.notMatch(stdout + stderr, /canary/, `${name}: no secret`)
  }
  const usage = async (...args: string[]) => {
    const { code, stderr } = await command(t, ['explain', ...args], place)
    return [code, stderr.split('\n')[0]]
  }
  t.match(await usage('--header', 'Remote-User'), [2, 'error: --header takes NAME=VALUE'])
  t.match(await usage('--header', 'X-Proxy-Secret=x'), [1, /x-proxy-secret holds a secret: give it by --headers-stdin/])
  t.match(await usage(), [2, /one of the three/])
  t.match(await usage('alice', '--header', 'a=b'), [2, /one of the three/])
  t.match(await usage('--header', 'a=b', '--password-stdin'), [2, /goes with a user name/])
  t.match(await usage('alice', '--ip', 'localhost'), [2, /takes an address/])
})

t.test('groups that a login would mirror count as after it, and nothing is written', async (t) => {
  const headers = { username: 'Remote-User', email: 'Remote-Email', groups: 'Remote-Groups' }
  const sso = { id: 'sso', type: 'proxy', from: ['127.0.0.1'], headers }
  const yaml = stringify({ issuer: 'https://auth.example.com', backends: [sso] })
  const { store, folder: place, addUser, parts } = await openTestLatchkey(t, yaml)
  for (const name of ['staff', 'old', 'own'])
    await createGroup(atConsole, { name, permissions: [`blog.${name}`] }, parts.admin)
  const permission = 'blog.change_post'
  await store.objectGrants.grant({ holder: { group: 'staff' }, permission, object: { type: 'post', id: '1' } })
  const inStaff = async () => {
    const who = ['--header', 'Remote-User=alice', '--header', 'Remote-Email=alice@example.com']
    const args = [...who, '--header', 'Remote-Groups=staff', '--permission', permission, '--object', 'post:1', '--json']
    const { stdout } = await command(t, ['explain', ...args], place)
    const { token, permission: told } = JSON.parse(stdout)
    return [token.groups, token.permissions, told.granted]
  }
  t.same(await inStaff(), [['staff'], ['blog.staff'], true], 'of somebody new')
  const user = await addUser({ email: 'alice@example.com', groups: ['own'], permissions: ['blog.direct'] })
  await linkIdentity(atConsole, user, { backend: 'sso', subject: 'alice' }, parts.admin)
  await store.users.mirrorGroups(user, 'sso', ['old', 'own'], 1)
  t.same(await inStaff(), [['own', 'staff'], ['blog.direct', 'blog.own', 'blog.staff'], true], 'those left are gone')
  t.same((await store.users.storedPermissions(user)).groups, ['old', 'own'])
})
