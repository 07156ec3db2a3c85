import type { AdminTools } from './admin/tools.ts'
import type { LoginTools } from './auth/login.ts'
import { createPasswordPolicy, type PasswordPolicy } from './auth/password-policy.ts'
import { permissionsOf } from './auth/permissions.ts'
import type { Log, Passwords } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import { createCommonPasswords } from './passwords/common.ts'
import type { Store } from './store/index.ts'

/** What asks the backends; the console, which may everything, needs none of it. */
interface Service {
  readonly passwords: Pick<Passwords, 'hash'>
  readonly login: Pick<LoginTools, 'chain' | 'permissions' | 'timeoutMs'>
  readonly log: Log
}

/** The tools of administration for a service that runs. */
export function administrationOf(config: Config, store: Store, { passwords, login, log }: Service): AdminTools {
  return {
    ...consoleAdministration(config, store, passwords.hash),
    async permissionsOf(user) {
      const deadline = performance.now() + login.timeoutMs
      const request = { log, clientId: 'administration', ip: '127.0.0.1', deadline }
      const options = { isComplete: true }
      return (await permissionsOf(login.chain, { ...user, isActive: true }, request, login.permissions, options)).names
    }
  }
}

/** What a password that is kept here must be. */
function passwordPolicyOf(
  { issuer, passwordPolicy: { minLength } }: Config,
  { holdings }: Pick<Store, 'holdings'>
): PasswordPolicy {
  const serviceNames = ['latchkey', issuer, new URL(issuer).hostname]
  const loginNamesOf = async (id: string) => (await holdings.of([id])).get(id)?.loginNames ?? []
  return createPasswordPolicy({ minLength, serviceNames, isCommon: createCommonPasswords(minLength), loginNamesOf })
}

/** The same for the command line, which opens no backend. */
export function consoleAdministration(
  config: Config,
  store: Store,
  hashPassword: AdminTools['hashPassword']
): AdminTools {
  return {
    administration: store.administration,
    users: store.users,
    chain: config.backends.map(({ policy }) => policy),
    attributes: config.users.attributes,
    passwordPolicy: passwordPolicyOf(config, store),
    hashPassword,
    permissionsOf: async () => [],
    now: Date.now
  }
}
