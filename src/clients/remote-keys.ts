import type { Log } from '../auth/ports.ts'
import { TemporarilyUnavailable } from '../errors.ts'
import { type Kept, keep, keySetTimes } from '../remote/kept.ts'
import { fetchKeySet } from '../remote/key-set.ts'
import type { PublicKeys } from './client.ts'

/** Keys that others publish. */
export interface RemoteKeys {
  /** @throws {TemporarilyUnavailable} they were never fetched, and can't be */
  at(uri: string): Promise<PublicKeys>
  /** The same, fetched again where the last time is long enough ago. */
  renewed(uri: string): Promise<PublicKeys>
}

/** Fetches clients' key sets (RFC 7517), and keeps each as `keySetTimes` says. */
export function createRemoteKeys({ log, now }: { readonly log: Log; readonly now: () => number }): RemoteKeys {
  const sets = new Map<string, Kept<PublicKeys>>()

  const setAt = (uri: string): Kept<PublicKeys> => {
    const failed = (err: unknown): void =>
      log.warn({ err, event: 'client_keys_unavailable', uri }, "a client's keys could not be fetched")
    const set = sets.get(uri) ?? keep({ fetch: () => fetchKeySet(uri), failed, times: keySetTimes, now })
    sets.set(uri, set)
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
    at: (uri) => orUnavailable(setAt(uri).current()),
    renewed: async (uri) => (await orUnavailable(setAt(uri).renewed())).value
  }
}
