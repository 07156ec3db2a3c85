import { exchangeGrant, hasSecret, isLikeUserId, publicClientId } from './client.ts'
import type { ClientStore, StoredClient } from './client-store.ts'
import { createSecret, rotated, storedSecret } from './secret.ts'

/** What is wrong at one place of a definition; never holds a value. */
export interface DefinitionMistake {
  readonly path: ReadonlyArray<string | number>
  readonly message: string
}

/** A client as people see it: what was said of it with all defaults, and nothing that proves to be it. */
export interface ClientView {
  readonly id: string
  readonly origin: 'configuration' | 'database'
  /** In the words of the configuration. */
  readonly definition: Readonly<Record<string, unknown>>
  /** Only of the database, as the rest. */
  readonly stored?: StoredClient
}

/** Why a client is not made or changed. */
export type ClientRefusal =
  | { readonly outcome: 'invalid'; readonly mistakes: readonly DefinitionMistake[] }
  | { readonly outcome: 'taken' | 'configured' | 'not-found' | 'no-secret' }
  /** Somebody else changed it since it was read. */
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'not-held'; readonly permissions: readonly string[] }
  /** It could exchange others' tokens for any that they may have. */
  | { readonly outcome: 'exchanges' }
  /** It could have this service ask addresses that no stranger reaches. */
  | { readonly outcome: 'asks-private' }
  /** It could say of every caller what address they have, to limits and events. */
  | { readonly outcome: 'hands-on' }

/** A client as it is now, with its secret where it got a new one. */
export interface ClientDone {
  readonly outcome: 'done'
  readonly client: ClientView
  readonly secret?: string
}

/** On whose behalf a client is changed, and from which state. */
export interface ClientRequest {
  /** Whether whoever asks holds a permission: a client gets no others. At the command line: all. */
  holds(permission: string): boolean
  /** A superuser, or somebody at the command line. */
  readonly mayEverything: boolean
  /** The state that it must still be in (`StoredClient.updatedAt`); absent: any. */
  readonly version?: number | undefined
}

/** The rules by which clients come, change and go, for every way in. */
export interface ClientAdministration {
  /** By id; @param options.search a prefix of it; @param options.cursor the last id of the page before */
  list(options: { search?: string; cursor?: string; limit: number }): Promise<readonly ClientView[]>
  byId(id: string): Promise<ClientView | undefined>
  create(
    id: string,
    definition: Readonly<Record<string, unknown>>,
    request: ClientRequest
  ): Promise<ClientDone | ClientRefusal>
  /** @param change as RFC 7396 has it: null takes a field back to its default */
  change(
    id: string,
    change: Readonly<Record<string, unknown>>,
    request: ClientRequest
  ): Promise<ClientDone | ClientRefusal>
  /** @param keepMs how long the old secret stays valid */
  rotateSecret(id: string, keepMs: number, request: ClientRequest): Promise<ClientDone | ClientRefusal>
  delete(id: string, request: ClientRequest): Promise<{ readonly outcome: 'done' } | ClientRefusal>
}

/** What the rules stand on. */
export interface ClientAdministrationTools {
  readonly store: ClientStore
  /** The clients of the configuration, as they are written there. */
  readonly configured: ReadonlyArray<{ readonly id: string; readonly definition: ClientView['definition'] }>
  /** Everything that is wrong with a definition. */
  mistakes(definition: ClientView['definition']): readonly DefinitionMistake[]
  /** A definition with all defaults. */
  complete(definition: ClientView['definition']): ClientView['definition']
  now(): number
}

/** Of many at once each round is one's: as many as there may be. */
const tries = 50

