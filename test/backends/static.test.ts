import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { AuthenticateContext, Backend } from '../../src/auth/backend.ts'
import type { BackendTools } from '../../src/auth/define-backend.ts'
import type { Log } from '../../src/auth/ports.ts'
import { staticBackend } from '../../src/backends/static.ts'
import { SlowDown, TemporarilyUnavailable } from '../../src/errors.ts'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { fakeBackendTools } from '../auth/fakes.ts'
import { needs } from '../servers/needs.ts'

const log: Log = { debug() {}, info() {}, warn() {}, error() {} }
const passwords = await openPasswords()

type Users = Parameters<typeof staticBackend.open>[1]['users']
const user = (fields: Partial<Users[number]>): Users[number] => ({
  ...{ username: 'ann', email: 'ann@example.com', superuser: false, permissions: [], groups: [], attributes: {} },
  ...fields
})

function open(
  users: Users,
  tools: Partial<BackendTools> = {}
): Backend & Required<Pick<Backend, 'identity' | 'permissions'>> {
  const { hash: hashPassword, needsRehash } = passwords
  const backend = staticBackend.open('s', { users }, fakeBackendTools({ hashPassword, needsRehash, ...tools }))
  const { identity, permissions } = backend
  if (!identity || !permissions) throw new Error('the backend static answers all questions')
  return { ...backend, identity, permissions }
}

const context = (extra: Partial<AuthenticateContext> = {}): AuthenticateContext => ({
  signal: AbortSignal.timeout(5000),
  remainingMs: () => 5000,
  ...{ log, clientId: 'test', ip: '192.0.2.1' },
  found: async () => {},
  verifyPassword: passwords.verify,
  ...extra
})

const logIn = (backend: Backend, username: string, password: string, extra: Partial<AuthenticateContext> = {}) =>
  backend.authenticate({ kind: 'password', username, password }, context(extra))

t.test('a hash and a plain password open the account, anything else does not', async (t) => {
  const backend = open([
    user({ username: 'ann', passwordHash: await hash('secret') }),
    user({ username: 'ben', password: 'other' })
  ])
  t.match(await logIn(backend, 'ann', 'secret'), { outcome: 'accepted', identity: { subject: 'ann' } })
  t.match(await logIn(backend, 'ben', 'other'), { outcome: 'accepted', identity: { subject: 'ben' } })
  for (const [name, password] of [
    ['ann', 'other'],
    ['ben', 'secret'],
    ['ann', ''],
    ['ann', 'secret\0'],
    ['ann', 'x'.repeat(5000)]
  ]) {
    t.match(await logIn(backend, `${name}`, `${password}`), { outcome: 'rejected' })
  }
  for (const name of ['', 'Ann', 'ann ', 'ann\0', '__proto__', 'constructor', 'ann@example.com']) {
    t.same(await logIn(backend, name, 'secret'), { outcome: 'unknown' }, name)
  }
  t.same(await backend.authenticate({ kind: 'token', token: 'x', tokenType: 'y' }, context()), { outcome: 'unknown' })
})

t.test('a hash as docs/backends/static.md makes one', { skip: needs('argon2', 'bash', 'openssl') }, async (t) => {
  const page = readFileSync(new URL('../../docs/backends/static.md', import.meta.url), 'utf8')
  const [, command = ''] = /`(bash -c .*)`/.exec(page) ?? []
  const typed = ' a pass phrase with \\ and spaces '
  const input = `${typed}\n`
  const passwordHash = execFileSync('sh', ['-c', command], { input, encoding: 'utf8' }).trim()
  const backend = open([user({ passwordHash })])
  t.equal((await logIn(backend, 'ann', typed)).outcome, 'accepted')
  t.equal((await logIn(backend, 'ann', `${typed}\n`)).outcome, 'rejected')
  t.notOk(passwords.needsRehash(passwordHash), 'with the parameters of the service')
})

t.test('names are compared by case, after NFKC; the subject is the name', async (t) => {
  const backend = open([user({ username: 'Zoë', password: 'x' }), user({ username: 'zoë', password: 'y' })])
  t.match(await logIn(backend, 'Zoe\u0308', 'x'), {
    outcome: 'accepted',
    identity: { subject: 'Zoë', username: 'Zoë' }
  })
  t.match(await logIn(backend, 'ｚoë', 'y'), { outcome: 'accepted', identity: { subject: 'zoë' } })
  t.match(await logIn(backend, 'ZOË', 'x'), { outcome: 'unknown' })
})

t.test('the limiter is asked between finding and verifying, and its refusal passes through', async (t) => {
  const backend = open([user({ password: 'x' })])
  const calls: string[] = []
  const found = async (subject: string) => void calls.push(`found ${subject}`)
  const verifyPassword = async () => calls.push('verify') > 0
  await logIn(backend, 'ann', 'x', { found, verifyPassword })
  t.same(calls, ['found ann', 'verify'])
  await logIn(backend, 'nobody', 'x', { found, verifyPassword })
  t.equal(calls.length, 2, 'and not for strangers')
  const locked = async () => {
    throw new SlowDown(5)
  }
  await t.rejects(logIn(backend, 'ann', 'x', { found: locked, verifyPassword }), { code: 'slow_down' })
  t.equal(calls.length, 2, 'and a locked account is not verified')
})

t.test(
  'a plain password is hashed from the start, one user after the other, and again where that failed',
  async (t) => {
    let running = 0
    let most = 0
    let tries = 0
    const hashPassword = async (password: string) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      if (++tries === 2) throw new TemporarilyUnavailable('the hash queue is full')
      return `hash of ${password}`
    }
    const warned = Promise.withResolvers<string>()
    const warn = (_: object, message: string) => warned.resolve(message)
    const users = ['a', 'b', 'c'].map((name) => user({ username: name, password: `password of ${name}` }))
    const backend = open(users, { hashPassword, log: { ...log, warn } })
    t.match(await warned.promise, /not hashed/)
    const verifyPassword = async (stored: string, password: string) => stored === `hash of ${password}`
    for (const name of ['c', 'a', 'b']) {
      t.match(await logIn(backend, name, `password of ${name}`, { verifyPassword }), { outcome: 'accepted' })
    }
    t.same({ most, tries }, { most: 1, tries: 4 })
  }
)

t.test('fields, permissions and groups come along; nobody else is known', async (t) => {
  const backend = open([
    user({
      ...{ password: 'x', superuser: true, permissions: ['blog.add_post'], groups: ['editors'] },
      ...{ firstName: 'Ann', initials: 'A', attributes: { department: 'HR', floor: 3 } }
    })
  ])
  const identity = {
    ...{ subject: 'ann', username: 'ann', emails: ['ann@example.com'], isSuperuser: true },
    attributes: { firstName: 'Ann', initials: 'A', department: 'HR', floor: 3 }
  }
  t.same(await backend.identity('ann', context()), { state: 'present', identity })
  t.same(await backend.identity('ben', context()), { state: 'gone' })
  t.same(await backend.permissions({ subject: 'ann' }, context()), {
    grants: [{ permission: 'blog.add_post', origin: 'static user' }],
    groups: ['editors']
  })
  t.same(await backend.permissions({ subject: 'ben' }, context()), { grants: [], known: false })
  t.same(await backend.permissions({ subject: null }, context()), { grants: [] })
})
