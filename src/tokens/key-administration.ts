import type { Along, PendingWrite } from '../auth/audit.ts'
import { Conflict } from '../errors.ts'
import type { Algorithm, StoredKey } from './key-store.ts'
import { isOwn } from './new-key.ts'
import {
  type CommitKeys,
  keyIn,
  type PlannedKey,
  planRevocation,
  planRotation,
  type RotationTools
} from './rotation.ts'

/** Why keys are not rotated. */
export type RotationRefusal = 'not-signed-with' | 'no-key' | 'from-file' | 'lost'

/** Which keys are rotated, and whether the next ones sign at once. */
export interface RotationRequest {
  readonly algorithm?: Algorithm | undefined
  readonly now?: boolean | undefined
}

/**
 * Writes a change of the keys in one commit with its event.
 * @param record writes the event of the act as a success, with what goes along
 * @returns `lost` where somebody else changed the keys meanwhile: nothing is written then
 */
export async function commitKeys(
  write: PendingWrite,
  record: (along: readonly Along[]) => Promise<void>
): Promise<'done' | 'lost'> {
  let lost: Conflict | undefined
  const refused = async (): Promise<never> => {
    lost = new Conflict('Somebody else changed the keys first')
    throw lost
  }
  try {
    await record([{ write, refused }])
    return 'done'
  } catch (error) {
    if (error === lost) return 'lost'
    throw error
  }
}

/**
 * Publishes the next key of each algorithm that tokens are signed with, or of one; all of them or none.
 * @param stored as they were just read
 * @returns the keys that sign next, as they are then; `lost` where somebody else changed the keys meanwhile
 */
export async function rotateKeys(
  stored: readonly StoredKey[],
  { algorithm, now = false }: RotationRequest,
  tools: RotationTools,
  commit: CommitKeys
): Promise<readonly StoredKey[] | RotationRefusal> {
  const { algorithms } = tools
  if (algorithm !== undefined && !algorithms.includes(algorithm)) return 'not-signed-with'
  const wanted = algorithm === undefined ? algorithms : [algorithm]
  const current = wanted.flatMap((each) => keyIn(stored, each, 'current') ?? [])
  if (current.length === 0) return 'no-key'
  const replaceable = current.filter((key) => !isOwn(key))
  if (replaceable.length === 0) return 'from-file'
  const planned: PlannedKey[] = []
  for (const key of replaceable) planned.push(await planRotation(key, stored, tools, now))
  const write = tools.store.pending({
    changes: planned.flatMap(({ write: { changes = [] } }) => changes),
    added: planned.flatMap(({ write: { added = [] } }) => added)
  })
  return (await commit(write)) === 'lost' ? 'lost' : planned.map(({ key }) => key)
}

/** What became of a key that is to be revoked. */
export type KeyRevocation =
  | { readonly outcome: 'not-found' | 'already' | 'lost' }
  /** `successor`: the key that signs in its place, where it was current. */
  | { readonly outcome: 'revoked'; readonly successor?: StoredKey }

/** Takes a key out of the key set for good. @param stored as they were just read */
export async function revokeKeyById(
  kid: string,
  stored: readonly StoredKey[],
  tools: RotationTools,
  commit: CommitKeys
): Promise<KeyRevocation> {
  const key = stored.find((other) => other.kid === kid)
  if (key === undefined) return { outcome: 'not-found' }
  if (key.state === 'revoked') return { outcome: 'already' }
  const { key: successor, write } = await planRevocation(key, stored, tools)
  if ((await commit(tools.store.pending(write))) === 'lost') return { outcome: 'lost' }
  return { outcome: 'revoked', ...(successor && { successor }) }
}

/** A key as people see it: all but the private half. */
export const keyAsJson = (key: StoredKey) => ({
  kid: key.kid,
  algorithm: key.algorithm,
  state: key.state,
  own: isOwn(key),
  createdAt: iso(key.createdAt),
  activatedAt: key.activatedAt === null ? null : iso(key.activatedAt),
  retiredAt: key.retiredAt === null ? null : iso(key.retiredAt)
})

const iso = (epochMs: number): string => new Date(epochMs).toISOString()
