import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import t from 'tap'
import type { Verdict } from '../../src/auth/backend.ts'
import { createSession } from '../../src/backends/ldap/connections/session.ts'
import { BackendUnavailable } from '../../src/errors.ts'
import { createCertificates } from '../servers/certificates.ts'
import { groupsBase, peopleBase, person, serviceAccount, userPassword } from '../servers/ldap-fixtures.ts'
import { logIn, openLdapBackend, questionContext } from '../servers/ldap-fixtures-backend.ts'
import {
  element,
  entry,
  type MockRequest,
  message,
  requests,
  result,
  startLdapMock
} from '../servers/ldap-fixtures-mock.ts'
import { startProxy } from '../servers/proxy.ts'
import { startSlapd } from '../servers/slapd.ts'

const folder = await mkdtemp(join(tmpdir(), 'latchkey-certificates-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const [certificates, elsewhere, client] = await Promise.all([
  createCertificates(folder),
  createCertificates(folder, { prefix: 'elsewhere', names: 'DNS:dc.example.org' }),
  createCertificates(folder, { prefix: 'client' })
])

const alice = { entries: [person('alice')] }
const bind = serviceAccount

const connectedTo = async (url: string): Promise<Socket> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** What the chain would be told; a verdict instead of it is a failed test. */
const unavailability = async (asked: Promise<unknown>): Promise<BackendUnavailable> => {
  try {
    throw new Error(`answered: ${JSON.stringify(await asked)}`)
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })
    if (/canary/.test(shown)) throw new Error('a secret is in what was thrown')
    return error
  }
}
const reasonOf = async (asked: Promise<Verdict>): Promise<string> => (await unavailability(asked)).reason

/** Waits until a probe in the background has found out that the directory is back. */
const recovered = async (backend: { availability?: () => { state: string } }): Promise<void> => {
  while (backend.availability?.().state !== 'closed') await sleep(20)
}

t.test('TLS at once, by StartTLS, over a socket, with a client certificate', async (t) => {
  const slapd = await startSlapd(t, { ...alice, tls: certificates })
  const tls = { ca: certificates.ca }
  for (const [name, options] of Object.entries({
    ldaps: { servers: [slapd.tlsUrl], tls },
    'ldaps by name': { servers: [slapd.tlsUrl.replace('127.0.0.1', 'localhost')], tls },
    startTls: { servers: [slapd.url], startTls: true, tls: { ...tls, minVersion: 'TLSv1.3' as const } },
    ldapi: { servers: [slapd.socketUrl] }
  })) {
    const backend = openLdapBackend(t, { bind, ...options })
    t.match(await logIn(backend, 'alice'), { outcome: 'accepted' }, name)
    t.match(await logIn(backend, 'alice', 'wrong'), { outcome: 'rejected' }, name)
  }

  const demanding = await startSlapd(t, {
    ...alice,
    tls: { ...certificates, ca: client.ca },
    settings: ['TLSVerifyClient demand']
  })
  const known = { servers: [demanding.tlsUrl], tls: { ...tls, cert: client.cert, key: client.key } }
  t.match(await logIn(openLdapBackend(t, { bind, ...known }), 'alice'), { outcome: 'accepted' })
  const unknown = await unavailability(logIn(openLdapBackend(t, { bind, servers: [demanding.tlsUrl], tls }), 'alice'))
  t.ok(['tls', 'closed'].includes(unknown.reason), unknown.reason)
})

