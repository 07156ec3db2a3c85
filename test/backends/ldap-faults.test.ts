import { createHash, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Backend } from '../../src/auth/backend.ts'
import type { LdapOptions } from '../../src/backends/ldap/options.ts'
import { BackendUnavailable } from '../../src/errors.ts'
import { openTestLatchkey } from '../latchkey.ts'
import { createCertificates } from '../servers/certificates.ts'
import { peopleBase, person, personName, userPassword } from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { entry, type MockRequest, requests, result, startLdapMock } from '../servers/ldap-fixtures-mock.ts'
import { type Fault, startProxy } from '../servers/proxy.ts'
import { startSlapd } from '../servers/slapd.ts'

const folder = await mkdtemp(join(tmpdir(), 'latchkey-faults-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const certificates = await createCertificates(folder)
const alice = { entries: [person('alice')] }

/** How long each of many logins took, in order of length, and what came of it. */
const timed = async (count: number, login: (at: number) => Promise<string>) => {
  const outcomes: string[] = []
  const ms: number[] = []
  for (let at = 0; at < count; at += 1) {
    const began = performance.now()
    outcomes.push(await login(at))
    ms.push(performance.now() - began)
  }
  ms.sort((a, b) => a - b)
  const median = ms[Math.floor(ms.length / 2)] ?? 0
  return {
    outcomes: [...new Set(outcomes)],
    median,
    p99: ms[Math.ceil(ms.length * 0.99) - 1] ?? 0,
    longest: ms.at(-1) ?? 0
  }
}

const outcomeOf = async (backend: Backend, username = 'alice', timeoutMs = 1500): Promise<string> => {
  try {
    return (await logIn(backend, username, userPassword, questionContext(timeoutMs))).outcome
  } catch (error) {
    if (error instanceof BackendUnavailable) return error.reason
    throw error
  }
}

const untilAccepted = async (login: () => Promise<string>): Promise<void> => {
  while ((await login()) !== 'accepted') await sleep(20)
}

t.test('one of two servers hangs: logins go on as fast as before', async (t) => {
  const [first, second] = await Promise.all([startSlapd(t, { people: 200 }), startSlapd(t, { people: 200 })])
  const { bind } = first
  const proxy = await startProxy(t, first.port)
  const servers = [`ldap://127.0.0.1:${proxy.port}`, second.url]
  const backend = openLdapBackend(t, { servers, insecure: true, bind })
  const login = (at: number) => outcomeOf(backend, personName((at % 200) + 1))
  await timed(200, login)
  const before = await timed(400, login)
  first.pause()
  t.teardown(() => first.resume())
  const meanwhile = await timed(3, login)
  t.same(meanwhile.outcomes, ['accepted'], 'nobody is refused while it is found out')
  const { total } = proxy.connections()
  const during = await timed(400, login)
  t.same(during.outcomes, ['accepted'])
  t.comment(`p99 ${before.p99.toFixed(2)} ms before, ${during.p99.toFixed(2)} ms with one of two hanging`)
  t.ok(proxy.connections().total - total < 100, 'no login asks the one that hangs; what looks after it may')
})

t.test('all servers hang: 503, then at once; other backends feel nothing; back by itself', async (t) => {
  const [first, second] = await Promise.all([startSlapd(t, alice), startSlapd(t, alice)])
  const latchkey = await openTestLatchkey(
    t,
    `issuer: https://auth.example.com
publicClient: true
login: { failureFloor: 1ms }
limits: { account: false, ip: false }
backends:
  - id: members
    type: static
    users: [{ username: ann, email: ann@example.org, password: correct horse battery }]
  - id: corp
    type: ldap
    servers: [${first.url}, ${second.url}]
    insecure: true
    bind: { dn: "${first.bind.dn}", password: ${first.bind.password} }
    users: [{ base: "ou=users,dc=example,dc=com", filter: "(uid={username})" }]
`
  )
  const statusOf = async (username: string, password: string) => {
    const { statusCode } = await latchkey.token({ grant_type: 'password', username, password })
    return statusCode === 200 ? 'accepted' : String(statusCode)
  }
  const corp = () => statusOf('alice', userPassword)
  const ann = () => statusOf('ann', 'correct horse battery')
  t.equal(await corp(), 'accepted')
  const annBefore = await timed(20, ann)
  for (const server of [first, second]) {
    server.pause()
    t.teardown(() => server.resume())
  }
  const found = await timed(1, corp)
  t.same(found.outcomes, ['503'])
  const open = await timed(20, corp)
  t.same(open.outcomes, ['503'])
  const annDuring = await timed(20, ann)
  t.same(annDuring.outcomes, ['accepted'])
  t.comment(
    `503 after ${found.longest.toFixed(0)} ms, then median ${open.median.toFixed(1)} ms; ` +
      `another backend ${annBefore.median.toFixed(1)} ms before, ${annDuring.median.toFixed(1)} ms during`
  )
  // Each of these pays for one password hash, which is what the time goes into.
  t.ok(open.median < found.longest, `${open.median.toFixed(1)} ms with the breakers open`)
  t.ok(annDuring.median < found.longest, 'another backend feels nothing')
  for (const server of [first, second]) server.resume()
  await untilAccepted(corp)
  t.match(latchkey.log(), /"event":"ldap_server_down"[\s\S]*"event":"ldap_server_up"/)
})

t.test('whatever the network does to one server, the other answers', async (t) => {
  const [first, second] = await Promise.all([startSlapd(t, alice), startSlapd(t, alice)])
  const faults: Readonly<Record<string, Fault>> = {
    silence: { kind: 'drop' },
    resets: { kind: 'reset' },
    'half answers': { kind: 'half' },
    garbage: { kind: 'garbage', bytes: 'HTTP/1.1 400 Bad Request\r\n\r\n' },
    'a trickle': { kind: 'throttle', bytesPerSecond: 20 },
    'answers long after': { kind: 'delay', ms: 3000 }
  }
  for (const [name, fault] of Object.entries(faults)) {
    const proxy = await startProxy(t, first.port)
    const servers = [`ldap://127.0.0.1:${proxy.port}`, second.url]
    const backend = openLdapBackend(t, { servers, insecure: true, bind: first.bind })
    t.equal(await outcomeOf(backend), 'accepted', `${name}: before`)
    proxy.set(fault)
    const during = await timed(5, () => outcomeOf(backend))
    t.same(during.outcomes, ['accepted'], `${name}: ${Math.round(during.longest)} ms at most`)
    proxy.set({ kind: 'pass' })
    await untilAccepted(async () => (backend.availability?.().state === 'closed' ? 'accepted' : 'not yet'))
    t.equal(await outcomeOf(backend), 'accepted', `${name}: after`)
    await backend.close?.()
  }
})

t.test('a password is sent elsewhere only where no answer came', async (t) => {
  const [first, second] = await Promise.all([
    startSlapd(t, { ...alice, trace: true }),
    startSlapd(t, { ...alice, trace: true })
  ])
  const backend = openLdapBackend(t, { servers: [first.url, second.url], insecure: true, bind: first.bind })
  await logIn(backend, 'alice')
  await first.operations()
  await second.operations()
  t.equal((await logIn(backend, 'alice', 'wrong')).outcome, 'rejected')
  t.match(await first.operations(), { binds: 1 })
  t.match(await second.operations(), { connections: 0, binds: 0 }, 'a wrong password is an answer')
})

t.test('what a server says of one account is no outage of the server', async (t) => {
  const slapd = await startSlapd(t, alice)
  const dnTemplate = `uid={username},${peopleBase}`
  const unwilling = await startLdapMock(t, ({ operation, answer }) =>
    answer(operation === requests.bind ? result(0x61, 53, 'not today') : result(0x65, 0))
  )
  const nameless = await startLdapMock(t, ({ operation, answer }) =>
    operation === requests.bind
      ? answer(result(0x61, 0))
      : answer(entry(`uid=alice,${peopleBase}`, { uid: ['alice'] }), result(0x65, 0))
  )
  for (const [url, reason] of [
    [slapd.url, 'no-such-object'],
    [unwilling.url, 'refused'],
    [nameless.url, 'protocol']
  ] as const) {
    const users = [{ base: peopleBase, filter: '(uid={username})' }]
    const backend = openLdapBackend(t, { servers: [url], insecure: true, dnTemplate, users })
    t.equal(await outcomeOf(backend), reason)
    t.match(backend.availability?.(), { state: 'closed' }, `${reason}: all others go on`)
  }
})

t.test('a change of a password that gets no answer is not sent again', async (t) => {
  let changes = 0
  const answerBut =
    (onChange: (request: MockRequest) => void) =>
    (request: MockRequest): void => {
      const { operation, answer } = request
      if (operation === requests.bind) answer(result(0x61, 0))
      if (operation === requests.search)
        answer(
          entry(`uid=alice,${peopleBase}`, { uid: ['alice'], entryUUID: [subject], objectClass: ['person'] }),
          result(0x65, 0)
        )
      if (operation !== requests.extended) return
      changes += 1
      onChange(request)
    }
  const subject = '01234567-89ab-cdef-0123-456789abcdef'
  const second = await startLdapMock(
    t,
    answerBut(({ answer }) => answer(result(0x78, 49)))
  )
  const silences: Readonly<Record<string, (request: MockRequest) => void>> = {
    closed: ({ socket }) => socket.destroy(),
    timeout: () => undefined
  }
  for (const [reason, onChange] of Object.entries(silences)) {
    const first = await startLdapMock(t, answerBut(onChange))
    const servers = [first.url, second.url]
    const backend = openLdapBackend(t, { servers, insecure: true, preset: 'openldap' })
    t.equal(await outcomeOf(backend), 'accepted')
    changes = 0
    const change = async () =>
      backend.changePassword?.(subject, userPassword, 'canary-fresh-password', questionContext(800))
    await t.rejects(change, { name: 'BackendUnavailable', reason }, 'nobody can say whether it was made')
    t.equal(changes, 1, reason)
  }
})

t.test('a slow handshake is an outage of that server alone', async (t) => {
  const [first, second] = await Promise.all([
    startSlapd(t, { ...alice, tls: certificates }),
    startSlapd(t, { ...alice, tls: certificates })
  ])
  const proxy = await startProxy(t, first.tlsPort)
  proxy.set({ kind: 'throttle', bytesPerSecond: 100 })
  const servers = [`ldaps://127.0.0.1:${proxy.port}`, second.tlsUrl]
  const backend = openLdapBackend(t, { servers, tls: { ca: certificates.ca }, bind: first.bind })
  const slow = await timed(3, () => outcomeOf(backend))
  t.same(slow.outcomes, ['accepted'])
})

t.test('connections that a firewall has forgotten are found out before a login is spent on them', async (t) => {
  const slapd = await startSlapd(t, alice)
  const proxy = await startProxy(t, slapd.port)
  const servers = [`ldap://127.0.0.1:${proxy.port}`]
  const pool = { checkAfter: '50ms' }
  const backend = openLdapBackend(t, { servers, insecure: true, bind: slapd.bind, pool })
  t.equal(await outcomeOf(backend), 'accepted')
  await sleep(100)
  proxy.set({ kind: 'drop' })
  setTimeout(() => proxy.set({ kind: 'pass' }), 150)
  t.equal(await outcomeOf(backend), 'accepted')
  t.ok(proxy.connections().total > 2, 'on new connections')
})

t.test('pool.min connections are at hand after the first question', async (t) => {
  const slapd = await startSlapd(t, alice)
  const proxy = await startProxy(t, slapd.port)
  const options = { servers: [`ldap://127.0.0.1:${proxy.port}`], insecure: true, bind: slapd.bind }
  const backend = openLdapBackend(t, { ...options, pool: { min: 3, max: 5 } })
  t.equal(proxy.connections().total, 0, 'none before')
  t.equal(await outcomeOf(backend), 'accepted')
  while (proxy.connections().open < 6) await sleep(10)
  t.same(proxy.connections(), { open: 6, total: 6 }, 'three for searches, three for binds')
  await Promise.all(Array.from({ length: 40 }, () => outcomeOf(backend)))
  t.ok(proxy.connections().open <= 10)
})

t.test('strategy random uses every server that answers', async (t) => {
  const servers = await Promise.all([
    startSlapd(t, { ...alice, trace: true }),
    startSlapd(t, { ...alice, trace: true })
  ])
  const urls = servers.map(({ url }) => url)
  const [first] = servers
  const backend = openLdapBackend(t, { servers: urls, strategy: 'random', insecure: true, bind: first.bind })
  await timed(30, () => outcomeOf(backend))
  for (const server of servers) t.ok((await server.operations()).searches > 3)
  await first.kill()
  t.same((await timed(20, () => outcomeOf(backend))).outcomes, ['accepted'])
})

t.test('a pinned key comes on top of a trusted certificate', async (t) => {
  const slapd = await startSlapd(t, { ...alice, tls: certificates })
  const { publicKey } = new X509Certificate(await readFile(certificates.cert))
  const pin = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  const other = createHash('sha256').update('another key').digest('base64')
  const outcome = (options: Partial<LdapOptions> & Pick<LdapOptions, 'servers'>) =>
    outcomeOf(openLdapBackend(t, { bind: slapd.bind, ...options }))
  const { ca } = certificates
  for (const way of [{ servers: [slapd.tlsUrl] }, { servers: [slapd.url], startTls: true }]) {
    t.equal(await outcome({ ...way, tls: { ca, pin } }), 'accepted')
    t.equal(await outcome({ ...way, tls: { ca, pin: [other, pin] } }), 'accepted')
    t.equal(await outcome({ ...way, tls: { ca, pin: other } }), 'tls')
    t.equal(await outcome({ ...way, tls: { pin } }), 'tls', 'a pin is no authority')
  }
})
