import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Backend, Identity } from '../../src/auth/backend.ts'
import { explainLogin } from '../../src/auth/explain.ts'
import type { Chain, Link } from '../../src/auth/link.ts'
import { type LoginTools, login } from '../../src/auth/login.ts'
import type { User } from '../../src/auth/user-store.ts'
import { openStore } from '../../src/store/index.ts'
import { temporaryFolder } from '../latchkey.ts'
import { fakeBackend, fakeIdentity, fakeLink, fakeLog, fakeRequest, fakeTools } from './fakes.ts'

const credentials = { kind: 'password', username: 'alice', password: 'x' } as const

/** Logins by backends that accept everybody as the identity that is given. */
async function openWorld(t: Test) {
  const store = await openStore({ url: `file:${join(await temporaryFolder(t), 'test.db')}`, log: fakeLog() })
  t.teardown(() => store.close())
  const toolsOf = (chain: Chain): LoginTools => ({
    ...fakeTools(),
    ...{ chain, store: store.users, timeoutMs: 1000, failureFloorMs: 0 },
    permissions: { users: store.users, registry: store.permissions, anonymous: [] },
    audit: { record: async () => undefined },
    checked: (identity) => identity,
    now: () => 5000
  })
  const logIn = (chain: Chain) => login(credentials, fakeRequest(), toolsOf(chain))
  const explain = (chain: Chain) => explainLogin({ presented: credentials, log: fakeLog() }, toolsOf(chain))
  return { logIn, explain }
}

const accepting = (id: string, identity: Partial<Identity>, more: Partial<Link> = {}, backend: Partial<Backend> = {}) =>
  fakeLink(id, {
    vouches: 'always',
    backend: fakeBackend({ outcome: 'accepted', identity: fakeIdentity(identity) }, backend),
    ...more
  })

const seen = ({ email, emailVouched, attributes, isSuperuser, identities }: User) => ({
  ...{ email, emailVouched, attributes, isSuperuser },
  identities: identities.map(({ backend, subject, remembered }) => [backend, subject, remembered])
})

t.test('what explain tells is what the login then does', async (t) => {
  const remembers: Partial<Backend> = {
    permissions: async ({ remembered }) => ({
      grants: remembered === undefined ? [] : [{ permission: remembered, origin: 'remembered' }]
    })
  }
  const before = accepting('before', { attributes: { firstName: 'Alice' } })
  const superuser = accepting('before', { isSuperuser: true })
  const bob = accepting('bob', { subject: 'b', emails: ['bob@example.com'] })
  const cases: Record<string, readonly [earlier: readonly Link[], chain: Chain]> = {
    'a new user': [[], [accepting('now', { remembered: 'blog.view' }, {}, remembers)]],
    'one who joins': [[before], [accepting('now', {}), before]],
    'one who joins whoever was a superuser by a backend that is gone': [[superuser], [accepting('now', {})]],
    'a new address': [[before], [accepting('before', { emails: ['new@example.com'] })]],
    'a new address that is another user’s': [[before, bob], [accepting('before', { emails: ['bob@example.com'] })]],
    'an address that is vouched for from now on': [
      [accepting('before', {}, { vouches: 'by-domain' })],
      [accepting('before', {})]
    ],
    'an address of a backend that is behind another': [
      [before, accepting('now', { subject: 'n' })],
      [fakeLink('before'), accepting('now', { subject: 'n', emails: ['new@example.com'] })]
    ],
    'fields that are taken once': [
      [before],
      [
        accepting(
          'before',
          { emails: ['new@example.com'], attributes: { firstName: 'Al' } },
          { updateAttributes: 'create' }
        )
      ]
    ],
    'one who becomes a superuser': [[before], [superuser]]
  }
  for (const [name, [earlier, chain]] of Object.entries(cases)) {
    const { logIn, explain } = await openWorld(t)
    for (const link of earlier) await logIn([link])
    const { outcome, login: told } = await explain(chain)
    const { user, permissions } = await logIn(chain)
    t.equal(outcome, 'accepted', name)
    t.same(told && seen(told.user), seen(user), name)
    t.same(told?.permissions.names, permissions.names, name)
  }
})