t.test('a certificate that is not trusted, or another host’s, is an outage', async (t) => {
  const slapd = await startSlapd(t, { ...alice, tls: certificates })
  const other = await startSlapd(t, { ...alice, tls: elsewhere })
  for (const startTls of [true, false]) {
    const reason = (server: typeof slapd, tls: object) => {
      const servers = [startTls ? server.url : server.tlsUrl]
      return reasonOf(logIn(openLdapBackend(t, { bind, servers, startTls, tls }), 'alice'))
    }
    t.equal(await reason(slapd, {}), 'tls', 'unknown authority')
    t.equal(await reason(slapd, { ca: elsewhere.ca }), 'tls', 'another authority')
    t.equal(await reason(other, { ca: elsewhere.ca }), 'tls', 'another host')
    t.equal(await reason(slapd, { ca: certificates.ca, serverName: 'dc.example.org' }), 'tls', 'another name demanded')
    t.equal(await reason(slapd, { ca: join(folder, 'missing.pem') }), 'tls', 'no such file')
  }
  const named = { servers: [other.tlsUrl], tls: { ca: elsewhere.ca, serverName: 'dc.example.org' } }
  t.match(await logIn(openLdapBackend(t, { bind, ...named }), 'alice'), { outcome: 'accepted' })
})

t.test('after a failed StartTLS nothing is sent in clear', async (t) => {
  const started = result(0x78, 0)
  const ways: Readonly<Record<string, readonly [reason: string, onExtended: (request: MockRequest) => void]>> = {
    refused: ['tls', ({ answer }) => answer(result(0x78, 52))],
    'an error of the protocol': ['tls', ({ answer }) => answer(result(0x78, 2, 'unsupported extended operation'))],
    'no TLS behind it': [
      'tls',
      ({ answer, socket }) => {
        answer(started)
        setTimeout(() => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 20)
      }
    ],
    'an answer in clear along with it': [
      'protocol',
      ({ socket, id }) => socket.write(Buffer.concat([message(id, started), message(id + 1, result(0x61, 0))]))
    ],
    'half an answer in clear along with it': [
      'tls',
      ({ socket, id }) => socket.write(Buffer.concat([message(id, started), element(0x30, 'half').subarray(0, 4)]))
    ],
    garbage: ['protocol', ({ socket }) => socket.write('220 smtp.example.com ESMTP\r\n')],
    closed: ['closed', ({ socket }) => socket.destroy()],
    silence: ['timeout', () => {}],
    'half an answer': ['timeout', ({ socket, id }) => socket.write(message(id, started).subarray(0, 6))],
    'no handshake': ['timeout', ({ answer }) => answer(started)]
  }
  for (const [name, [expected, onExtended]] of Object.entries(ways)) {
    let binds = 0
    const mock = await startLdapMock(t, (request) => {
      if (request.operation === requests.extended) return onExtended(request)
      binds += 1
      return request.answer(result(0x61, 0))
    })
    const backend = openLdapBackend(t, { servers: [mock.url], startTls: true, tls: { ca: certificates.ca }, bind })
    const { reason } = await unavailability(logIn(backend, 'alice', userPassword, questionContext(300)))
    t.equal(reason, expected, name)
    await unavailability(logIn(backend, 'alice', userPassword, questionContext(300)))
    t.equal(binds, 0, `${name}: no bind was sent`)
    t.notOk(/canary|cn=latchkey/.test(mock.received().toString('latin1')), `${name}: nothing secret was sent`)
  }
})

