import type { Log } from '../auth/ports.ts'
import type { Algorithm, KeyChange, StoredKey } from './key-store.ts'
import { generateKey, isOwn, type PrivateKey, storedKeyOf } from './new-key.ts'
import { type KeyAct, keyIn, type RotationTools, type TellOfKey } from './rotation.ts'

/**
 * Brings the keys of the configuration among the others, at a start: one that is new is published, and signs when its time
 * has come, or at once where nothing has signed yet; one that left is replaced likewise. Done at starts only, so that
 * replicas with the old and the new configuration don't undo each other's work.
 */
export async function applyOwnKeys(
  keys: readonly StoredKey[],
  own: readonly PrivateKey[],
  tools: RotationTools,
  { log, tell }: { readonly log: Log; readonly tell: TellOfKey }
): Promise<void> {
  for (const algorithm of new Set([...tools.algorithms, ...keys.map((key) => key.algorithm)])) {
    const configured = own.find((key) => key.algorithm === algorithm)
    const usable = configured && !isRevoked(configured, keys, tools, log) ? configured : undefined
    for (const act of await applyOwnKey(keys, algorithm, usable, tools)) await tell(act)
  }
}

function isRevoked(key: PrivateKey, keys: readonly StoredKey[], tools: RotationTools, log: Log): boolean {
  const { kid } = storedKeyOf(key, 'next', { keys, seal: tools.seal, at: 0 })
  const revoked = keys.some((other) => other.kid === kid && other.state === 'revoked')
  if (revoked) log.error({ event: 'own_key_revoked', kid }, 'a key of the configuration was revoked, and is not used')
  return revoked
}

async function applyOwnKey(
  keys: readonly StoredKey[],
  algorithm: Algorithm,
  configured: PrivateKey | undefined,
  { store, seal, now }: RotationTools
): Promise<readonly KeyAct[]> {
  const at = now()
  const current = keyIn(keys, algorithm, 'current')
  const next = keyIn(keys, algorithm, 'next')
  const exchange = async (leaves: boolean, made?: StoredKey): Promise<readonly KeyAct[]> => {
    const known = keys.find(({ kid }) => kid === made?.kid)
    const changes = [
      ...(leaves && next !== undefined ? [withdrawal(next, at)] : []),
      ...(made !== undefined && known !== undefined ? [returned(known, made)] : [])
    ]
    if (changes.length === 0 && made === undefined) return []
    if ((await store.change(changes, known === undefined ? made : undefined)) === 'lost') return []
    return actsOf(algorithm, leaves ? next : undefined, made)
  }
  if (configured === undefined) {
    const isLeaving = current !== undefined && isOwn(current)
    const isWithdrawn = next !== undefined && isOwn(next)
    const isReplaced = next !== undefined && !isWithdrawn
    if (!isWithdrawn && (!isLeaving || isReplaced)) return []
    const made = isLeaving ? storedKeyOf(await generateKey(algorithm), 'next', { keys, seal, at }) : undefined
    return exchange(isWithdrawn, made)
  }
  const wanted = storedKeyOf(configured, current === undefined ? 'current' : 'next', { keys, seal, at })
  if (current?.kid === wanted.kid) return exchange(true)
  if (next?.kid === wanted.kid) return []
  return exchange(true, wanted)
}

function actsOf(algorithm: Algorithm, withdrawn: StoredKey | undefined, made: StoredKey | undefined): KeyAct[] {
  const left = withdrawn && ({ action: 'withdraw', kid: withdrawn.kid, algorithm } as const)
  const action = made?.state === 'current' ? 'create' : 'publish'
  return [...(left ? [left] : []), ...(made ? [{ action, kid: made.kid, algorithm } as const] : [])]
}

/** A published key that will not sign: still published a while, for whoever has it is not disturbed. */
const withdrawal = (next: StoredKey, at: number): KeyChange => {
  return { kid: next.kid, from: 'next', set: { state: 'retired', retiredAt: at, sealed: '' } }
}

/** A key that left the configuration, and came back before it was forgotten. */
const returned = ({ kid, state: from }: StoredKey, { kid: _, algorithm: __, ...set }: StoredKey): KeyChange => {
  return { kid, from, set }
}