/** The rules over a store and a configuration. */
export function createClientAdministration(tools: ClientAdministrationTools): ClientAdministration {
  const { store, configured, now } = tools
  const fixed = new Map(configured.map(({ id, definition }) => [id, configuredView(id, definition)]))
  const viewOf = (stored: StoredClient): ClientView => ({
    ...{ id: stored.id, origin: 'database', stored, definition: tools.complete(stored.definition) }
  })
  const done = (stored: StoredClient, secret?: string): ClientDone => ({
    ...{ outcome: 'done', client: viewOf(stored) },
    ...(secret === undefined ? {} : { secret })
  })

  /** Reads, decides and writes, again where somebody else was faster and the caller has named no state. */
  const replaced = async (
    id: string,
    { version }: ClientRequest,
    next: (stored: StoredClient) => Replacement | ClientRefusal
  ): Promise<ClientDone | ClientRefusal> => {
    if (fixed.has(id)) return { outcome: 'configured' }
    for (let round = 0; round < tries; round++) {
      const stored = await store.byId(id)
      if (stored === undefined) return { outcome: 'not-found' }
      if (version !== undefined && version !== stored.updatedAt) return { outcome: 'changed' }
      const replacement = next(stored)
      if ('outcome' in replacement) return replacement
      const written = await store.replace(stored, replacement, now())
      if (written !== undefined) return done(written, replacement.secret)
    }
    return { outcome: 'changed' }
  }

  return {
    async list({ search = '', cursor = '', limit }) {
      const stored = await store.list({ search, cursor, limit })
      const own = [...fixed.values()].filter(({ id }) => id.startsWith(search) && isAfter(id, cursor))
      const theirs = stored.filter(({ id }) => !fixed.has(id)).map(viewOf)
      return [...own, ...theirs].sort((a, b) => (isAfter(a.id, b.id) ? 1 : -1)).slice(0, limit)
    },
    async byId(id) {
      const stored = fixed.has(id) ? undefined : await store.byId(id)
      return fixed.get(id) ?? (stored && viewOf(stored))
    },
    async create(id, definition, request) {
      if (fixed.has(id)) return { outcome: 'configured' }
      const refusal = refusalOf(id, {}, definition, request, tools)
      if (refusal) return refusal
      const at = now()
      const secret = hasSecret(definition) ? createSecret() : undefined
      const secrets = secret === undefined ? [] : [storedSecret(secret, at)]
      const client = { id, definition, secrets, createdAt: at, updatedAt: at }
      return (await store.create(client)) === 'taken' ? { outcome: 'taken' } : done(client, secret)
    },
    change: (id, change, request) =>
      replaced(id, request, (stored) => {
        const definition = patched(stored.definition, change)
        const refusal = refusalOf(id, stored.definition, definition, request, tools)
        return refusal ?? { definition, secrets: hasSecret(definition) ? stored.secrets : [] }
      }),
    rotateSecret: (id, keepMs, request) =>
      replaced(id, request, ({ definition, secrets }) => {
        const refusal = beyond([definition], request, tools)
        if (refusal) return refusal
        if (!hasSecret(definition)) return { outcome: 'no-secret' }
        const secret = createSecret()
        return { definition, secrets: rotated(secrets, secret, now(), keepMs), secret }
      }),
    async delete(id, { version }) {
      if (fixed.has(id)) return { outcome: 'configured' }
      if (await store.delete(id, version)) return { outcome: 'done' }
      return { outcome: version !== undefined && (await store.byId(id)) ? 'changed' : 'not-found' }
    }
  }
}

type Replacement = Pick<StoredClient, 'definition' | 'secrets'> & { readonly secret?: string }

const configuredView = (id: string, definition: ClientView['definition']): ClientView => ({
  ...{ id, origin: 'configuration', definition }
})

/** As both dialects order ids: by bytes. */
const isAfter = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0

const patched = (before: ClientView['definition'], change: ClientView['definition']): Record<string, unknown> =>
  Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null))

function refusalOf(
  id: string,
  before: ClientView['definition'],
  after: ClientView['definition'],
  request: ClientRequest,
  tools: ClientAdministrationTools
): ClientRefusal | undefined {
  const found = [...idMistakes(id), ...tools.mistakes(after)]
  if (found.length > 0) return { outcome: 'invalid', mistakes: found }
  return beyond([before, after], request, tools)
}

const maxIdLength = 128

function idMistakes(id: string): DefinitionMistake[] {
  if (isLikeUserId(id)) return [{ path: ['id'], message: 'is a UUIDv7, as the ids of users are' }]
  if (id === publicClientId)
    return [{ path: ['id'], message: 'is what callers without client authentication are called' }]
  return /^[\x21-\x7e]+$/.test(id) && id.length <= maxIdLength
    ? []
    : [{ path: ['id'], message: `expected printable ASCII without spaces, ${maxIdLength} at most` }]
}

/**
 * Whoever sets what a client proves itself with, or gets its secret, has its permissions, and at each exchange those of the
 * people whose tokens come by; and where it lists addresses, chooses which of them is asked for keys, or what limits and events
 * have for everybody's.
 */
function beyond(
  definitions: ReadonlyArray<ClientView['definition']>,
  { holds, mayEverything }: ClientRequest,
  { complete }: ClientAdministrationTools
): ClientRefusal | undefined {
  const completed = definitions.map(complete)
  const allOf = (name: 'grants' | 'allowPrivate' | 'forwardedFor') => completed.flatMap((one) => list(one[name]))
  if (!mayEverything && allOf('grants').includes(exchangeGrant)) return { outcome: 'exchanges' }
  if (!mayEverything && allOf('allowPrivate').length > 0) return { outcome: 'asks-private' }
  if (!mayEverything && allOf('forwardedFor').length > 0) return { outcome: 'hands-on' }
  const all = definitions.flatMap(({ permissions }) => list(permissions))
  const permissions = [...new Set(all)].filter((name) => !holds(name)).sort()
  return permissions.length === 0 ? undefined : { outcome: 'not-held', permissions }
}

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
