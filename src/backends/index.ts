import type { BackendDefinition } from '../auth/define-backend.ts'
import { httpBackend } from './http/index.ts'
import { jwtBackend } from './jwt/index.ts'
import { ldapBackend } from './ldap/index.ts'
import { localBackend } from './local.ts'
import { proxyBackend } from './proxy/index.ts'
import { sqlBackend } from './sql/index.ts'
import { staticBackend } from './static.ts'

/** The types of backends, by the word in the configuration. */
export const backendDefinitions: Readonly<Record<string, BackendDefinition>> = {
  local: localBackend,
  static: staticBackend,
  ldap: ldapBackend,
  sql: sqlBackend,
  http: httpBackend,
  proxy: proxyBackend,
  jwt: jwtBackend
}