t.test('an answer that is no answer is never success', async (t) => {
  const dn = `uid=alice,${peopleBase}`
  const found = entry(dn, { entryUUID: ['4E0AF9DA-7A58-1041-9308-879CC0F835F3'], uid: ['alice'] })
  const success = result(0x61, 0)
  const ways: Readonly<Record<string, (request: MockRequest) => void>> = {
    'without a code': ({ answer }) => answer(element(0x61)),
    'an empty code': ({ answer }) => answer(element(0x61, element(0x0a), element(0x04), element(0x04))),
    'a code alone': ({ answer }) => answer(element(0x61, element(0x0a, 0))),
    'another operation’s end': ({ answer }) => answer(result(0x65, 0)),
    'an answer to nobody': ({ socket, id }) => socket.write(message(id + 7, success)),
    'a notice of disconnection': ({ socket }) => socket.write(message(0, result(0x78, 52))),
    'longer than its frame': ({ socket, id }) =>
      socket.write(element(0x30, element(0x02, id), Buffer.from([0x61, 0x7f, 0x0a]))),
    'far too long': ({ socket }) => socket.write(Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff])),
    'an indefinite length': ({ socket }) => socket.write(Buffer.from([0x30, 0x80, 0x02, 0x01])),
    garbage: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\n'),
    closed: ({ socket }) => socket.end(),
    reset: ({ socket }) => socket.resetAndDestroy(),
    busy: ({ answer }) => answer(result(0x61, 51)),
    referral: ({ answer }) => answer(result(0x61, 10)),
    'more is wanted': ({ answer }) => answer(result(0x61, 14))
  }
  const reasons: Record<string, string> = {}
  for (const [name, onBind] of Object.entries(ways)) {
    let userBinds = 0
    const mock = await startLdapMock(t, (request) => {
      const { operation, bytes, answer } = request
      if (operation === requests.search) answer(...(bytes.includes('uid') ? [found] : []), result(0x65, 0))
      if (operation !== requests.bind) return
      userBinds += 1
      onBind(request)
    })
    const backend = openLdapBackend(t, { servers: [mock.url], insecure: true })
    const asked = logIn(backend, 'alice', userPassword, questionContext(1000))
    reasons[name] = await reasonOf(asked)
    t.equal(userBinds, 1, `${name}: the password is sent once`)
    t.match(await logIn(backend, '', 'x'), { outcome: 'unknown' }, 'and the process lives')
  }
  t.match(reasons, { 'without a code': 'protocol', closed: 'closed', busy: 'server-unavailable', referral: 'referral' })
})

t.test('a bind without DN or password is never sent', async (t) => {
  const mock = await startLdapMock(t, ({ answer }) => answer(result(0x61, 0)))
  const session = createSession(await connectedTo(mock.url), () => {})
  t.teardown(() => session.end())
  const deadline = questionContext(1000)
  for (const [dn, password] of [
    ['cn=x', ''],
    ['cn=x', '\0'],
    ['cn=x', 'secret\0'],
    ['', 'secret']
  ] as const) {
    t.match(await session.bind(dn, password, deadline), { code: 49 }, JSON.stringify([dn, password]))
  }
  t.equal(mock.received().length, 0)
  t.match(await session.bind('cn=x', 'secret', deadline), { code: 0 })
})

t.test('a broken or endless search result is an outage', async (t) => {
  const ways: Readonly<Record<string, (request: MockRequest) => void>> = {
    'a value longer than its set': ({ answer }) =>
      answer(
        element(
          0x64,
          element(0x04, 'cn=x'),
          element(0x30, element(0x30, element(0x04, 'uid'), Buffer.from([0x31, 2, 4, 9])))
        )
      ),
    'a DN that is no text': ({ answer }) =>
      answer(element(0x64, element(0x04, Buffer.from([0xff])), element(0x30)), result(0x65, 0)),
    'entries without end': ({ answer, socket }) => {
      const more = () => socket.writable && answer(entry('cn=x', { uid: ['x'] })) === undefined && setTimeout(more, 1)
      more()
    },
    'a time limit': ({ answer }) => answer(result(0x65, 3)),
    'no access': ({ answer }) => answer(result(0x65, 50)),
    'a referral': ({ answer }) => answer(result(0x65, 10))
  }
  for (const [name, onSearch] of Object.entries(ways)) {
    const mock = await startLdapMock(t, (request) => {
      if (request.bytes.includes('supportedControl')) request.answer(entry('', {}), result(0x65, 0))
      else onSearch(request)
    })
    const backend = openLdapBackend(t, { servers: [mock.url], insecure: true })
    const reason = await reasonOf(logIn(backend, 'alice', userPassword, questionContext(300)))
    t.ok(['protocol', 'timeout', 'time-limit', 'refused', 'referral'].includes(reason), `${name}: ${reason}`)
  }
})

