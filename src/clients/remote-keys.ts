import type { Log } from '../auth/ports.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import type { PublicKeys } from './client.ts'

const timeoutMs = 3_000
const maxBytes = 64 * 1024
const freshMs = 10 * 60_000
/** How often a key that is not there is looked for. */
const retryMs = 30_000

/** Keys that others publish. */
export interface RemoteKeys {
  /** @throws {TemporarilyUnavailable} they were never fetched, and can't be */
  at(uri: string): Promise<PublicKeys>
  /** The same, fetched again where the last time is long enough ago. */
  renewed(uri: string): Promise<PublicKeys>
}

interface Fetched {
  keys?: PublicKeys
  triedAt: number
  fetching?: Promise<void>
}

/** Fetches key sets (RFC 7517) with a limit on time and size, keeps them for ten minutes, and the last good ones while none come. */
export function createRemoteKeys({ log, now }: { readonly log: Log; readonly now: () => number }): RemoteKeys {
  const sets = new Map<string, Fetched>()

  const renew = async (uri: string, set: Fetched): Promise<void> => {
    set.triedAt = now()
    try {
      set.keys = await fetchKeys(uri)
    } catch (err) {
      log.warn({ err, event: 'client_keys_unavailable', uri }, "a client's keys could not be fetched")
    } finally {
      delete set.fetching
    }
  }

  const get = async (uri: string, maxAgeMs: number): Promise<PublicKeys> => {
    const set: Fetched = sets.get(uri) ?? { triedAt: Number.NEGATIVE_INFINITY }
    sets.set(uri, set)
    const isOld = now() - set.triedAt >= (set.keys === undefined ? retryMs / 10 : maxAgeMs)
    if (isOld) set.fetching ??= renew(uri, set)
    await set.fetching
    if (set.keys === undefined) throw new TemporarilyUnavailable("a client's keys could not be fetched")
    return set.keys
  }

  return { at: (uri) => get(uri, freshMs), renewed: (uri) => get(uri, retryMs) }
}

async function fetchKeys(uri: string): Promise<PublicKeys> {
  const answer = await fetch(uri, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs)
  })
  if (answer.status !== 200 || answer.body === null) throw new Error(`the key set answers ${answer.status}`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new Error('the key set is too large')
    chunks.push(chunk)
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  if (!isKeys(value)) throw new Error('the key set is malformed')
  return value
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isKeys = (value: unknown): value is PublicKeys =>
  isMapping(value) && Array.isArray(value.keys) && value.keys.every(isMapping)
