import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { TraceStep } from '../../src/auth/backend.ts'
import { within } from '../../src/backends/ldap/connections/deadline.ts'
import type { Server } from '../../src/backends/ldap/connections/server.ts'
import { createServerList } from '../../src/backends/ldap/connections/server-list.ts'
import { inSrvOrder, parseSrvUrl, type SrvRecord } from '../../src/backends/ldap/connections/srv.ts'
import { createCertificates } from '../servers/certificates.ts'
import { startDns } from '../servers/dns.ts'
import { freePort } from '../servers/free-port.ts'
import { person, serviceAccount, userPassword } from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import { startSlapd } from '../servers/slapd.ts'

const folder = await mkdtemp(join(tmpdir(), 'latchkey-certificates-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const tls = await createCertificates(folder)
const entries = [person('alice')]
const [first, second, dns] = await Promise.all([
  startSlapd(t, { entries, tls, trace: true }),
  startSlapd(t, { entries, trace: true }),
  startDns(t)
])

const name = '_ldap._tcp.localhost'
const record = (port: number, priority = 0, host = 'localhost') => ({ name: host, port, priority, weight: 0 })
const options = { servers: ['ldap+srv://localhost'], insecure: true, bind: serviceAccount }

/** Whom a login on a fresh backend connects to. */
const connections = async () => ({
  first: (await first.operations()).connections,
  second: (await second.operations()).connections
})

t.test('servers are found by DNS, in the order of their priorities', async (t) => {
  dns.set({ [name]: [record(second.port, 20), record(first.port, 10)] })
  await connections()
  t.match(await logIn(openLdapBackend(t, options), 'alice'), { outcome: 'accepted' })
  t.same(await connections(), { first: 2, second: 0 })
  t.ok(dns.asked().includes(name))
  dns.set({ [name]: [record(second.port, 10), record(first.port, 20)] })
  t.match(await logIn(openLdapBackend(t, options), 'alice'), { outcome: 'accepted' })
  t.same(await connections(), { first: 0, second: 2 })
})

t.test('a dead server among them costs nobody a login', async (t) => {
  dns.set({ [name]: [record(await freePort(), 1), record(second.port, 2)] })
  t.match(await logIn(openLdapBackend(t, options), 'alice'), { outcome: 'accepted' })
})

t.test('within a priority the weights decide', async (t) => {
  const records = [0, 10, 30].map((weight) => ({ name: `w${weight}`, port: 1, priority: 1, weight }))
  const firsts: Record<string, number> = { w0: 0, w10: 0, w30: 0 }
  const rounds = 1000
  for (let round = 0; round < rounds; round += 1) {
    // Three independent numbers in [0, 1) that fill the cube evenly.
    const numbers = [Math.SQRT2, Math.sqrt(3), Math.sqrt(5)].map((root) => (round * root) % 1)
    const order = inSrvOrder(records, () => numbers.shift() ?? 0)
    const host = order[0]?.name ?? ''
    firsts[host] = (firsts[host] ?? 0) + 1
  }
  const { w0 = 0, w10 = 0, w30 = 0 } = firsts
  t.ok(w0 < 10 && Math.abs(w30 / rounds - 0.75) < 0.05 && Math.abs(w10 / rounds - 0.25) < 0.05, JSON.stringify(firsts))
  const last = { name: 'x', port: 1, priority: 2, weight: 65_535 }
  t.equal(inSrvOrder([last, ...records]).at(-1), last, 'a priority comes before any weight')
})

t.test(
  'a host outside the domain is passed over, unless its certificate must carry a name or a key of ours',
  async (t) => {
    dns.set({ '_ldap._tcp.example.test': [record(first.port)], '_ldaps._tcp.example.test': [record(first.tlsPort)] })
    const elsewhere = openLdapBackend(t, { ...options, servers: ['ldap+srv://example.test'] })
    await t.rejects(logIn(elsewhere, 'alice'), {
      name: 'BackendUnavailable',
      reason: 'connect',
      cause: { message: /names only hosts outside example\.test/ }
    })
    const secure = { bind: serviceAccount, servers: ['ldaps+srv://example.test'] }
    const named = openLdapBackend(t, { ...secure, tls: { ca: tls.ca, serverName: 'localhost' } })
    t.match(await logIn(named, 'alice'), { outcome: 'accepted' })
    const misnamed = openLdapBackend(t, { ...secure, tls: { ca: tls.ca, serverName: 'dc.example.test' } })
    await t.rejects(logIn(misnamed, 'alice'), { name: 'BackendUnavailable', reason: 'tls' })
  }
)

const stepsOf = async (t: Test) => {
  const steps: TraceStep[] = []
  const backend = openLdapBackend(t, options)
  await backend.probe({ ...questionContext(), trace: (step) => void steps.push(step) }).catch(() => undefined)
  return steps
}

t.test('what DNS said, or why it said nothing, is told', async (t) => {
  dns.set({ [name]: [record(first.port)] })
  t.match((await stepsOf(t))[0], {
    step: 'dns',
    outcome: 'ok',
    text: `ldap+srv://localhost is ldap://localhost:${first.port}`
  })
  dns.set({})
  const [missing] = await stepsOf(t)
  t.match(missing, {
    step: 'dns',
    outcome: 'failed',
    text: /_ldap\._tcp\.localhost/,
    remedy: /dig SRV _ldap\._tcp\.localhost/
  })
  await t.rejects(logIn(openLdapBackend(t, options), 'alice'), { name: 'BackendUnavailable', reason: 'connect' })
})

t.test('a DNS server that is silent is an outage within the time given', async (t) => {
  dns.set(undefined)
  const backend = openLdapBackend(t, options)
  await t.rejects(logIn(backend, 'alice', userPassword, questionContext(300)), {
    name: 'BackendUnavailable',
    reason: 'timeout'
  })
})

t.test('DNS is asked again after a minute; what it said before holds while it is silent', async (t) => {
  const now = performance.now.bind(performance)
  let shift = 0
  performance.now = () => now() + shift
  t.teardown(() => {
    performance.now = now
  })
  const aMinuteLater = async () => {
    const before = dns.asked().length
    shift += 61_000
    t.match(await logIn(backend, 'alice'), { outcome: 'accepted' }, 'nobody waits for it')
    while (dns.asked().length === before) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, 300))
    await connections()
  }
  dns.set({ [name]: [record(first.port)] })
  const backend = openLdapBackend(t, options)
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  const asked = dns.asked().length
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.equal(dns.asked().length, asked, 'not at each login')

  dns.set({ [name]: [record(second.port)] })
  await aMinuteLater()
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.match(await first.operations(), { connections: 0, binds: 0, searches: 0 }, 'not the old server')
  t.ok((await second.operations()).searches > 0, 'the new one')
  dns.set({})
  await aMinuteLater()
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
})