t.test('a continuation reference is passed over, a size limit of the server makes the name ambiguous', async (t) => {
  const found = entry('uid=alice', { entryUUID: ['4e0af9da-7a58-1041-9308-879cc0f835f3'], uid: ['alice'] })
  const answering = async (...operations: Buffer[]) => {
    const mock = await startLdapMock(t, ({ operation, bytes, answer }) => {
      if (operation === requests.bind) answer(result(0x61, 0))
      else if (bytes.includes('supportedControl')) answer(entry('', {}), result(0x65, 0))
      else answer(...operations)
    })
    return logIn(openLdapBackend(t, { servers: [mock.url], insecure: true }), 'alice')
  }
  const reference = element(0x73, element(0x04, 'ldap://evil.example.com/'))
  t.match(await answering(reference, found, result(0x65, 0)), { outcome: 'accepted' })
  t.match(await answering(found, result(0x65, 4)), { outcome: 'rejected', reason: 'ambiguous' })
})

t.test('groups that are too many, too deep or cut are refused, never cut short', async (t) => {
  let made = 0
  const ways: Readonly<Record<string, readonly [reason: string, answer: () => readonly Buffer[]]>> = {
    'cut by the server': ['size-limit', () => [entry(`cn=a,${groupsBase}`, { cn: ['a'] }), result(0x65, 4)]],
    'an administrative limit': ['size-limit', () => [result(0x65, 11)]],
    'nested without end': ['size-limit', () => [entry(`cn=a${++made},${groupsBase}`, { cn: ['a'] }), result(0x65, 0)]],
    'too many': [
      'size-limit',
      () => [...Array.from({ length: 5001 }, (_, at) => entry(`cn=a${at}`, { cn: ['a'] })), result(0x65, 0)]
    ],
    'a name that is no DN': ['protocol', () => [entry('nonsense', { cn: ['a'] }), result(0x65, 0)]]
  }
  for (const [name, [reason, answers]] of Object.entries(ways)) {
    const mock = await startLdapMock(t, ({ bytes, answer }) =>
      bytes.includes('supportedControl') ? answer(entry('', {}), result(0x65, 0)) : answer(...answers())
    )
    const groups = { base: groupsBase, type: 'groupOfNames', nested: true } as const
    const backend = openLdapBackend(t, { servers: [mock.url], insecure: true, groups })
    const native = { dn: `uid=alice,${peopleBase}`, uids: [], gidNumbers: [] }
    const identity = { subject: 'x', username: 'alice', emails: [], attributes: {}, native }
    const failure = await unavailability(backend.permissions({ subject: 'x', identity }, questionContext()))
    t.equal(failure.reason, reason, name)
  }
})

t.test('Active Directory: objectGUID is the subject, and it says why a bind failed', async (t) => {
  const guid = Buffer.from('33221100554477668899aabbccddeeff', 'hex')
  const subject = '00112233-4455-6677-8899-aabbccddeeff'
  let code = '52e'
  const mock = await startLdapMock(t, ({ operation, bytes, answer }) => {
    const diagnostic = `80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data ${code}, v3839`
    if (operation === requests.bind) return answer(code === '' ? result(0x61, 0) : result(0x61, 49, diagnostic))
    const isRootDse = bytes.includes('supportedCapabilities')
    if (isRootDse) return answer(entry('', { supportedCapabilities: ['1.2.840.113556.1.4.800'] }), result(0x65, 0))
    const isBySubject = bytes.includes(Buffer.concat([Buffer.from('objectGUID'), element(0x04, guid)]))
    const isByName = bytes.includes(Buffer.concat([Buffer.from('sAMAccountName'), element(0x04, 'alice')]))
    const found = entry('CN=Alice,DC=example', { objectGUID: [guid], sAMAccountName: ['alice'], cn: ['Alice'] })
    return answer(...(isBySubject || isByName ? [found] : []), result(0x65, 0))
  })
  const users = [{ base: 'DC=example', filter: '(sAMAccountName={username})' }]
  const backend = openLdapBackend(t, { servers: [mock.url], insecure: true, users })
  const verdicts: Readonly<Record<string, Verdict>> = {
    '52e': { outcome: 'rejected', reason: 'wrong-password' },
    '525': { outcome: 'rejected', reason: 'wrong-password' },
    '530': { outcome: 'denied', reason: 'not-allowed' },
    '531': { outcome: 'denied', reason: 'not-allowed' },
    '532': { outcome: 'denied', reason: 'password-expired' },
    '533': { outcome: 'denied', reason: 'disabled' },
    '701': { outcome: 'denied', reason: 'expired' },
    '773': { outcome: 'denied', reason: 'must-change-password' },
    '775': { outcome: 'denied', reason: 'locked' }
  }
  for (code of Object.keys(verdicts)) t.match(await logIn(backend, 'alice'), verdicts[code], code)
  code = ''
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted', identity: { subject, username: 'alice' } })
  t.match(await backend.identity(subject, questionContext()), { state: 'present', identity: { subject } })
  t.same(await backend.identity('no-guid', questionContext()), { state: 'gone' })
})

