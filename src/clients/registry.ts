import type { Log } from '../auth/ports.ts'
import type { ClientAuthentication, ClientDefinition, RegisteredClient } from './client.ts'
import type { ClientStore, StoredClient } from './client-store.ts'
import { storedSecret } from './secret.ts'

/** Every client, wherever it is registered. */
export interface ClientRegistry {
  /** @throws {TemporarilyUnavailable} the database can't answer */
  byId(id: string): Promise<RegisteredClient | undefined>
  /** The ways of authentication that some client takes. */
  readonly authentication: readonly ClientAuthentication[]
  /** Whether some client hands on end users' addresses from here; one of the database, once it was asked for. */
  readonly isForwarder: (address: string) => boolean
}

/** What the registry needs. */
export interface RegistryOptions {
  readonly configured: ReadonlyArray<ClientDefinition & { readonly id: string; readonly secrets: readonly string[] }>
  readonly store: Pick<ClientStore, 'byId'>
  /** What the configuration makes of a definition in the database. @throws it makes nothing of it */
  readonly define: (definition: StoredClient['definition']) => ClientDefinition
  readonly createMatcher: (cidrs: readonly string[]) => (address: string) => boolean
  readonly log: Log
  readonly now: () => number
}

/** A client that was deleted, or whose secret was replaced, is known for so long at most. */
const freshMs = 2_000
const maxRemembered = 1_000
/** The column's length. */
const maxIdBytes = 128

/** The clients of the configuration, then those of the database; no id of the former is ever looked for in the latter. */
export function createClientRegistry(options: RegistryOptions): ClientRegistry {
  const { configured, store, define, createMatcher, log, now } = options
  const fixed = new Map(
    configured.map(({ secrets, ...definition }): [string, RegisteredClient] => [
      definition.id,
      {
        ...definition,
        secrets: secrets.map((secret) => storedSecret(secret, 0)),
        ...matchersOf(definition, createMatcher)
      }
    ])
  )
  const remembered = new Map<string, { readonly at: number; readonly client: Promise<RegisteredClient | undefined> }>()

  const isFixedForwarder = createMatcher(configured.flatMap(({ forwardedFor }) => forwardedFor))
  /** Of clients of the database, which nobody has listed before their first request. */
  const forwarders = new Map<string, (address: string) => boolean>()

  const read = async (id: string): Promise<RegisteredClient | undefined> => {
    const stored = await store.byId(id)
    forwarders.delete(id)
    if (stored === undefined) return undefined
    try {
      const definition = define(stored.definition)
      const client = { ...definition, id, secrets: stored.secrets, ...matchersOf(definition, createMatcher) }
      if (definition.forwardedFor.length > 0) forwarders.set(id, client.handsOnFrom)
      return client
    } catch (err) {
      log.warn({ err, event: 'client_unusable', client: id }, "a client's definition in the database is unusable")
      return undefined
    }
  }

  const remember = (id: string): Promise<RegisteredClient | undefined> => {
    const known = remembered.get(id)
    const at = now()
    // a clock that was set back keeps nobody known for longer
    if (known !== undefined && at >= known.at && at < known.at + freshMs) return known.client
    const client = read(id)
    remembered.delete(id)
    remembered.set(id, { at, client })
    for (const oldest of remembered.keys()) {
      if (remembered.size <= maxRemembered) break
      remembered.delete(oldest)
    }
    client.catch(() => remembered.delete(id))
    return client
  }

  return {
    byId: async (id) => fixed.get(id) ?? (Buffer.byteLength(id) > maxIdBytes ? undefined : remember(id)),
    authentication: [
      // what `clients create` makes has a secret or keys, and may come at any time
      ...new Set<ClientAuthentication>([
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
        ...configured.flatMap(({ authentication }) => authentication)
      ])
    ],
    isForwarder: (address) =>
      isFixedForwarder(address) || [...forwarders.values()].some((handsOnFrom) => handsOnFrom(address))
  }
}

const matchersOf = ({ forwardedFor, allowPrivate }: ClientDefinition, create: RegistryOptions['createMatcher']) => ({
  handsOnFrom: create(forwardedFor),
  mayFetchFrom: create(allowPrivate)
})