t.test('a backend that is closed while DNS is asked opens no server any more', async (t) => {
  const answer = Promise.withResolvers<SrvRecord[]>()
  const opened: string[] = []
  const list = createServerList({
    places: [{ url: 'ldap+srv://example.test', scheme: 'ldap', domain: 'example.test' }],
    anyHost: true,
    resolve: () => answer.promise,
    open({ url }) {
      opened.push(url)
      throw new Error('nobody closes this one')
    }
  })
  const asked = list.current(within(5000))
  list.close()
  answer.resolve([record(first.port)])
  await t.rejects(asked, { name: 'LdapFailure', reason: 'closed' })
  t.same(opened, [])
})

t.test('whoever has time left asks DNS again where somebody else had too little', async (t) => {
  let asked = 0
  const server = { url: `ldap://localhost:${first.port}` }
  const list = createServerList({
    places: [{ url: 'ldap+srv://example.test', scheme: 'ldap', domain: 'example.test' }],
    anyHost: true,
    resolve: () => (++asked === 1 ? new Promise(() => {}) : Promise.resolve([record(first.port)])),
    open: () => server as Server
  })
  const hasty = list.current(within(20))
  const patient = list.current(within(5000))
  await t.rejects(hasty, { name: 'LdapFailure', reason: 'timeout' })
  t.same(await patient, [server])
})

t.test('URLs of a domain', async (t) => {
  t.same(parseSrvUrl('ldaps+srv://Example.COM/'), {
    url: 'ldaps+srv://Example.COM/',
    scheme: 'ldaps',
    domain: 'example.com'
  })
  t.equal(parseSrvUrl('ldaps://example.com'), undefined)
  for (const wrong of ['', '//', '//a b', '//a:636', '//a/dc=x', '//a..b', '//-a', '//user@a', '//[::1]', ':a']) {
    t.throws(() => parseSrvUrl(`ldaps+srv:${wrong}`), wrong)
  }
})
