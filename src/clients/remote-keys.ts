import type { Log } from '../auth/ports.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import { guardedLookup } from '../remote/checked-lookup.ts'
import { type Kept, keep, keySetTimes } from '../remote/kept.ts'
import { fetchKeySet } from '../remote/key-set.ts'
import type { PublicKeys, RegisteredClient } from './client.ts'

/** Keys that others publish. */
export interface RemoteKeys {
  /** @throws {TemporarilyUnavailable} they were never fetched, and can't be */
  at(source: KeySource): Promise<PublicKeys>
  /** The same, fetched again where the last time is long enough ago. */
  renewed(source: KeySource): Promise<PublicKeys>
}

/** Where keys are, and who says so. */
export interface KeySource {
  readonly uri: string
  readonly client: Pick<RegisteredClient, 'id' | 'allowPrivate' | 'mayFetchFrom'>
}

/** Key sets that are remembered at once. */
const maxSets = 1_000

/** Fetches clients' key sets (RFC 7517), and keeps each as `keySetTimes` says. */
export function createRemoteKeys({ log, now }: { readonly log: Log; readonly now: () => number }): RemoteKeys {
  const sets = new Map<string, Kept<PublicKeys>>()

  const setAt = ({ uri, client }: KeySource): Kept<PublicKeys> => {
    // what one client may reach is no other one's
    const name = JSON.stringify([client.id, client.allowPrivate, uri])
    const failed = (err: unknown): void =>
      log.warn(
        { err, event: 'client_keys_unavailable', client: client.id, uri },
        "a client's keys could not be fetched"
      )
    const fetch = async () => fetchKeySet(uri, { lookup: guardedLookup(uri, client.mayFetchFrom) })
    const set = sets.get(name) ?? keep({ fetch, failed, times: keySetTimes, now })
    sets.set(name, set)
    for (const oldest of sets.keys()) {
      if (sets.size <= maxSets) break
      sets.delete(oldest)
    }
    return set
  }
  const orUnavailable = async <Value>(keys: Promise<Value>): Promise<Value> => {
    try {
      return await keys
    } catch (error) {
      throw new TemporarilyUnavailable(error)
    }
  }

  return {
    at: (source) => orUnavailable(setAt(source).current()),
    renewed: async (source) => (await orUnavailable(setAt(source).renewed())).value
  }
}