t.test('a refused service account is an outage, not a wrong password', async (t) => {
  const slapd = await startSlapd(t, alice)
  for (const wrong of [
    { ...bind, password: 'canary-wrong' },
    { ...bind, dn: `cn=canary,${peopleBase}` }
  ]) {
    const backend = openLdapBackend(t, { servers: [slapd.url], insecure: true, bind: wrong })
    t.equal(await reasonOf(logIn(backend, 'alice')), 'bind')
    t.equal((await unavailability(backend.probe(questionContext()))).reason, 'bind')
    t.equal(
      (
        await unavailability(
          backend.permissions({ subject: 'x' }, questionContext()).then(() => backend.identity('x', questionContext()))
        )
      ).reason,
      'bind'
    )
  }
})

t.test('the second server is asked when the first is dead, and the first again when it is back', async (t) => {
  const [first, second] = await Promise.all([
    startSlapd(t, { ...alice, trace: true }),
    startSlapd(t, { ...alice, trace: true })
  ])
  const backend = openLdapBackend(t, { servers: [first.url, second.url], insecure: true, bind })
  await second.operations()
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.match(await second.operations(), { connections: 0 }, 'the second is not even connected to')
  await first.kill()
  for (let login = 0; login < 5; login += 1) t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.match(await second.operations(), { binds: 6, searches: 6 }, 'service bind and root DSE once')
  await first.start()
  while ((await first.operations()).searches < 2) t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  await first.operations()
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.match(await logIn(backend, 'alice', 'wrong'), { outcome: 'rejected' })
  t.match(await first.operations(), { searches: 2 })
  await Promise.all([first.kill(), second.kill()])
  t.equal(await reasonOf(logIn(backend, 'alice')), 'connect')
})

t.test('connections are kept, but neither for ever nor unused', async (t) => {
  const slapd = await startSlapd(t, { ...alice, trace: true })
  const server = { servers: [slapd.url], insecure: true, bind }
  for (const [pool, fresh] of [
    [{}, 0],
    [{ idle: '50ms' }, 2],
    [{ maxAge: '50ms' }, 2]
  ] as const) {
    const backend = openLdapBackend(t, { ...server, pool })
    await logIn(backend, 'alice')
    await slapd.operations()
    await sleep(100)
    await logIn(backend, 'alice')
    t.equal((await slapd.operations()).connections, fresh, JSON.stringify(pool))
  }
})

t.test('connections that a restarted server has forgotten cost nobody a login', async (t) => {
  const slapd = await startSlapd(t, alice)
  const backend = openLdapBackend(t, { servers: [slapd.url], insecure: true, bind })
  await Promise.all(Array.from({ length: 8 }, () => logIn(backend, 'alice')))
  await slapd.kill()
  t.equal(await reasonOf(logIn(backend, 'alice')), 'connect')
  await slapd.start()
  await recovered(backend)
  t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
})

