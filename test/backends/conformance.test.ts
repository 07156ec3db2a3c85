import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Backend } from '../../src/auth/backend.ts'
import type { BackendDefinition, BackendTools } from '../../src/auth/define-backend.ts'
import { httpBackend } from '../../src/backends/http/index.ts'
import { ldapBackend } from '../../src/backends/ldap/index.ts'
import { localBackend } from '../../src/backends/local.ts'
import { staticBackend } from '../../src/backends/static.ts'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { openStore } from '../../src/store/index.ts'
import { temporaryFolder } from '../latchkey.ts'
import { startSampleService } from '../servers/http-service.ts'
import { peopleBase, person, serviceAccount, userPassword } from '../servers/ldap-fixtures.ts'
import { needs } from '../servers/needs.ts'
import { startSlapd } from '../servers/slapd.ts'
import { conformanceOf } from './conformance.ts'

const password = 'canary-correct-horse'
const passwords = await openPasswords({ queueTimeoutMs: 60_000 })
const log = { debug() {}, info() {}, warn() {}, error() {} }

function open(t: Test, definition: BackendDefinition, options: unknown, tools: Partial<BackendTools> = {}): Backend {
  const backend = definition.open('tested', options, {
    log,
    accounts: {
      byEmail: async () => undefined,
      byId: async () => undefined,
      byLoginName: async () => undefined,
      replaceHash: async () => {}
    },
    hashPassword: passwords.hash,
    needsRehash: passwords.needsRehash,
    baseFolder: '/',
    ...tools
  })
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
    if (disabled !== 'taken') await store.users.setActive(disabled.id, false, 2)
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
