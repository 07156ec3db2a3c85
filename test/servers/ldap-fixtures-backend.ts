import type { AuthenticateContext, Backend, Verdict } from '../../src/auth/backend.ts'
import type { Log } from '../../src/auth/ports.ts'
import { ldapBackend } from '../../src/backends/ldap/index.ts'
import type { LdapOptions } from '../../src/backends/ldap/options.ts'
import { fakeBackendTools } from '../auth/fakes.ts'
import { peopleBase, userPassword } from './ldap-fixtures.ts'

const log: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** A context of a backend's question with its own deadline, and a list of the subjects that were found. */
export const questionContext = (
  timeoutMs = 5000,
  found: (subject: string) => Promise<void> = async () => {}
): AuthenticateContext => {
  const end = performance.now() + timeoutMs
  return {
    signal: AbortSignal.timeout(timeoutMs),
    remainingMs: () => end - performance.now(),
    log,
    clientId: 'test',
    ip: '192.0.2.1',
    found,
    verifyPassword: async () => false
  }
}

/** The two searches of the seed: one person by uid and by cn. */
export const twoNames = [
  { base: peopleBase, filter: '(uid={username})' },
  { base: peopleBase, filter: '(cn={username})' }
]

/** Opens the backend as a chain would; it is closed with the test. */
export const openLdapBackend = (
  t: { teardown(end: () => unknown): unknown },
  options: Partial<LdapOptions> & Pick<LdapOptions, 'servers'>
): Required<Pick<Backend, 'identity' | 'permissions' | 'probe'>> & Backend => {
  const backend = ldapBackend.open('corp', { users: twoNames, ...options }, fakeBackendTools())
  const { identity, permissions, probe, close } = backend
  if (!identity || !permissions || !probe) throw new Error('the backend ldap answers all questions')
  t.teardown(() => close?.())
  return { ...backend, identity, permissions, probe }
}

/** Logs somebody in, with the password that everybody has. */
export const logIn = (
  backend: Backend,
  username: string,
  password = userPassword,
  context = questionContext()
): Promise<Verdict> => backend.authenticate({ kind: 'password', username, password }, context)
