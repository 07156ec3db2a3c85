import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { type ResetBackend, resetFor, standingOf } from '../../src/auth/password-reset.ts'
import { createResetTokens } from '../../src/auth/reset-token.ts'
import type { User } from '../../src/auth/user-store.ts'
import { createSmtpMailer } from '../../src/mail/smtp.ts'
import { openTemplates } from '../../src/mail/templates.ts'
import { openTestLatchkey, type TestLatchkey, temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command } from '../process.ts'
import { createCertificates } from '../servers/certificates.ts'
import { freePort } from '../servers/free-port.ts'
import { setActive, setPasswordHash } from '../store/acts.ts'

const password = 'correct horse battery'
const fresh = 'a kettle full of green dice'
const secret = 'a secret of at least thirty-two bytes'
const yaml = (more: string) => `
publicClient: true
secret: ${secret}
login: { failureFloor: 1ms }
limits: { ip: false }
backends:
  - { id: local, type: local }
  - { id: fixed, type: static, users: [{ username: bob, email: bob@example.com, password: "a password of bob" }] }
passwords: { resetUrl: "https://app.example.com/reset#{token}", resetElsewhere: { fixed: "the help desk, room <3>" } }
${more}
`

interface Received {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  readonly isSecure: boolean
}

/** A real mail server that keeps what it gets. */
async function startSmtp(t: Test, options: SMTPServerOptions = {}, wantedPort = 0) {
  const mails: Received[] = []
  const arrivals: Array<() => void> = []
  let sessions = 0
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    closeTimeout: 100,
    onConnect(_session, done) {
      sessions++
      done()
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        const text = Buffer.concat(chunks).toString().replace(/=\r\n/g, '').replaceAll('=3D', '=')
        const from = mailFrom === false ? '' : mailFrom.address
        mails.push({ from, to: rcptTo.map(({ address }) => address), text, isSecure: session.secure })
        done()
        for (const arrived of arrivals.splice(0)) arrived()
      })
    },
    ...options
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => void server.listen(wantedPort, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  const count = async (wanted: number) => {
    while (mails.length < wanted) await new Promise<void>((resolve) => void arrivals.push(resolve))
    return mails
  }
  return { port, mails, count, sessions: () => sessions }
}

const post = ({ app }: TestLatchkey, path: string, payload: object) =>
  app.inject({ method: 'POST', url: `/account/password-reset${path}`, payload, headers: { host: 'evil.example.org' } })
const ask = (latchkey: TestLatchkey, email: string) => post(latchkey, '', { email })
const confirm = (latchkey: TestLatchkey, token: string, newPassword = fresh) =>
  post(latchkey, '/confirm', { token, newPassword })

const tokenIn = (text = ''): string => /https:\/\/app\.example\.com\/reset#([\w-]{72})/.exec(text)?.[1] ?? ''
const logged = async (latchkey: TestLatchkey, text: string) => {
  while (!latchkey.log().includes(text)) await new Promise((resolve) => setImmediate(resolve))
}
/** All that was asked for is written down. */
const requests = async ({ store }: TestLatchkey, wanted: number) => {
  for (;;) {
    const { items } = await store.audit.find({ kind: 'password_reset_request', limit: 100 })
    if (items.length >= wanted) return items.toReversed()
    // the store answers in microtasks alone, and would starve what is waited for
    await new Promise((resolve) => setImmediate(resolve))
  }
}

