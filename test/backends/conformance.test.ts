import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Backend } from '../../src/auth/backend.ts'
import { type BackendDefinition, type BackendTools, defineBackend } from '../../src/auth/define-backend.ts'
import { httpBackend } from '../../src/backends/http/index.ts'
import { jwtBackend } from '../../src/backends/jwt/index.ts'
import { ldapBackend } from '../../src/backends/ldap/index.ts'
import { localBackend } from '../../src/backends/local.ts'
import { proxyBackend } from '../../src/backends/proxy/index.ts'
import { staticBackend } from '../../src/backends/static.ts'
import { openPasswords } from '../../src/passwords/argon2.ts'
import Type from '../../src/schema/type.ts'
import { openStore } from '../../src/store/index.ts'
import { fakeBackendTools } from '../auth/fakes.ts'
import { temporaryFolder } from '../latchkey.ts'
import { startSampleService } from '../servers/http-service.ts'
import { clientAtIssuer, issuerKey, signed, startIssuer } from '../servers/issuer.ts'
import { peopleBase, person, serviceAccount, userPassword } from '../servers/ldap-fixtures.ts'
import { needs } from '../servers/needs.ts'
import { startSlapd } from '../servers/slapd.ts'
import { setActive } from '../store/acts.ts'
import { conformanceOf } from './conformance.ts'

const password = 'canary-correct-horse'
const passwords = await openPasswords({ queueTimeoutMs: 60_000 })
const log = { debug() {}, info() {}, warn() {}, error() {} }

function open(t: Test, definition: BackendDefinition, options: unknown, tools: Partial<BackendTools> = {}): Backend {
  const { hash: hashPassword, needsRehash } = passwords
  const backend = definition.open('tested', options, fakeBackendTools({ hashPassword, needsRehash, ...tools }))
  t.teardown(() => backend.close?.())
  return backend
}

t.test('local', async (t) => {
  await conformanceOf(t, async (t) => {
    const store = await openStore({ url: `file:${join(await temporaryFolder(t), 'test.db')}`, log })
    t.teardown(() => store.close())
    const add = async (email: string) => {
      const fields = {
        emailVouched: true,
        attributes: {},
        ownAttributes: {},
        isSuperuser: false,
        lastLoginAt: null,
        at: 1
      }
      return store.users.create({ email, passwordHash: await passwords.hash(password), ...fields })
    }
    await add('alice@example.com')
    const disabled = await add('gone@example.com')
    if (disabled !== 'taken') await setActive(store, disabled.id, false, 2)
    return {
      backend: open(t, localBackend, {}, { accounts: store.accounts }),
      passwords,
      username: 'alice@example.com',
      password,
      disabled: { username: 'gone@example.com', password },
      secrets: []
    }
  })
})

t.test('static', async (t) => {
  await conformanceOf(t, async (t) => {
    const alice = {
      username: 'alice',
      email: 'alice@example.com',
      password,
      superuser: false,
      permissions: [],
      groups: [],
      attributes: {}
    }
    return { backend: open(t, staticBackend, { users: [alice] }), passwords, username: 'alice', password, secrets: [] }
  })
})

t.test('ldap', { skip: needs('slapd') }, async (t) => {
  await conformanceOf(t, async (t) => {
    const slapd = await startSlapd(t)
    await slapd.add([person('alice')])
    const options = {
      servers: [slapd.url],
      insecure: true,
      bind: slapd.bind,
      users: [{ base: peopleBase, filter: '(uid={username})' }]
    }
    return {
      backend: open(t, ldapBackend, options),
      passwords,
      username: 'alice',
      password: userPassword,
      breakSource: slapd.kill,
      secrets: [serviceAccount.password]
    }
  })
})

t.test('http', async (t) => {
  await conformanceOf(t, async (t) => {
    const secret = 'canary-of-the-signature-32-bytes-long'
    const service = await startSampleService(t, secret)
    return {
      backend: open(t, httpBackend, { url: service.url, secret }),
      passwords,
      username: 'alice',
      password: 'wonderland',
      disabled: { username: 'bob', password: 'looking-glass' },
      breakSource: service.stop,
      secrets: [secret]
    }
  })
})

