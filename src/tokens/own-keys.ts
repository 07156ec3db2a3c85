import type { Log } from '../auth/ports.ts'
import type { Algorithm, KeyChange, StoredKey } from './key-store.ts'
import { generateKey, isOwn, type PrivateKey, storedKeyOf } from './new-key.ts'
import { keyIn, type RotationTools } from './rotation.ts'

/**
 * Brings the keys of the configuration among the others, at a start: one that is new is published, and signs when its time
 * has come, or at once where nothing has signed yet; one that left is replaced likewise. Done at starts only, so that
 * replicas with the old and the new configuration don't undo each other's work.
 */
export async function applyOwnKeys(
  keys: readonly StoredKey[],
  own: readonly PrivateKey[],
  tools: RotationTools,
  log: Log
): Promise<void> {
  for (const algorithm of new Set([...tools.algorithms, ...keys.map((key) => key.algorithm)])) {
    const configured = own.find((key) => key.algorithm === algorithm)
    const usable = configured && !isRevoked(configured, keys, tools, log) ? configured : undefined
    await applyOwnKey(keys, algorithm, usable, tools)
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
): Promise<void> {
  const at = now()
  const current = keyIn(keys, algorithm, 'current')
  const next = keyIn(keys, algorithm, 'next')
  if (configured === undefined) {
    const isLeaving = current !== undefined && isOwn(current)
    const withdrawn = next !== undefined && isOwn(next) ? [withdrawal(next, at)] : []
    const isReplaced = next !== undefined && withdrawn.length === 0
    if (withdrawn.length === 0 && (!isLeaving || isReplaced)) return
    const made = isLeaving ? storedKeyOf(await generateKey(algorithm), 'next', { keys, seal, at }) : undefined
    await store.change(withdrawn, made)
    return
  }
  const wanted = storedKeyOf(configured, current === undefined ? 'current' : 'next', { keys, seal, at })
  if (current?.kid === wanted.kid) {
    if (next !== undefined) await store.change([withdrawal(next, at)])
    return
  }
  if (next?.kid === wanted.kid) return
  const withdrawn = next === undefined ? [] : [withdrawal(next, at)]
  const known = keys.find(({ kid }) => kid === wanted.kid)
  if (known === undefined) await store.change(withdrawn, wanted)
  else await store.change([...withdrawn, returned(known, wanted)])
}

/** A published key that will not sign: still published a while, for whoever has it is not disturbed. */
const withdrawal = (next: StoredKey, at: number): KeyChange => {
  return { kid: next.kid, from: 'next', set: { state: 'retired', retiredAt: at, sealed: '' } }
}

/** A key that left the configuration, and came back before it was forgotten. */
const returned = ({ kid, state: from }: StoredKey, { kid: _, algorithm: __, ...set }: StoredKey): KeyChange => {
  return { kid, from, set }
}