t.test('a mail, one new password, and nothing of before lives on', async (t) => {
  const smtp = await startSmtp(t)
  const latchkey = await openTestLatchkey(
    t,
    yaml(`mail: { url: "smtp://127.0.0.1:${smtp.port}", from: "Example <no-reply@example.com>" }`)
  )
  const id = await latchkey.addUser({ email: 'ann@example.com', password })
  const before = await latchkey.accessToken('ann@example.com', password)
  const asked = await ask(latchkey, ' ANN@Example.com ')
  t.match([asked.statusCode, asked.body, asked.headers['cache-control']], [202, '{}', 'no-store'])
  const [mail] = await smtp.count(1)
  matchLists(t, mail, { from: 'no-reply@example.com', to: ['ann@example.com'] })
  t.match(mail?.text, /^Subject: A new password for localhost:8000\r$/m)
  t.match(mail?.text, /^From: Example <no-reply@example\.com>\r$/m)
  t.match(mail?.text, /for 60 minutes/)
  t.match(mail?.text, /<a href="https:\/\/app\.example\.com\/reset#[\w-]{72}">choose one here<\/a>/)
  t.notMatch(mail?.text, /evil/)
  const token = tokenIn(mail?.text)
  t.match((await confirm(latchkey, token, 'too short')).json(), { reason: 'too-short' })
  const answers = await Promise.all([1, 2].map((n) => confirm(latchkey, token, `${fresh}${n}`)))
  t.same(answers.map(({ statusCode }) => statusCode).toSorted(), [204, 400], 'two at once are one')
  t.match((await confirm(latchkey, token)).json(), { type: 'urn:latchkey:problem:invalid-reset-token', status: 400 })
  t.equal((await latchkey.userinfo(before)).statusCode, 401)
  const worked = await Promise.all(
    [1, 2].map((n) => latchkey.token({ grant_type: 'password', username: 'ann@example.com', password: `${fresh}${n}` }))
  )
  t.equal(worked.filter(({ statusCode }) => statusCode === 200).length, 1)
  const { items } = await latchkey.store.audit.find({ kind: 'password_reset', limit: 10 })
  t.match(
    items.find(({ outcome }) => outcome === 'success'),
    { user: id }
  )
  matchLists(t, await requests(latchkey, 1), [{ outcome: 'success', user: id, details: { mail: 'password-reset' } }])
  t.notMatch(latchkey.log(), token)
  t.notMatch(latchkey.log(), /kettle/)
})

t.test('everybody is answered the same; who gets what', async (t) => {
  const smtp = await startSmtp(t)
  const latchkey = await openTestLatchkey(
    t,
    yaml(`mail: { url: "smtp://127.0.0.1:${smtp.port}", from: no-reply@example.com }`)
  )
  await latchkey.addUser({ email: 'ann@example.com', password })
  await latchkey.addUser({ email: 'never@example.com' })
  const inactive = await latchkey.addUser({ email: 'inactive@example.com', password })
  await setActive(latchkey.store, inactive, false, Date.now())
  const bob = await latchkey.accessToken('bob', 'a password of bob')
  t.ok(bob)
  await latchkey.addUser({ email: 'unvouched@example.com', password })
  const db = new DatabaseSync(join(latchkey.folder, 'data/latchkey.db'))
  db.exec("update latchkey_users set email_vouched = 0 where email = 'unvouched@example.com'")
  db.close()
  const names = ['ann', 'never', 'inactive', 'bob', 'unvouched', 'nobody'].map((name) => `${name}@example.com`)
  const seen = []
  for (const email of [...names, 'no address', 'bob@example.com\u202e']) {
    const { statusCode, body, headers } = await ask(latchkey, email)
    const { date, 'x-request-id': id, ...rest } = headers
    seen.push(JSON.stringify([statusCode, body, rest]))
  }
  t.equal(new Set(seen).size, 1, seen[0] ?? '')
  const mails = await smtp.count(3)
  const events = await requests(latchkey, 8)
  t.same(events.map(({ reason, details }) => reason ?? details?.mail).toSorted(), [
    'disabled',
    'no-email',
    'password-elsewhere',
    'password-reset',
    'password-reset',
    'unknown-account',
    'unknown-account',
    'unknown-account'
  ])
  const of = (email: string) => mails.find(({ to }) => to[0] === email)?.text ?? ''
  t.match(of('bob@example.com'), 'the help desk, room <3>')
  t.match(of('bob@example.com'), 'the help desk, room &lt;3&gt;')
  t.equal(tokenIn(of('bob@example.com')), '')
  t.equal((await confirm(latchkey, tokenIn(of('never@example.com')))).statusCode, 204, 'a first password')
  t.ok(await latchkey.accessToken('never@example.com', fresh))
  for (const body of [
    {},
    { email: '' },
    { email: null },
    { email: 'a\u0000@b.c' },
    { email: 'x'.repeat(321) },
    { email: 'a@b.c', more: 1 }
  ])
    t.match((await post(latchkey, '', body)).json(), { status: 400, type: 'urn:latchkey:problem:invalid-request' })
})