t.test('jwt', async (t) => {
  await conformanceOf(t, async (t) => {
    const [key, other] = await Promise.all([issuerKey('one'), issuerKey('one')])
    const issuer = await startIssuer(t, key)
    const options = {
      issuer: issuer.url,
      audiences: [clientAtIssuer],
      singleUse: true,
      claims: { permissions: 'roles' }
    }
    const used = new Set<string>()
    const singleUse = {
      use: async (owner: string, id: string) => used.size < used.add(`${owner} ${id}`).size,
      wasUsed: async (owner: string, id: string) => used.has(`${owner} ${id}`)
    }
    return {
      backend: open(t, jwtBackend, options, { singleUse }),
      token: () => issuer.token({ roles: ['blog.view_post'] }),
      wrong: {
        'for somebody else': await issuer.token({ aud: 'else' }),
        expired: await issuer.token({ exp: 1 }),
        'of another issuer': await issuer.token({ iss: 'https://elsewhere.example' }),
        "with another's signature": await issuer.token({}, {}, other),
        'without claims': await signed(key, {})
      }
    }
  })
})

t.test('proxy', async (t) => {
  await conformanceOf(t, async (t) => {
    const secret = 'canary-of-the-proxy-which-is-long-enough'
    const options = {
      from: ['10.0.0.0/8'],
      secretHeader: { name: 'X-Proxy-Secret', value: secret },
      headers: { username: 'Remote-User', email: 'Remote-Email', groups: 'Remote-Groups' },
      ...{ groupsSeparator: ',', stripDomains: [], lowerCase: false, maxAge: '1h', allowInactive: false }
    }
    const user = ['remote-user', 'alice'] as const
    const proof = ['x-proxy-secret', secret] as const
    return {
      backend: open(t, proxyBackend, options),
      headers: [user, proof, ['remote-email', 'alice@example.com']],
      peer: '10.0.0.7',
      wrong: {
        'from elsewhere': { peer: '192.0.2.9' },
        'from nowhere': { peer: '' },
        'without the secret': { headers: [user] },
        'with another secret': { headers: [user, ['x-proxy-secret', `${secret}x`]] },
        'without a name': { headers: [proof] },
        'one name and another': { headers: [user, proof, ['remote-user', 'bob']] }
      },
      secrets: [secret]
    }
  })
})

/** Who knows what somebody holds on an object, and what nobody holds. */
t.test('a backend that answers for objects and for nobody, and one that does so wrongly', async (t) => {
  const document = { type: 'document', id: '7' }
  const definition = (ofNobody: string[], ignoresObject = false): BackendDefinition =>
    defineBackend({
      options: Type.Object({}),
      open: () => ({
        takes: ['token'],
        async authenticate(credentials, { found }) {
          if (credentials.kind !== 'token' || credentials.token !== 'good') return { outcome: 'unknown' }
          await found('1')
          return { outcome: 'accepted', identity: { subject: '1', username: 'one', emails: [], attributes: {} } }
        },
        async permissions({ subject, object }) {
          const holds = subject === '1' && object && (ignoresObject || object.id === document.id)
          const names = holds ? ['docs.change'] : subject === null && !object ? ofNobody : []
          return { grants: names.map((permission) => ({ permission, origin: 'a rule' })) }
        },
        async *identities() {
          yield* ['1', '2'].map((subject) => ({ subject, username: subject, emails: [], attributes: {} }))
        }
      })
    })
  const failed = async (definition: BackendDefinition) => {
    const names: string[] = []
    const runner = {
      test: async (name: string, check: () => Promise<void>) => {
        await check().catch(() => names.push(name))
      }
    }
    await conformanceOf(runner, async () => ({
      backend: open(t, definition, {}),
      ...{ token: () => 'good', wrong: { 'a bad one': 'bad' } },
      ...{ anonymous: ['blog.view_post'], onObject: { permission: 'docs.change', object: document } }
    }))
    return names
  }
  t.same(await failed(definition(['blog.view_post'])), [])
  t.match(await failed(definition([])), [/of nobody/])
  t.match(await failed(definition(['blog.view_post'], true)), [/on an object/])
})
