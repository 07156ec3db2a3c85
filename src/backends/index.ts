import type { BackendLoader } from '../auth/define-backend.ts'

/** The types of backends, by the word in the configuration: each is loaded where one is configured. */
export const backendDefinitions = {
  local: async () => (await import('./local.ts')).localBackend,
  static: async () => (await import('./static.ts')).staticBackend,
  ldap: async () => (await import('./ldap/index.ts')).ldapBackend,
  sql: async () => (await import('./sql/index.ts')).sqlBackend,
  http: async () => (await import('./http/index.ts')).httpBackend,
  proxy: async () => (await import('./proxy/index.ts')).proxyBackend,
  jwt: async () => (await import('./jwt/index.ts')).jwtBackend
} as const satisfies Readonly<Record<string, BackendLoader>>