t.test('where somebody’s password is', async (t) => {
  const [own, corp] = [
    { id: 'local', isOwn: true },
    { id: 'corp', isOwn: false }
  ] as const
  const standing = (backends: readonly ResetBackend[], hasPassword: boolean, seenAt: string[], isActive = true) =>
    standingOf(
      { isActive, hasPassword, identities: seenAt.map((backend) => ({ backend })) } as unknown as User,
      backends
    )
  t.equal(standing([own, corp], true, ['local']), 'here')
  t.equal(standing([own, corp], true, ['corp']), 'here', 'with a password of ours, whoever else knows them')
  t.equal(standing([own, corp], false, ['local']), 'here', 'a first one')
  t.equal(standing([own, corp], false, ['left']), 'here', 'known to nobody that is left')
  t.equal(standing([own, corp], false, ['local', 'corp']), 'elsewhere')
  t.equal(standing([corp], true, ['corp']), 'elsewhere', 'ours opens nothing')
  t.equal(standing([corp], true, []), 'nowhere')
  t.equal(standing([corp], false, ['left']), 'nowhere')
  t.equal(standing([own, corp], true, ['local'], false), 'inactive')
})

t.test('what kills a token', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml(''))
  const { users } = latchkey.store
  const changes: ReadonlyArray<readonly [string, (id: string, email: string) => Promise<unknown>]> = [
    [
      'another password',
      async (id) =>
        setPasswordHash(latchkey.store, id, await latchkey.passwords.hash('another long password'), Date.now())
    ],
    ['no password', (id) => setPasswordHash(latchkey.store, id, null, Date.now())],
    ['a login', (_id, email) => latchkey.accessToken(email, password)],
    ['deactivation', (id) => setActive(latchkey.store, id, false, Date.now())],
    [
      'another e-mail',
      (id) =>
        latchkey.store.administration.change((tx) => tx.users.update(id, { email: `x${id}@example.com` }, Date.now()))
    ],
    ['deletion', (id) => latchkey.store.administration.change((tx) => tx.users.delete(id))]
  ]
  const { resets } = latchkey.parts
  for (const [n, [name, change]] of changes.entries()) {
    const email = `u${n}@example.com`
    const id = await latchkey.addUser({ email, password })
    const user = await users.byId(id)
    if (!user) throw new Error('no user')
    const { token } = await resetFor(user, resets.tools)
    await change(id, email)
    t.match((await confirm(latchkey, token)).json(), { type: 'urn:latchkey:problem:invalid-reset-token' }, name)
  }
  const id = await latchkey.addUser({ email: 'ann@example.com', password })
  const user = await users.byId(id)
  if (!user) throw new Error('no user')
  const late = await resetFor(user, { ...resets.tools, now: () => Date.now() - 3_600_001 })
  t.equal((await confirm(latchkey, late.token)).statusCode, 400, 'its time')
  const other = await resetFor(user, {
    ...resets.tools,
    tokens: createResetTokens(['another secret of thirty-two bytes!'])
  })
  t.equal((await confirm(latchkey, other.token)).statusCode, 400, 'another secret')
  const { token } = await resetFor(user, resets.tools)
  for (const forged of [
    '',
    'x',
    token.slice(1),
    `${token}A`,
    `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    `B${token.slice(1)}`
  ])
    t.equal((await confirm(latchkey, forged)).statusCode, 400, forged)
  t.equal((await confirm(latchkey, token)).statusCode, 204)
})

t.test('tokens', async (t) => {
  const binding = { id: '01900000-0000-7000-8000-000000000001', email: 'a@b.c', lastLoginAt: 5, passwordHash: 'x' }
  const [old, fresh, both] = [createResetTokens(['old']), createResetTokens(['new']), createResetTokens(['new', 'old'])]
  const token = old.issue(binding, 9000)
  t.match(both.open(token), { userId: binding.id, expiresAt: 9000 })
  t.equal(both.open(token)?.matches(binding), true)
  t.equal(fresh.open(token)?.matches(binding), false)
  t.equal(old.open(both.issue(binding, 9000))?.matches(binding), false)
  for (const change of [
    { email: 'b@b.c' },
    { lastLoginAt: null },
    { passwordHash: null },
    { passwordHash: 'y' },
    { id: '01900000-0000-7000-8000-000000000002' }
  ])
    t.equal(old.open(token)?.matches({ ...binding, ...change }), false)
  const written = [0, 1, 2, 3, 4, 5, 6, 7].map((seconds) => old.issue(binding, seconds * 1000)).join('\n')
  const dashed = /^.*-.*$/m.exec(written)?.[0] ?? ''
  t.ok(old.open(dashed))
  for (const spelling of [dashed.replace('-', '+'), dashed.replace('-', ' ')])
    t.equal(old.open(spelling), undefined, 'one spelling alone')
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.base64String({ minLength: 72, maxLength: 72 })),
      (text) => old.open(text)?.matches(binding) !== true
    )
  )
  t.throws(() => createResetTokens([]))
})

t.test('asking for mails locks nobody out, whatever a backend is called', async (t) => {
  const limited = yaml('').replace('limits: { ip: false }', 'limits: { ip: false, account: { failures: 3 } }')
  const named = limited.replace('id: fixed', 'id: reset').replace('username: bob', 'username: bob@example.com')
  const latchkey = await openTestLatchkey(t, named.replace('fixed:', 'reset:'))
  for (let count = 0; count < 4; count++) await ask(latchkey, 'bob@example.com')
  t.equal((await ask(latchkey, 'bob@example.com')).statusCode, 429)
  const login = { grant_type: 'password', username: 'bob@example.com', password: 'a password of bob' }
  t.equal((await latchkey.token(login)).statusCode, 200)
})

t.test('limits: the same for whoever is known and whoever is not', async (t) => {
  const smtp = await startSmtp(t)
  const mail = `mail: { url: "smtp://127.0.0.1:${smtp.port}", from: no-reply@example.com }`
  const latchkey = await openTestLatchkey(
    t,
    yaml(mail).replace('limits: { ip: false }', 'limits: { ip: false, account: { failures: 5 } }')
  )
  await latchkey.addUser({ email: 'ann@example.com', password })
  for (const email of ['ann@example.com', 'nobody@example.com']) {
    const statuses = []
    for (let n = 0; n < 6; n++) statuses.push((await ask(latchkey, n % 2 ? email : email.toUpperCase())).statusCode)
    t.same(statuses, [202, 202, 202, 202, 202, 429])
  }
  await smtp.count(3)
  t.ok(await latchkey.accessToken('ann@example.com', password), 'nobody is locked out by it')
})

t.test('TLS, or no mail; a server that is down changes no answer', async (t) => {
  const folder = await temporaryFolder(t)
  const files = await createCertificates(folder)
  const [ca, cert, key] = [files.ca, await readFile(files.cert), await readFile(files.key)]
  const plain = await startSmtp(t, { disabledCommands: ['STARTTLS', 'AUTH'] })
  const startTls = await startSmtp(t, {
    cert,
    key,
    onAuth: (auth, _session, done) =>
      done(auth.password === 'canary-mail' ? null : new Error('no'), { user: auth.username })
  })
  const tls = await startSmtp(t, { secure: true, cert, key })
  const from = 'from: no-reply@example.com'
  const cases = [
    [
      `mail: { url: "smtp://me@localhost:${startTls.port}", password: canary-mail, ${from}, tls: { ca: ${ca} } }`,
      startTls
    ],
    [`mail: { url: "smtps://localhost:${tls.port}", ${from}, tls: { ca: ${ca} } }`, tls],
    [`mail: { url: "smtps://localhost:${tls.port}", ${from} }`, 'mail_deferred'],
    [`mail: { url: "smtp://localhost:${startTls.port}", ${from}, tls: {} }`, 'mail_deferred'],
    [`mail: { url: "smtp://localhost:${plain.port}", ${from}, tls: { ca: ${ca} } }`, 'mail_failed'],
    [`mail: { url: "smtp://127.0.0.1:1", ${from} }`, 'mail_deferred'],
    ['', 'mail_unconfigured']
  ] as const
  for (const [mail, then] of cases) {
    const latchkey = await openTestLatchkey(t, yaml(mail))
    await latchkey.addUser({ email: 'ann@example.com', password })
    t.equal((await ask(latchkey, 'ann@example.com')).statusCode, 202, mail)
    if (typeof then === 'string') {
      await logged(latchkey, then)
      const outcome = then.replace('mail_', '')
      t.match(await latchkey.parts.metrics.text(), `latchkey_mails_total{kind="password-reset",outcome="${outcome}"} 1`)
    } else {
      t.equal((await then.count(1))[0]?.isSecure, true)
      await logged(latchkey, 'mail_sent')
    }
    t.notMatch(latchkey.log(), /canary-mail/)
  }
  t.same(plain.mails, [])
})

t.test('a mail that nobody takes for now is tried again as long as it is of use', async (t) => {
  const answers: Array<number | undefined> = []
  let meanwhile = async (): Promise<unknown> => undefined
  const smtp = await startSmtp(t, {
    async onRcptTo(_address, _session, done) {
      const code = answers.shift()
      await meanwhile()
      done(code === undefined ? null : Object.assign(new Error('not now'), { responseCode: code }))
    }
  })
  const open = async (port: number, mailDelayMs: (tries: number) => number, ttl = '1h') => {
    const mail = `mail: { url: "smtp://127.0.0.1:${port}", from: no-reply@example.com }`
    const text = yaml(mail).replace('passwords: {', `passwords: { resetTtl: ${ttl},`)
    const latchkey = await openTestLatchkey(t, text, {}, undefined, { mailDelayMs })
    await latchkey.addUser({ email: 'ann@example.com', password })
    return latchkey
  }
  const counted = async (latchkey: TestLatchkey, outcome: string, count: number) =>
    t.match(
      await latchkey.parts.metrics.text(),
      `latchkey_mails_total{kind="password-reset",outcome="${outcome}"} ${count}\n`
    )

  const waits: number[] = []
  const latchkey = await open(smtp.port, (tries) => {
    waits.push(tries)
    return 1
  })
  answers.push(451, 421, 450)
  await ask(latchkey, 'ann@example.com')
  await logged(latchkey, 'mail_sent')
  t.same(waits, [1, 2, 3])
  t.equal((await confirm(latchkey, tokenIn((await smtp.count(1))[0]?.text))).statusCode, 204, 'the same token')
  await counted(latchkey, 'deferred', 3)

  answers.push(550)
  await ask(latchkey, 'ann@example.com')
  await logged(latchkey, 'mail_failed')
  t.equal(waits.length, 3, '550 is for good')

  const port = await freePort()
  const later = await open(port, () => 1)
  await ask(later, 'ann@example.com')
  await logged(later, 'mail_deferred')
  const started = await startSmtp(t, {}, port)
  await started.count(1)

  answers.push(451)
  const changed = await open(smtp.port, () => 1)
  meanwhile = () => changed.accessToken('ann@example.com', password)
  await ask(changed, 'ann@example.com')
  await logged(changed, 'mail_dropped')
  meanwhile = async () => undefined

  answers.push(451, 451)
  const old = await open(smtp.port, () => 60_000, '1m')
  await ask(old, 'ann@example.com')
  await logged(old, 'mail_failed')
  const ended = await open(smtp.port, () => 3_000_000)
  await ask(ended, 'ann@example.com')
  await logged(ended, 'mail_deferred')
  await ended.close()
  t.match(ended.log(), 'mail_failed', 'what still waits when the service ends is told')
  t.equal(smtp.mails.length, 1)
})

t.test('one user gets three mails, whichever replica is asked', async (t) => {
  const smtp = await startSmtp(t)
  const text = yaml(`mail: { url: "smtp://127.0.0.1:${smtp.port}", from: no-reply@example.com }`)
  const one = await openTestLatchkey(t, text)
  const two = await openTestLatchkey(t, text, {}, one.folder)
  await one.addUser({ email: 'ann@example.com', password })
  for (const [count, replica] of [one, two, two, one, two].entries()) {
    await ask(replica, 'ann@example.com')
    await requests(one, count + 1)
  }
  const outcomes = (await requests(one, 5)).map(({ outcome, reason }) => reason ?? outcome)
  t.same(outcomes, ['success', 'success', 'success', 'slow_down', 'slow_down'])
  await smtp.count(3)
})

t.test('a name can not write a header, nor an address another', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'password-reset.txt'), '\ufeffSubject: For {name}\n\n{name} {email} {link} {minutes}')
  await writeFile(join(folder, 'password-reset.html'), '<b>{name}</b> {token}')
  const templates = await openTemplates('example.com', folder, () => 0)
  const user = { id: '1', email: 'ann@example.com', name: 'Ann\r\nBcc: eve@example.com\u202e <script>' }
  const made = { id: 'msg_1', at: 0 }
  const reset = { token: 'T', link: 'https://x/T', expiresAt: 120_000 }
  const written = templates.write({ ...made, kind: 'password-reset', user, reset, places: [] })
  t.equal(written.subject, 'For Ann Bcc: eve@example.com  <script>')
  t.equal(written.html, '<b>Ann Bcc: eve@example.com  &lt;script&gt;</b> T')
  t.match(written.text, 'ann@example.com https://x/T 2')
  t.match(
    templates.write({ ...made, kind: 'password-elsewhere', user, places: ['a', 'b'] }).html,
    'a<br>b',
    'what the folder lacks is built in'
  )
  const refused = async (file: string, content: string | Buffer, why: RegExp): Promise<void> => {
    await writeFile(join(folder, file), content)
    await t.rejects(
      openTemplates('example.com', folder, () => 0),
      why
    )
    await rm(join(folder, file))
  }
  await refused('password-reset.html', '{nome}', /password-reset\.html: \{nome\} is none of/)
  const noWay = /password-reset\.(txt|html): it has neither \{link\} nor \{token\}/
  await refused('password-reset.txt', 'Subject: Reset\n\nHello {{ name }}: {{ link }}', noWay)
  await refused('password-reset.html', '<a href="{{ link }}">here</a>', noWay)
  await refused('password-elsewhere.html', ' \n', /password-elsewhere\.html: it is empty/)
  await refused(
    'password-elsewhere.txt',
    Buffer.from('Subject: \xe9\n\n', 'latin1'),
    /password-elsewhere\.txt: .*UTF-8/
  )
  await writeFile(join(folder, 'password-elsewhere.html'), '')
  const mail = `mail: { url: "smtp://127.0.0.1:1", from: no-reply@example.com, templates: ${folder} }`
  await t.rejects(openTestLatchkey(t, yaml(mail)), {
    name: 'ConfigError',
    mistakes: [{ path: 'mail.templates', message: 'password-elsewhere.html: it is empty' }]
  })
  await rm(join(folder, 'password-elsewhere.html'))
  await mkdir(join(folder, 'password-elsewhere.txt'))
  await t.rejects(
    openTemplates('example.com', folder, () => 0),
    /password-elsewhere\.txt: .*EISDIR/
  )
  await t.rejects(
    openTemplates('example.com', join(folder, 'nowhere'), () => 0),
    /nowhere: .*ENOENT/,
    'a folder that is not there is no wish for the built-in ones'
  )
  const smtp = await startSmtp(t)
  const url = `smtp://127.0.0.1:${smtp.port}`
  const mailer = createSmtpMailer({ url, from: 'no-reply@example.com', tls: false, timeoutMs: 5000 }, templates)
  const odd = { ...user, email: 'a>b@example.com' }
  await t.rejects(mailer.send({ ...made, kind: 'password-reset', user: odd, reset, places: [] }), {
    message: 'an address with < or > in it can not be written to'
  })
  t.same(smtp.sessions(), 0, 'no server is asked what it takes it for')
})

t.test("a service of one's own sends them", async (t) => {
  const got: Array<{ headers: Record<string, string>; body: string }> = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    got.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() })
    response.writeHead(got.length === 1 ? 503 : 204).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const key = `whsec_${Buffer.from('a key of thirty-two bytes, or so').toString('base64')}`
  const { port } = server.address() as AddressInfo
  const latchkey = await openTestLatchkey(
    t,
    yaml(`mail: { webhook: { url: "http://127.0.0.1:${port}/mails", secret: "${key}" } }`),
    {},
    undefined,
    { mailDelayMs: () => 20 }
  )
  const id = await latchkey.addUser({ email: 'ann@example.com', password })
  await ask(latchkey, 'ann@example.com')
  await logged(latchkey, 'mail_sent')
  const [{ headers, body } = { headers: {}, body: '' }, again] = got
  t.same([again?.headers['webhook-id'], again?.body], [headers['webhook-id'], body], 'a repetition is seen as one')
  t.match(headers['webhook-id'], /^msg_[\w-]{36}$/)
  const event = new Webhook(key).verify(body, headers) as {
    type: string
    data: { user: object; token: string; link: string }
  }
  t.match(event, {
    type: 'mail.password-reset',
    data: { user: { id, email: 'ann@example.com' }, link: /^https:\/\/app\.example\.com\/reset#/ }
  })
  t.equal((await confirm(latchkey, event.data.token)).statusCode, 204)
})

t.test('a link for the help desk', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml(''))
  await latchkey.addUser({ email: 'ann@example.com', password })
  await latchkey.accessToken('bob', 'a password of bob')
  const run = (...args: string[]) => command(t, ['users', 'reset-link', ...args], latchkey.folder)
  const { code, stdout, stderr } = await run('ann@example.com')
  t.equal(code, 0, stderr)
  t.equal((await confirm(latchkey, tokenIn(stdout))).statusCode, 204)
  t.match(await run('bob@example.com'), { code: 1, stderr: 'has no password here' })
  t.match(await run('nobody@example.com'), { code: 1 })
})
