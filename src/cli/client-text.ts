import type { StoredClient } from '../clients/client-store.ts'
import type { Client } from '../config/config.ts'

/** A client of the database on one line, for lists. */
export function clientLine({ id, definition, secrets }: StoredClient): string {
  const { grants } = definition
  const names = Array.isArray(grants) ? grants.join(',') : 'password,refresh_token'
  return `${[id, names, ...(secrets.length > 1 ? [`${secrets.length} secrets`] : [])].join('  ')}\n`
}

/** A client of the configuration on one line. */
export const configuredLine = ({ id, grants }: Client): string => `${id}  ${grants.join(',')}  in the configuration\n`

/** A client of the database, without what proves that it is one. */
export const clientAsJson = ({ id, definition, secrets, createdAt, updatedAt }: StoredClient): object => ({
  id,
  origin: 'database',
  ...definition,
  secrets: secrets.map((secret) => ({ createdAt: iso(secret.createdAt), expiresAt: iso(secret.expiresAt) })),
  createdAt: iso(createdAt),
  updatedAt: iso(updatedAt)
})

/** The same of one in the configuration. */
export const configuredAsJson = ({ secrets: _secrets, ...definition }: Client): object => ({
  origin: 'configuration',
  ...definition
})

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())
