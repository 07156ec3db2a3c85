import { Client, type ClientOptions, EqualityFilter, FilterParser } from 'ldapts'
import t from 'tap'
import { entry, type MockRequest, requests, result, startLdapMock } from '../servers/ldap-fixtures-mock.ts'

/** What the library does by itself, measured: an upgrade that changes one of these is to be seen here. */
const secret = 'canary-secret'
const bindOk = result(0x61, 0)
const searchDone = result(0x65, 0)

type OnRequest = (request: MockRequest) => void

const clientTo = async (
  t: { teardown(end: () => unknown): unknown },
  onRequest: OnRequest,
  options: Partial<ClientOptions> = {}
) => {
  const mock = await startLdapMock(t, onRequest)
  const client = new Client({ url: mock.url, ...options })
  t.teardown(() => client.unbind().catch(() => undefined))
  return { client, sent: () => mock.received().toString('latin1') }
}

const within = (ms: number, asked: Promise<unknown>): Promise<string> =>
  Promise.race([
    asked.then(
      () => 'answered',
      () => 'failed'
    ),
    new Promise<string>((resolve) => setTimeout(() => resolve('waits'), ms))
  ])

t.test('10: after a failed StartTLS the next bind on the same client goes in clear', async (t) => {
  const { client, sent } = await clientTo(t, ({ operation, answer }) =>
    answer(operation === requests.extended ? result(0x78, 52) : bindOk)
  )
  await t.rejects(client.startTLS({ rejectUnauthorized: false }))
  await client.bind('cn=x', secret)
  t.ok(sent().includes(secret))
})

t.test('11: without options nothing is limited in time; the StartTLS handshake never is', async (t) => {
  const silent = await clientTo(t, () => undefined)
  t.equal(await within(300, silent.client.bind('cn=x', secret)), 'waits')
  const noHandshake = await clientTo(t, ({ answer }) => answer(result(0x78, 0)), { timeout: 50, connectTimeout: 50 })
  t.equal(await within(300, noHandshake.client.startTLS({ rejectUnauthorized: false })), 'waits')
})

t.test('12: one operation that times out takes the others with it', async (t) => {
  const { client } = await clientTo(
    t,
    ({ operation, bytes, answer }) => {
      if (operation === requests.bind) answer(bindOk)
      if (bytes.includes('cn=late')) setTimeout(() => answer(searchDone), 150)
    },
    { timeout: 100 }
  )
  await client.bind('cn=x', secret)
  const never = client.search('cn=never', { scope: 'base' })
  const caught = within(1000, never)
  await new Promise((resolve) => setTimeout(resolve, 60))
  const late = within(1000, client.search('cn=late', { scope: 'base' }))
  t.same(await Promise.all([caught, late]), ['failed', 'failed'])
})

t.test('13: a bind without a password is sent, and its success is success', async (t) => {
  for (const password of ['', undefined, '\0']) {
    const { client, sent } = await clientTo(t, ({ answer }) => answer(bindOk))
    await client.bind('cn=x', password)
    t.ok(sent().length > 0, JSON.stringify(password))
  }
})

t.test('14: a DN that is called like a mechanism becomes SASL', async (t) => {
  for (const name of ['EXTERNAL', 'PLAIN']) {
    const { client, sent } = await clientTo(t, ({ answer }) => answer(bindOk))
    await client.bind(name, secret).catch(() => undefined)
    t.ok(sent().includes('\u00a3'), `${name}: authentication choice 3, sasl`)
  }
})

t.test('15: a size limit of 1 and two matches: one entry and no error', async (t) => {
  const { client } = await clientTo(t, ({ operation, answer }) =>
    operation === requests.bind ? answer(bindOk) : answer(entry('cn=a', { cn: ['a'] }), result(0x65, 4))
  )
  const answer = await client.search('dc=x', { sizeLimit: 1 })
  t.equal(answer.searchEntries.length, 1)
})

t.test('16: bytes in a filter of text are corrupted, in a filter object they are not', async (t) => {
  const bytes = Buffer.from('ff00fe', 'hex')
  const sentAs = async (filter: string | EqualityFilter) => {
    const { client, sent } = await clientTo(t, ({ answer }) => answer(searchDone))
    await client.search('dc=x', { filter })
    return sent().includes(bytes.toString('latin1'))
  }
  t.equal(await sentAs('(objectGUID=\\ff\\00\\fe)'), false)
  t.equal(await sentAs(new EqualityFilter({ attribute: 'objectGUID', value: bytes })), true)
  t.ok(FilterParser.parseString('(objectGUID=\\ff)'))
})

t.test('17: tlsOptions turn ldap:// into TLS at once', async (t) => {
  const { client, sent } = await clientTo(t, () => undefined, {
    tlsOptions: { rejectUnauthorized: false },
    connectTimeout: 100,
    timeout: 100
  })
  await client.bind('cn=x', secret).catch(() => undefined)
  t.equal(sent().charCodeAt(0), 0x16, 'a ClientHello')
})

t.test('19: garbage and half an answer are waited for', async (t) => {
  const ways: Readonly<Record<string, OnRequest>> = {
    'half an answer': ({ socket }) => socket.write(Buffer.from([0x30, 0x0c, 0x02])),
    garbage: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\n')
  }
  for (const [name, onRequest] of Object.entries(ways)) {
    const { client } = await clientTo(t, onRequest)
    t.equal(await within(300, client.bind('cn=x', secret)), 'waits', name)
  }
})

t.test('20: referrals are not followed, and the words of the server stand in the message', async (t) => {
  const said = '80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 533, v3839'
  const { client } = await clientTo(t, ({ operation, answer }) =>
    answer(operation === requests.bind ? result(0x61, 49, said) : result(0x65, 10))
  )
  await t.rejects(client.bind('cn=x', secret), { message: /data 533/ })
  await t.rejects(client.search('dc=x', {}), { code: 10 })
})