t.test('while one of two servers hangs, logins go on', async (t) => {
  const [first, second] = await Promise.all([startSlapd(t, alice), startSlapd(t, alice)])
  const proxy = await startProxy(t, first.port)
  const servers = [`ldap://127.0.0.1:${proxy.port}`, second.url]
  const backend = openLdapBackend(t, { servers, insecure: true, bind })
  await Promise.all(Array.from({ length: 8 }, () => logIn(backend, 'alice')))
  first.pause()
  t.teardown(() => first.resume())
  const during = await Promise.all(
    Array.from({ length: 40 }, () => logIn(backend, 'alice', userPassword, questionContext(1500)))
  )
  t.ok(during.every(({ outcome }) => outcome === 'accepted'))
  const { total } = proxy.connections()
  for (let login = 0; login < 50; login += 1) t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
  t.ok(proxy.connections().total - total < 25, 'no login asks the hanging one meanwhile; what looks after it may')
})

t.test('a hanging server is an outage within the time given, and answers again when it is back', async (t) => {
  const slapd = await startSlapd(t, alice)
  const options = {
    servers: [slapd.url],
    insecure: true,
    bind,
    groups: { base: groupsBase, type: 'groupOfNames' as const }
  }
  const warm = openLdapBackend(t, options)
  const cold = openLdapBackend(t, options)
  await logIn(warm, 'alice')
  slapd.pause()
  t.teardown(() => slapd.resume())
  for (const backend of [warm, cold]) {
    const many = Array.from({ length: 40 }, () => reasonOf(logIn(backend, 'alice', userPassword, questionContext(400))))
    const reasons = new Set(await Promise.all(many))
    t.ok(
      [...reasons].every((reason) => reason === 'timeout'),
      [...reasons].join()
    )
    t.equal((await unavailability(backend.probe(questionContext(200)))).reason, 'timeout')
  }
  slapd.resume()
  await Promise.all([warm, cold].map(recovered))
  for (const backend of [warm, cold]) t.match(await logIn(backend, 'alice'), { outcome: 'accepted' })
})

t.test('an answer that nobody waits for any more is not waited for', async (t) => {
  const slapd = await startSlapd(t, alice)
  const backend = openLdapBackend(t, { servers: [slapd.url], insecure: true, bind })
  await logIn(backend, 'alice')
  slapd.pause()
  t.teardown(() => slapd.resume())
  const abort = new AbortController()
  const patient = questionContext(60_000)
  const asked = reasonOf(logIn(backend, 'alice', userPassword, { ...patient, signal: abort.signal }))
  setTimeout(() => abort.abort(), 50)
  t.equal(await asked, 'timeout')
  t.ok(patient.remainingMs() > 0)
  t.equal(
    await reasonOf(logIn(backend, 'alice', userPassword, { ...questionContext(), signal: abort.signal })),
    'timeout'
  )
})

t.test('closing ends all connections; a closed backend is unavailable', async (t) => {
  const slapd = await startSlapd(t, alice)
  const backend = openLdapBackend(t, { servers: [slapd.url], insecure: true, bind })
  await Promise.all(Array.from({ length: 8 }, () => logIn(backend, 'alice')))
  const underWay = logIn(backend, 'alice')
  await backend.close?.()
  t.match(await underWay.catch((error) => error.name), /BackendUnavailable|\[object Object\]/)
  while (process.getActiveResourcesInfo().includes('TCPSocketWrap')) await sleep(10)
  t.equal(await reasonOf(logIn(backend, 'alice')), 'closed')
})

t.test('a backend that is closed while it tries a dead server leaves it alone', async (t) => {
  let connections = 0
  const mute = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const { port } = Object(mute.address())
  const backend = openLdapBackend(t, { servers: [`ldap://127.0.0.1:${port}`], insecure: true, bind })
  t.equal(await reasonOf(logIn(backend, 'alice', userPassword, questionContext(300))), 'timeout')
  while (connections < 2) await sleep(10)
  await backend.close?.()
  // a try in the background takes a second
  await sleep(1500)
  t.equal(connections, 2)
  t.match(backend.availability?.(), { state: 'open' })
})

t.test('a port where nobody listens, and a name that does not exist', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  server.close()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  for (const url of [`ldaps://127.0.0.1:${port}`, 'ldaps://does-not-exist.invalid']) {
    t.equal(
      await reasonOf(logIn(openLdapBackend(t, { servers: [url] }), 'alice', 'x', questionContext(1000))),
      'connect'
    )
  }
})
