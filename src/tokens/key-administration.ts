import type { Algorithm, StoredKey } from './key-store.ts'
import { isOwn } from './new-key.ts'
import { keyIn, type RotationTools, revokeKey, rotateKey } from './rotation.ts'

/** Why keys are not rotated. */
export type RotationRefusal = 'not-signed-with' | 'no-key' | 'from-file' | 'lost'

/** Which keys are rotated, and whether the next ones sign at once. */
export interface RotationRequest {
  readonly algorithm?: Algorithm | undefined
  readonly now?: boolean | undefined
}

/**
 * Publishes the next key of each algorithm that tokens are signed with, or of one.
 * @param stored as they were just read
 * @returns the keys that sign next; `lost` where somebody else changed the keys meanwhile
 */
export async function rotateKeys(
  stored: readonly StoredKey[],
  { algorithm, now = false }: RotationRequest,
  tools: RotationTools
): Promise<readonly StoredKey[] | RotationRefusal> {
  const { algorithms } = tools
  if (algorithm !== undefined && !algorithms.includes(algorithm)) return 'not-signed-with'
  const wanted = algorithm === undefined ? algorithms : [algorithm]
  const current = wanted.flatMap((each) => keyIn(stored, each, 'current') ?? [])
  if (current.length === 0) return 'no-key'
  const replaceable = current.filter((key) => !isOwn(key))
  if (replaceable.length === 0) return 'from-file'
  const rotated: StoredKey[] = []
  for (const key of replaceable) {
    const next = await rotateKey(key, stored, tools, now)
    if (next === undefined) return 'lost'
    rotated.push(next)
  }
  return rotated
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
  tools: RotationTools
): Promise<KeyRevocation> {
  const key = stored.find((other) => other.kid === kid)
  if (key === undefined) return { outcome: 'not-found' }
  if (key.state === 'revoked') return { outcome: 'already' }
  const successor = await revokeKey(key, stored, tools)
  if (successor === 'lost') return { outcome: 'lost' }
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
